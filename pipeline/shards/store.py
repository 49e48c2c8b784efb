"""Shards on disk: folders of Parquet files that are whole or absent.

A shard's folder is named by its fingerprint, so that it is fresh when it is there: whatever went into it would have
given it another name. Beside the tables it holds `prints`, a row for each document in their order: digests of what was
read of it and of what it became. By them the rows of an unchanged document are found again in an earlier shard.
"""

import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError

OUTPUT = {
    "raw": ("raw",),
    "clean": ("documents", "texts"),
    "annotate": ("documents", "claims", "dates", "stances"),
}
"""The tables of a shard by stage. The documents of `annotate` are those of `clean` but for `not_annotated`."""

PRINTS = pa.schema([("input", pa.binary()), ("output", pa.binary())])
"""For each document the first 16 bytes of the SHA-256 of what the stage read, and of its rows of `documents` and
`texts` (of the raw row in a raw shard; null after `annotate`, which nothing reads document by document)."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A folder of tables.

    Attributes:
        number: place among the shards, from 0.
        folder: where it lies.
        fingerprint: hexadecimal digest of all that it was made from: input, code, libraries.
        rows: number of documents.
        output: hexadecimal digest of what its documents became; where it is the same, the next stage has nothing to do.
        failed: documents that the stage could not finish: crashed, or over their budget.
        inputs: folders of the shards that it was made from, raw first.
    """

    number: int
    folder: Path
    fingerprint: str
    rows: int
    output: str
    failed: int = 0
    inputs: tuple[Path, ...] = ()


def load(folder: Path, name: str) -> pa.Table:
    """A table of a shard's folder, whole."""
    return pq.ParquetFile(folder / f"{name}.parquet").read().replace_schema_metadata(None)


def write(folder: Path, tables: Mapping[str, pa.Table], told: Mapping[str, str]) -> None:
    """Write a shard's folder beside its place and rename it; `told` is kept with `prints`.

    Raises StoreError when it cannot be written.
    """
    part = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
        for name, table in tables.items():
            kept = told if name == "prints" else None
            pq.write_table(table.replace_schema_metadata(kept), part / f"{name}.parquet", compression="zstd")
        if folder.exists():  # torn by a machine that stopped, or made meanwhile by a worker that was taken for dead
            shutil.rmtree(folder)
        part.rename(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise refused(error, part) from error


def told(folder: Path, stage: str) -> dict[str, str] | None:
    """What is kept with a shard's prints; None when the shard is not there or not whole."""
    try:
        for name in OUTPUT[stage]:
            pq.ParquetFile(folder / f"{name}.parquet").close()
        held = pq.ParquetFile(folder / "prints.parquet").schema_arrow.metadata or {}
    except (FileNotFoundError, NotADirectoryError, pa.ArrowInvalid):
        return None
    return {key.decode(): value.decode() for key, value in held.items()}


def others(folder: Path, kept: Iterable[Path]) -> list[Path]:
    """What lies in a stage's folder beside the given shards: earlier ones, and what killed runs left."""
    names = {path.name for path in kept}
    return [path for path in sorted(folder.iterdir()) if path.name not in names] if folder.is_dir() else []


def sweep(folder: Path, kept: Iterable[Path]) -> None:
    """Remove what lies in a stage's folder beside the given shards."""
    for path in others(folder, kept):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix == ".begun":
            path.unlink()


def refused(error: OSError, path: Path) -> StoreError:
    """An error of the operating system, in a sentence that names the place."""
    reason = error.strerror or str(error)
    advice = " Make room and run again: it goes on where it stopped." if error.errno in _FULL else ""
    told = StoreError(f"{error.filename or path}: {reason}.{advice}")
    told.errno = error.errno
    return told


_FULL = (28, 122)  # ENOSPC, EDQUOT
