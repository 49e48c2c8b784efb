"""Raw rows into shards, cut where the documents say so.

A cut follows a document whose own name has a certain digest, not every so many documents: one that is added or removed
moves the cuts beside it, and all later shards are what they were.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import read
from pipeline.shards import store
from pipeline.shards.store import PRINTS, Shard

SHARD_DOCUMENTS = 100
"""Documents in a shard, in the mean: a quarter of them at least, four times as many at most."""
SHARD_BYTES = 16 * 2**20
"""Bytes of raw text at which a shard ends: what a worker holds of it at a time."""

Row = dict[str, Any]


def cut_into(
    raw: Path, folder: Path, progress: Callable[[str, int, int], None], *, redact: bool = False
) -> Iterator[Shard]:
    """Cut the raw rows into shards, written where they are not there yet; what lies beside them is removed at the end.
    `redact` is `read.read`'s.

    Raises what `read.read` raises, and StoreError when a shard cannot be written.
    """
    kept, documents = [], 0
    progress("read", 0, 0)
    for shard, rows, prints in planned(raw, folder, redact=redact):
        if store.told(shard.folder, "raw") is None:
            table = pa.Table.from_pylist(rows, schema=read.RAW)
            told = {"output": shard.output, "rows": str(shard.rows)}
            store.write(shard.folder, {"raw": table, "prints": _prints(prints)}, told)
        kept.append(shard.folder)
        documents += shard.rows
        progress("read", documents, 0)
        yield shard
    store.sweep(folder, kept)


def planned(raw: Path, folder: Path, *, redact: bool = False) -> Iterator[tuple[Shard, list[Row], list[bytes]]]:
    """The shards as they would be cut, each with its rows and their prints; nothing is written."""
    for number, rows in enumerate(_cut(read.read(raw, redact=redact))):
        prints = [_print(row) for row in rows]
        sums = hashlib.sha256(b"".join(prints)).hexdigest()
        yield Shard(number, folder / sums[:32], sums, len(rows), sums), rows, prints


def _cut(rows: Iterable[Row]) -> Iterator[list[Row]]:
    held: list[Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row["content"] or b"")
        last = len(held) >= SHARD_DOCUMENTS // 4 and _ends(row["source"])
        if last or len(held) >= 4 * SHARD_DOCUMENTS or size >= SHARD_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _ends(source: str) -> bool:
    """Whether a shard may end after the document of that name: one name in three quarters of a shard's documents."""
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % max(1, SHARD_DOCUMENTS * 3 // 4) == 0


def _print(row: Row) -> bytes:
    """Digest of a raw row: all that is known of the document before it is cleaned."""
    content = row["content"]
    digest = None if content is None else hashlib.sha256(content).digest()
    told = [digest if key == "content" else row[key] for key in read.RAW.names]
    return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).digest()[:16]


def _prints(prints: list[bytes]) -> pa.Table:
    return pa.Table.from_arrays([pa.nulls(len(prints), pa.binary()), pa.array(prints, pa.binary())], schema=PRINTS)
