"""The same text in several documents: exact and near duplicates among all documents."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema

SHINGLE_WORDS = 5
NEAR = 0.5
"""Least Jaccard similarity of five-word sequences for a near duplicate: most of what the two hold is the same. News
reprints with cuts lie above 0.6, two reports of one event by different hands below 0.2 (sample corpus)."""
_BANDS, _ROWS = 42, 3  # LSH finds a pair of similarity 0.5 with probability 0.996, one of 0.1 with 0.04
_HELD = 64  # documents whose word sequences are kept at hand

_WORD = re.compile(r"\w+")


def mark_duplicates(documents: pa.Table, texts: pa.Table) -> pa.Table:
    """The documents with `duplicate_*` filled; the earliest of a group (first day, then `source`) is no duplicate."""
    places = pc.index_in(texts["document_id"], value_set=documents["document_id"]).to_pylist()
    order = _by_age(documents, places)
    sums = documents["text_sha256"]
    ids = documents["document_id"]
    found: dict[int, tuple[str, str, float]] = {}
    first_with: dict[str, int] = {}
    distinct = []
    for at in order:
        first = first_with.setdefault(sums[places[at]].as_py(), at)
        if first != at:
            found[places[at]] = (ids[places[first]].as_py(), "exact", 1.0)
        else:
            distinct.append(at)
    for at, other, similarity in _near(distinct, texts["text"]):
        found[places[at]] = (ids[places[other]].as_py(), "near", round(similarity, 3))
    for number, name in enumerate(("duplicate_of", "duplicate_kind", "duplicate_similarity")):
        field = schema.arrow("documents").field(name)
        values = [found[row][number] if row in found else None for row in range(documents.num_rows)]
        documents = documents.set_column(
            documents.schema.get_field_index(name), field, pa.array(values, type=field.type)
        )
    return documents


def _by_age(documents: pa.Table, places: Sequence[int]) -> list[int]:
    """Indices of the texts, the earliest document first, those without a date last."""
    held = documents.select(["published_start", "source"]).take(pa.array(places, type=pa.int64()))
    keys = [("published_start", "ascending"), ("source", "ascending")]  # nulls come last
    return pc.sort_indices(held, sort_keys=keys).to_pylist()


def _near(order: Iterable[int], texts: pa.ChunkedArray) -> Iterator[tuple[int, int, float]]:
    """(text, the earliest text that it nearly repeats, Jaccard similarity), in order."""
    from rensa import RMinHash, RMinHashLSH

    @lru_cache(_HELD)
    def shingles(at: int) -> frozenset[tuple[str, ...]]:
        words = _WORD.findall(texts[at].as_py().casefold())
        return frozenset(tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1))

    index = RMinHashLSH(threshold=NEAR, num_perm=_BANDS * _ROWS, num_bands=_BANDS)
    indexed: list[int] = []
    for at in order:
        own = shingles(at)
        if not own:
            continue
        sketch = RMinHash(num_perm=_BANDS * _ROWS, seed=1)
        sketch.update([" ".join(shingle) for shingle in own])
        for number in sorted(index.query(sketch)):
            others = shingles(indexed[number])
            similarity = len(own & others) / len(own | others)
            if similarity >= NEAR:
                yield at, indexed[number], similarity
                break
        index.insert(len(indexed), sketch)
        indexed.append(at)
