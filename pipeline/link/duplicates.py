"""The same text in several documents: exact and near duplicates among all documents."""

import hashlib
import re
from array import array
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import lru_cache
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus import Corpus, Files
from pipeline.kept import keeping, kept

FILE = "sketches.parquet"
SHINGLE_WORDS = 5
NEAR = 0.5
"""Least Jaccard similarity of five-word sequences for a near duplicate: most of what the two hold is the same. News
reprints with cuts lie above 0.6, two reports of one event by different hands below 0.2 (sample corpus)."""
_BANDS, _ROWS = 42, 3  # LSH finds a pair of similarity 0.5 with probability 0.996, one of 0.1 with 0.04
_CROWD = 64
"""Texts of one band, the earliest first, of which a later one is held to be like: a band that more share is
boilerplate, and a reprint has 41 others. With so many texts in all it is compared."""
_LIKELY = 6
"""Shared bands that make two texts as likely as can be: of similarity 0.5 they share five, of 0.35 two."""
_BATCH = 500  # texts held as Python strings at a time
_HELD = 256  # texts whose word sequences are kept at hand

_WORD = re.compile(r"\w+")
_TEXTS = pa.schema([("age", pa.int64()), ("text", pa.string())])
_SKETCHES = pa.schema([("text_sha256", pa.string()), ("sketch", pa.binary())])
_SKETCHED = pa.schema([("age", pa.int64()), *_SKETCHES])
_FOUND = pa.schema([("age", pa.int64()), ("other", pa.int64()), ("kind", pa.string()), ("similarity", pa.float64())])


def find_duplicates(corpus: Corpus, work: Path | None = None) -> None:
    """Make the table `duplicates` (document_id, duplicate_of, kind, similarity) beside `documents` and `texts`.

    The earliest of a group (first day, then `source`) is no duplicate. Sketches and pairs lie in the engine, so that
    the documents that are held do not grow with the corpus. `work` is a folder in which the sketch of a text is kept
    for the next time.
    """
    corpus.execute(
        "CREATE OR REPLACE TABLE aged AS SELECT *, min(age) OVER (PARTITION BY text_sha256) AS first FROM (SELECT "
        "document_id, text_sha256, row_number() OVER (ORDER BY published_start NULLS LAST, source) AS age "
        "FROM documents SEMI JOIN texts USING (document_id))"
    )
    corpus.add("bands", pa.table({"age": pa.array([], pa.int64()), "band": pa.array([], pa.uint64())}))
    with keeping(work / FILE, _SKETCHES) if work else nullcontext() as file:
        for batch in _sketches(corpus, kept(work / FILE) if work else None):
            corpus.add("bands", _bands(batch))
            if file:
                file.write_batch(batch.select(_SKETCHES.names))
    own = "SELECT age, text FROM aged JOIN texts USING (document_id) WHERE age = first"
    corpus.execute(
        "CREATE OR REPLACE TABLE pairs AS WITH shared AS (SELECT age, band, row_number() OVER (PARTITION BY band "
        "ORDER BY age) AS place FROM bands WHERE band IN (SELECT band FROM bands GROUP BY band HAVING count(*) > 1)), "
        "met AS (SELECT l.age, e.age AS other, count(*) AS number FROM shared l JOIN shared e "
        f"ON l.band = e.band AND e.age < l.age AND e.place <= {_CROWD} GROUP BY ALL) SELECT age, other FROM met "
        f"QUALIFY row_number() OVER (PARTITION BY age ORDER BY least(number, {_LIKELY}) DESC, other) <= {_CROWD}"
    )
    corpus.add("near", _FOUND.empty_table())
    paired = f"{own} AND (age IN (SELECT age FROM pairs) OR age IN (SELECT other FROM pairs))"
    with corpus.scratch() as file:
        read = _sequences(corpus.batches(paired, _TEXTS, _BATCH), file)
        found = _near(corpus.rows("SELECT age, other FROM pairs ORDER BY ALL"), read)
        while some := list(islice(found, _BATCH)):
            corpus.add("near", pa.table(dict(zip(_FOUND.names, zip(*some, strict=True), strict=True)), _FOUND))
    corpus.execute(
        "CREATE OR REPLACE TABLE duplicates AS SELECT a.document_id, b.document_id AS duplicate_of, d.kind, "
        "d.similarity FROM (SELECT * FROM near UNION ALL SELECT age, first, 'exact', 1.0 FROM aged WHERE age <> first) "
        "d JOIN aged a ON d.age = a.age JOIN aged b ON d.other = b.age"
    )
    for table in ("aged", "bands", "pairs", "near"):
        corpus.execute(f"DROP TABLE {table}")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _sketches(corpus: Corpus, known: Files | None) -> Iterator[pa.RecordBatch]:
    """The sketch of each text with its age, those that are known first."""
    texts = "aged JOIN texts USING (document_id)"
    if known is not None:
        corpus.hold("sketches", known)
        found = "SELECT age, text_sha256, sketch FROM aged JOIN sketches USING (text_sha256) WHERE age = first"
        yield from corpus.batches(found, _SKETCHED)
        texts += " ANTI JOIN sketches USING (text_sha256)"
    columns = pa.schema([*_TEXTS, _SKETCHES.field("text_sha256")])
    for batch in corpus.batches(f"SELECT age, text, text_sha256 FROM {texts} WHERE age = first", columns, _BATCH):
        made = pa.array(map(_sketch, batch["text"].to_pylist()), pa.binary())
        yield pa.RecordBatch.from_arrays([batch["age"], batch["text_sha256"], made], schema=_SKETCHED)


