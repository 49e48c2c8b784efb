"""The made-up corpus that benchmarks run on."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import link, schema
from pipeline.bench import clean as bench
from pipeline.bench import corpus
from pipeline.clean import clean
from pipeline.read import RAW, read


def _sums(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_corpus_is_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    """Equal arguments give equal bytes, another seed other ones, and what is there is not written over."""
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        corpus.write(tmp_path / name, 300, seed=seed)

    assert _sums(tmp_path / "a") == _sums(tmp_path / "b") != _sums(tmp_path / "c")
    with pytest.raises(FileExistsError):
        corpus.write(tmp_path / "a", 300)


def test_a_corpus_has_so_many_documents_and_so_many_bad_ones(tmp_path: Path) -> None:
    """Every document is read, the bad ones alone are rejected, and few are duplicates: those that were copied."""
    written = corpus.write(tmp_path / "raw", 1500)
    documents, texts = clean(pa.Table.from_pylist(list(read(tmp_path / "raw")), RAW))
    words = sorted(len(text.split()) for text in texts["text"].to_pylist())
    linked = link.link(documents, texts, schema.empty("claims")).documents

    assert written.documents == documents.num_rows == 1500
    assert written.bad == documents.num_rows - texts.num_rows == 7
    assert set(documents["format"].to_pylist()) == {"html", "jsonl"}
    assert (150, 250) <= (words[75], words[-75]) < (200, 260)  # all but the shortest and longest twentieth
    assert linked.num_rows - linked["duplicate_of"].null_count == 1500 // corpus.COPIES


def test_a_later_edition_differs_where_it_is_told_to(tmp_path: Path) -> None:
    """Changed documents come longer, all others as they were."""
    corpus.write(tmp_path / "old", 200)
    corpus.write(tmp_path / "new", 200, changed=range(100, 104))
    old, new = (list(read(tmp_path / name)) for name in ("old", "new"))

    assert [row["source"] for row in old] == [row["source"] for row in new]
    assert sum(a["content"] != b["content"] for a, b in zip(old, new, strict=True)) == 4


def test_cleaning_is_measured_beside_its_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part has a ratio, and that of a peer to itself is one."""
    pytest.importorskip("datasketch")
    monkeypatch.setattr(bench, "PAGES", 2)
    found = bench.bench(list(corpus.texts(5)))

    assert found["text"]["ftfy + py3langid + datasketch"]["ratio_to_peers"] == 1.0
    assert found["html"]["trafilatura, text alone"]["cpu_to_extractor"] == 1.0
    assert found["text"]["clean stage"]["ratio_to_peers"] > 0 < found["html"]["clean stage"]["cpu_to_extractor"]
