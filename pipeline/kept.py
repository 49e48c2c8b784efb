"""What a run keeps for the next one: Parquet files in the work folder, good for the very code that wrote them alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpus import Files
from pipeline.shards import code


def kept(path: Path) -> Files | None:
    """The rows that were kept there; None when there are none, or other code kept them."""
    try:
        told = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    return Files((path,)) if told.get(b"code", b"").decode() == code.everything() else None


@contextmanager
def keeping(path: Path, columns: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A writer of rows to keep; they take the place of what was kept there when all are written."""
    part = path.with_suffix(".part")
    with pq.ParquetWriter(part, columns.with_metadata({"code": code.everything()}), compression="zstd") as file:
        yield file
    part.replace(path)
