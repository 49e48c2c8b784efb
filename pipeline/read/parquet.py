"""Parquet files: each row is read as the line of JSON Lines that it would be."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.read.limits import MAX_DOCUMENT, RejectedError

FIELDS = ("text", "title", "published", "url", "author", "language", "outlet", "licence", "id")
"""What a record tells, a column or a key each; others are ignored."""
_BATCH = 64  # rows in memory at a time
_BUFFER = 1 << 20  # bytes of a column that are read at a time


def records(path: str) -> Iterator[tuple[int, bytes | RejectedError]]:
    """Number from 1 and JSON of each row, or why there is none; RejectedError when the file is no Parquet.

    A row group that cannot be read is one refusal, at the number of its first row that is missing, and the others go
    on. Strings stay encoded in dictionaries, so that few bytes that stand for many equal texts do not become them.
    """
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        names = file.schema_arrow.names
        strings = [name for name in FIELDS if name in names]
        file = pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=strings, buffer_size=_BUFFER)
        first = 1
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            yield from _group(file, group, strings, first)
            first += rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RejectedError("bad_parquet", _first_line(error)) from error


def _group(file: pq.ParquetFile, group: int, names: list[str], number: int) -> Iterator[tuple[int, Any]]:
    if "text" not in names:
        yield number, RejectedError("missing_text", "the file has no column text")
        return
    batches = file.iter_batches(_BATCH, row_groups=[group], columns=names, use_threads=False)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError, MemoryError) as error:
            yield number, RejectedError("bad_parquet", f"row group {group}: {_first_line(error)}")
            return
        if batch is None:
            return
        for row in range(batch.num_rows):
            yield number, _line({name: batch.column(name)[row] for name in names})
            number += 1


def _line(row: dict[str, pa.Scalar]) -> bytes | RejectedError:
    try:
        record = {name: value.as_py() for name, value in row.items()}
    except UnicodeDecodeError as error:
        return RejectedError("encoding_error", f"no UTF-8 at byte {error.start} of a column")
    if isinstance(record["text"], str | bytes) and len(record["text"]) > MAX_DOCUMENT:
        return RejectedError("too_large", f"more than {MAX_DOCUMENT} characters")
    return json.dumps(
        {name: value for name, value in record.items() if value is not None}, ensure_ascii=False, default=_shown
    ).encode("utf-8", "surrogatepass")


def _shown(value: Any) -> Any:
    """A day or a time as ISO 8601; anything else as what no record can have in its place."""
    return value.isoformat() if hasattr(value, "isoformat") else [type(value).__name__]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