def _sketch(text: str) -> bytes:
    """MinHash of a text's word sequences, as unsigned numbers; empty when it has none."""
    import numpy as np
    from rensa import RMinHash

    words = _words(text)
    own = {" ".join(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}
    if not own:
        return b""
    sketch = RMinHash(num_perm=_BANDS * _ROWS, seed=1)
    sketch.update(list(own))
    return np.array(sketch.digest(), np.uint32).tobytes()


def _bands(sketches: pa.RecordBatch) -> pa.Table:
    """Sketches cut into bands: (age, band), a number for what stands in a band and for which one it is."""
    import numpy as np

    held = sketches.filter(pc.greater(pc.binary_length(sketches["sketch"]), 0))
    digests = np.frombuffer(b"".join(held["sketch"].to_pylist()), np.uint32).astype(np.uint64)
    parts = digests.reshape(-1, _BANDS, _ROWS)
    bands = np.arange(_BANDS, dtype=np.uint64)[None, :].repeat(len(parts), 0)
    for place in range(_ROWS):  # another pair in one number is compared in vain, no more
        bands = (bands ^ parts[:, :, place]) * np.uint64(0x9E3779B97F4A7C15)
        bands ^= bands >> np.uint64(32)
    return pa.table({"age": np.repeat(held["age"].to_numpy(), _BANDS), "band": bands.ravel()})


def _sequences(texts: Iterator[pa.RecordBatch], file: IO[bytes]) -> Callable[[int], Any]:
    """Write the word sequences of each text to a file; what reads them again by age, as numbers in order.

    Two sequences in a number would be taken for one; of 64 bits, that is no matter.
    """
    import numpy as np

    number = lru_cache(100_000)(_number)
    ages, ends = array("q"), array("q", [0])
    for batch in texts:
        for age, text in zip(batch["age"].to_pylist(), batch["text"].to_pylist(), strict=True):
            words = np.array([number(word) for word in _words(text)], np.uint64)
            found = np.zeros(len(words) - SHINGLE_WORDS + 1, np.uint64)
            for place in range(SHINGLE_WORDS):
                found = (found ^ words[place : place + len(found)]) * np.uint64(0x9E3779B97F4A7C15)
                found ^= found >> np.uint64(29)
            ages.append(age)
            ends.append(ends[-1] + file.write(np.unique(found).tobytes()))
    places = np.argsort(np.asarray(ages))
    ordered = np.asarray(ages)[places]

    @lru_cache(_HELD)
    def read(age: int) -> Any:
        place = places[np.searchsorted(ordered, age)]
        file.seek(ends[place])
        return np.frombuffer(file.read(ends[place + 1] - ends[place]), np.uint64)

    return read


def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _near(pairs: Iterator[tuple[int, int]], read: Callable[[int], Any]) -> Iterator[tuple[int, int, str, float]]:
    """(text, the earliest text that it nearly repeats, 'near', Jaccard similarity), from pairs in order."""
    import numpy as np

    for at, group in groupby(pairs, key=itemgetter(0)):
        own = read(at)
        for _, other in group:
            others = read(other)
            both = np.concatenate([own, others])
            both.sort(kind="stable")  # two runs in order: merged
            shared = int(np.count_nonzero(both[1:] == both[:-1]))
            similarity = shared / (len(both) - shared)
            if similarity >= NEAR:
                yield at, other, "near", round(similarity, 3)
                break
