import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from releases import published

from pipeline import read, schema
from pipeline.clean import clean
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import manifest
from pipeline.release.rehydrate import rehydrate

ARTICLES = {
    "courier/quay.txt": "THE QUAY\n\nBy Ada Quill\n\n“The quay is closed,” Dorn said on Monday.\n".encode(),
    "courier/wall.txt": "Nobody saw the wall – it was dark.\r\n".encode("cp1252"),
    "courier/feed.jsonl": (
        b'{"title": "Ropes", "text": "The ropes were wet."}\n{"text": "Wet ropes slip, says dorn@quay.example."}\n'
    ),
    "gazette/open.txt": b"This one may be published.\n",
}
FACTS = {
    "courier": 'outlet = "Courier"\npublish_text = false\nredact = true\n[files."wall.txt"]\nencoding = "cp1252"\n'
    'title = "Wall"\n',
    "gazette": 'outlet = "The Gazette"\n',
}


def articles(folder: Path) -> Path:
    """A raw folder of two outlets, one of which withholds its texts."""
    for name, content in ARTICLES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for outlet, facts in FACTS.items():
        (folder / outlet / "source.toml").write_text(facts)
    return folder


def cleaned(raw: Path) -> tiny.Rows:
    """What the articles come to, without claims."""
    documents, texts = clean(pa.Table.from_pylist(list(read.read(raw)), schema=read.RAW))
    rows: tiny.Rows = {name: [] for name in schema.TABLES}
    return rows | {"documents": documents.to_pylist(), "texts": texts.to_pylist()}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of those articles, with one text of five published; nothing may change it."""
    folder = tmp_path_factory.mktemp("release")
    return published(folder / "output", cleaned(articles(folder / "raw")), "1.0.0")


def test_withheld_texts_come_back_byte_for_byte(release: Path, tmp_path: Path) -> None:
    """From the raw folder itself the complete texts.parquet is made, with the digest that the release names."""
    found = rehydrate(release, articles(tmp_path / "raw"), tmp_path / "whole")

    assert (5, 4) == (found.rows, found.rebuilt)
    assert 1 == pq.read_metadata(release / "data" / "texts.parquet").num_rows
    said = json.loads((release / "provenance.json").read_bytes())["withheld"]
    assert {"documents": 4, "texts_sha256": manifest.digest(tmp_path / "whole" / "texts.parquet")} == said
    texts = pq.read_table(tmp_path / "whole" / "texts.parquet")["text"].to_pylist()
    assert {"Nobody saw the wall – it was dark.", "Wet ropes slip, says [e-mail redacted]."} <= set(texts)


def test_an_article_is_known_by_its_bytes(release: Path, tmp_path: Path) -> None:
    """Copies under other names, compressed, in one folder and without any source.toml do as well."""
    (tmp_path / "copies").mkdir()
    for number, (name, content) in enumerate(ARTICLES.items()):
        ending = Path(name).suffix
        (tmp_path / "copies" / f"{number}{ending}.gz").write_bytes(gzip.compress(content))

    assert 4 == rehydrate(release, tmp_path / "copies", tmp_path / "whole").rebuilt


def test_the_article_that_differs_is_named(release: Path, tmp_path: Path) -> None:
    """An edited copy is named with both digests, a missing one with the digest to look for; nothing is written."""
    raw = articles(tmp_path / "raw")
    (raw / "courier" / "quay.txt").write_bytes(ARTICLES["courier/quay.txt"] + b"Correction: it was Tuesday.\n")
    (raw / "courier" / "feed.jsonl").unlink()
    with pytest.raises(ReleaseRefused) as refused:
        rehydrate(release, raw, tmp_path / "whole")

    told = str(refused.value)
    assert "3 of 4 withheld articles are not there as they were read" in told
    assert f"courier/quay.txt: your copy hashes to {manifest.digest(raw / 'courier' / 'quay.txt')}" in told
    assert "courier/feed.jsonl#2: no file has the bytes that hash to" in told
    assert "wall.txt" not in told
    assert not list(tmp_path.glob("whole/*"))


def test_another_cleaner_is_told(tmp_path: Path) -> None:
    """Where the same bytes come out otherwise, in their words or in the rest of the row, it is said and not written."""
    raw = articles(tmp_path / "raw")
    rows = cleaned(raw)
    wall = next(row for row in rows["documents"] if row["source"] == "courier/wall.txt")
    text = next(row for row in rows["texts"] if row["document_id"] == wall["document_id"])
    text["cleaner"] = wall["cleaner"] = "clean/0"
    with pytest.raises(
        ReleaseRefused, match=r"come out otherwise .* cleaned by clean/0, clean/1 redacted, this is clean/1"
    ):
        rehydrate(published(tmp_path / "one", rows, "1.0.0"), raw, tmp_path / "whole")
    wall["text_sha256"] = "0" * 64
    with pytest.raises(ReleaseRefused, match=r"courier/wall\.txt: the same articles come out otherwise"):
        rehydrate(published(tmp_path / "two", rows, "1.0.0"), raw, tmp_path / "whole")
    assert not list(tmp_path.glob("whole/*"))


def test_a_release_that_was_changed_is_refused(release: Path, tmp_path: Path) -> None:
    """What the release says is believed only while its own sums are right."""
    (tmp_path / "copy").mkdir()
    for name in manifest.files(release):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / name).write_bytes((release / name).read_bytes() + b" ")
    with pytest.raises(ReleaseRefused, match="manifest"):
        rehydrate(tmp_path / "copy", articles(tmp_path / "raw"), tmp_path / "whole")


def test_wrong_use_is_told(release: Path, tmp_path: Path) -> None:
    """A target inside the release, one that cannot be written, a release without withheld texts, a missing folder."""
    raw = articles(tmp_path / "raw")
    with pytest.raises(StoreError, match="would be passed on"):
        rehydrate(release, raw, release / "data" / "all")
    with pytest.raises(StoreError, match="nowhere"):
        rehydrate(release, raw, tmp_path / "nowhere" / "whole")
    with pytest.raises(StoreError, match="is no folder"):
        rehydrate(release, tmp_path / "none", tmp_path / "whole")
    rows = tiny.rows()
    rows["documents"] = [row | {"text_published": True} for row in rows["documents"]]
    with pytest.raises(StoreError, match="withholds no text"):
        rehydrate(published(tmp_path / "output", rows, "1.0.0"), raw, tmp_path / "whole")
