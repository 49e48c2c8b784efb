"""The same text in several documents: exact and near duplicates among all documents."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

import pyarrow as pa

from pipeline.corpus import Corpus

SHINGLE_WORDS = 5
NEAR = 0.5
"""Least Jaccard similarity of five-word sequences for a near duplicate: most of what the two hold is the same. News
reprints with cuts lie above 0.6, two reports of one event by different hands below 0.2 (sample corpus)."""
_BANDS, _ROWS = 42, 3  # LSH finds a pair of similarity 0.5 with probability 0.996, one of 0.1 with 0.04
_CROWD = 64
"""Texts of one band, the earliest first, with which a later one is compared: a band that more share is boilerplate, and
a reprint has 41 others."""
_BATCH = 1_000  # texts held as Python strings at a time
_HELD = 64  # texts whose word sequences are kept at hand

_WORD = re.compile(r"\w+")
_TEXTS = pa.schema([("age", pa.int64()), ("text", pa.string())])
_PAIRS = pa.schema([("at", pa.int64()), ("other", pa.int64()), ("text", pa.string()), ("other_text", pa.string())])
_FOUND = pa.schema([("at", pa.int64()), ("other", pa.int64()), ("kind", pa.string()), ("similarity", pa.float64())])


def find_duplicates(corpus: Corpus) -> None:
    """Make the table `duplicates` (document_id, duplicate_of, kind, similarity) beside `documents` and `texts`.

    The earliest of a group (first day, then `source`) is no duplicate. Sketches and pairs lie in the engine, so that
    the documents that are held do not grow with the corpus.
    """
    corpus.execute(
        "CREATE OR REPLACE TABLE aged AS SELECT *, min(age) OVER (PARTITION BY text_sha256) AS first FROM (SELECT "
        "document_id, text_sha256, row_number() OVER (ORDER BY published_start NULLS LAST, source) AS age "
        "FROM documents SEMI JOIN texts USING (document_id))"
    )
    corpus.add("bands", pa.table({"age": pa.array([], pa.int64()), "band": pa.array([], pa.uint64())}))
    own = "SELECT age, text FROM aged JOIN texts USING (document_id) WHERE age = first"
    for batch in corpus.batches(own, _TEXTS, _BATCH):
        corpus.add("bands", _bands(batch))
    corpus.execute(
        "CREATE OR REPLACE TABLE pairs AS WITH shared AS (SELECT age, band, row_number() OVER (PARTITION BY band "
        "ORDER BY age) AS place FROM bands WHERE band IN (SELECT band FROM bands GROUP BY band HAVING count(*) > 1)) "
        "SELECT DISTINCT later.age AS at, earlier.age AS other FROM shared later JOIN shared earlier "
        f"ON later.band = earlier.band AND earlier.age < later.age AND earlier.place <= {_CROWD}"
    )
    corpus.add("near", _FOUND.empty_table())
    pairs = (
        "SELECT p.at, p.other, t.text, o.text FROM pairs p JOIN aged a ON p.at = a.age "
        "JOIN aged b ON p.other = b.age JOIN texts t ON t.document_id = a.document_id "
        "JOIN texts o ON o.document_id = b.document_id ORDER BY p.at, p.other"
    )
    found = list(_near(corpus.rows(pairs)))
    if found:
        columns = zip(*found, strict=True)
        corpus.add("near", pa.table(dict(zip(_FOUND.names, columns, strict=True)), _FOUND))
    corpus.execute(
        "CREATE OR REPLACE TABLE duplicates AS SELECT a.document_id, b.document_id AS duplicate_of, d.kind, "
        "d.similarity FROM (SELECT * FROM near UNION ALL SELECT age, first, 'exact', 1.0 FROM aged WHERE age <> first) "
        "d JOIN aged a ON d.at = a.age JOIN aged b ON d.other = b.age"
    )
    for table in ("aged", "bands", "pairs", "near"):
        corpus.execute(f"DROP TABLE {table}")


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return frozenset(tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1))


def _bands(batch: pa.RecordBatch) -> pa.Table:
    """Each text's sketch cut into bands: (age, band), a number for what stands in a band and for which one it is."""
    import numpy as np
    from rensa import RMinHash

    ages, digests = [], []
    for age, text in zip(batch["age"].to_pylist(), batch["text"].to_pylist(), strict=True):
        own = _shingles(text)
        if own:
            sketch = RMinHash(num_perm=_BANDS * _ROWS, seed=1)
            sketch.update([" ".join(shingle) for shingle in own])
            ages.append(age)
            digests.append(sketch.digest())
    parts = np.array(digests, np.uint64).reshape(-1, _BANDS, _ROWS)
    bands = np.arange(_BANDS, dtype=np.uint64)[None, :].repeat(len(ages), 0)
    for place in range(_ROWS):  # another pair in one number is compared in vain, no more
        bands = (bands ^ parts[:, :, place]) * np.uint64(0x9E3779B97F4A7C15)
        bands ^= bands >> np.uint64(32)
    return pa.table({"age": np.repeat(np.array(ages, np.int64), _BANDS), "band": bands.ravel()})


def _near(pairs: Iterator[tuple[int, int, str, str]]) -> Iterator[tuple[int, int, str, float]]:
    """(text, the earliest text that it nearly repeats, 'near', Jaccard similarity), from pairs in order."""
    held = lru_cache(_HELD)(_shingles)
    for at, group in groupby(pairs, key=itemgetter(0)):
        for _, other, text, other_text in group:
            own, others = held(text), held(other_text)
            similarity = len(own & others) / len(own | others)
            if similarity >= NEAR:
                yield at, other, "near", round(similarity, 3)
                break
