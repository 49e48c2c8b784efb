"""What a run keeps for the next one does not show in what comes out, and is good for the code that kept it alone."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.corpus import Corpus
from pipeline.kept import keeping, kept
from pipeline.link import duplicates
from pipeline.shards import code

NUMBERS = pa.schema([("number", pa.int64())])
STORY = "the council paid for the bridge that nobody had asked for and then it paid once more for its repair"
TEXTS = (STORY, STORY.removesuffix(" for its repair"), STORY, "quite another story of five words", "short")


def _keep(path: Path, numbers: list[int]) -> None:
    with keeping(path, NUMBERS) as file:
        file.write_batch(pa.record_batch([pa.array(numbers)], schema=NUMBERS))


def _duplicates(texts: tuple[str, ...], work: Path | None) -> list[tuple]:
    keys = [f"d{number}" for number in range(len(texts))]
    documents = {
        "document_id": keys,
        "source": keys,
        "text_sha256": [hashlib.sha256(text.encode()).hexdigest() for text in texts],
        "published_start": pa.nulls(len(texts), pa.date32()),
    }
    corpus = Corpus({"documents": pa.table(documents), "texts": pa.table({"document_id": keys, "text": texts})})
    duplicates.find_duplicates(corpus, work)
    return list(corpus.rows("FROM duplicates ORDER BY ALL"))


def test_what_is_kept_is_found_by_the_code_that_kept_it_and_no_other(tmp_path, monkeypatch):
    """Rows are found as they were; nothing in a file that is torn or absent, and nothing by other code."""
    _keep(tmp_path / "a.parquet", [1, 2])
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-9])

    found = kept(tmp_path / "a.parquet")
    assert found is not None
    assert list(Corpus({"a": found}).rows("FROM a")) == [(1,), (2,)]
    assert kept(tmp_path / "torn.parquet") is kept(tmp_path / "absent.parquet") is None
    monkeypatch.setattr(code, "everything", lambda: "other code")
    assert kept(tmp_path / "a.parquet") is None


def test_rows_that_were_not_written_to_the_end_do_not_take_the_place_of_those_that_are_kept(tmp_path):
    """A run that fails on the way leaves what the one before kept."""
    _keep(tmp_path / "a.parquet", [1])
    with pytest.raises(ValueError, match="on the way"), keeping(tmp_path / "a.parquet", NUMBERS):
        raise ValueError("on the way")

    assert list(Corpus({"a": kept(tmp_path / "a.parquet")}).rows("FROM a")) == [(1,)]


def test_a_text_is_sketched_once_and_duplicates_are_the_same(tmp_path, monkeypatch):
    """Texts that were there before are not read again; what is new is, and is compared with all."""
    assert _duplicates(TEXTS[:1], tmp_path) == []
    sketched = []
    sketch = duplicates._sketch
    monkeypatch.setattr(duplicates, "_sketch", lambda text: sketched.append(text) or sketch(text))

    found = _duplicates(TEXTS, tmp_path)

    assert [row[:3] for row in found] == [("d1", "d0", "near"), ("d2", "d0", "exact")]
    assert sorted(sketched) == sorted({TEXTS[1], *TEXTS[3:]})
    assert found == _duplicates(TEXTS, tmp_path) == _duplicates(TEXTS, None)
    assert sorted(sketched) == sorted([TEXTS[1], *TEXTS[3:], *set(TEXTS)])
