"""The six tables as files: one canonical form, so that equal rows give equal bytes.

The bytes of a Parquet file hang on more than its rows: on their order, on the chunks they came in, on the exact schema
and on the writer's settings. All four are fixed here. What still moves them is another version of pyarrow; so
tables.json names each table by a digest that hangs on no writer, the logical one:

    of a column   SHA-256 over its name, a NUL byte, its type (string, int64, double, bool, date32[day]), a NUL byte,
                  and then the SHA-256 (32 bytes each) of three streams: a byte a row, 1 where it is null; for strings,
                  their lengths in bytes of UTF-8, four bytes little-endian each, 0 for null; the values one after the
                  other: UTF-8, eight bytes little-endian (IEEE 754 for numbers), one byte for a boolean, four bytes
                  little-endian for a date (days since 1970), zeros for a null that is no string
    of a table    SHA-256 over the digests of its columns, in hexadecimal, in their order
"""

import hashlib
import json
import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import schema, withheld

ROW_GROUP_ROWS = 50_000
"""Rows a row group. A week of claims, sorted by date, then lies in one or two groups: 0.85 MB of 10 MB are read for it
over HTTP, against 5.2 MB with groups of a million rows (measured with DuckDB 1.5.5)."""
FILE = "tables.json"
_CSV_ROWS = 10_000  # rows held as text at a time


def canonical(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables as they are published, in the order of `schema.TABLES`.

    Documents stand by first day of publication (null last), then by key; the rows of the others in the order of their
    document, then by `start` where they have one, then by key; speakers by key. Texts whose source withholds them are
    still there. Each column has the schema's own type and is one chunk.
    """
    documents = tables["documents"]
    undated = documents.append_column("undated", pc.is_null(documents["published_start"]))
    documents = _sorted("documents", undated, "undated", "published_start", "document_id")
    order = documents["document_id"].combine_chunks()
    result = {"documents": documents}
    for name in schema.TABLES[1:]:
        table = tables[name]
        key = schema.load(name).primary_key
        if "document_id" not in table.column_names:
            result[name] = _sorted(name, table, key)
            continue
        ranked = table.append_column("rank", pc.index_in(table["document_id"], value_set=order))
        result[name] = _sorted(name, ranked, "rank", *(["start"] if "start" in table.column_names else []), key)
    return result


def published(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Canonical tables as they may be shown: without the texts that their source withholds, and with short quotes of
    them, as `withheld` has it. A row's answer hangs on the rows of its own document alone, so batches of whole
    documents may be given one by one.
    """
    documents, texts = tables["documents"], tables["texts"]
    open_ = documents.filter(documents["text_published"])["document_id"].combine_chunks()
    kept = pc.is_in(texts["document_id"], value_set=open_)
    closed = texts.filter(pc.invert(kept))
    text = dict(zip(closed["document_id"].to_pylist(), closed["text"].to_pylist(), strict=True))
    found = {**tables, "texts": texts.filter(kept).combine_chunks()}
    for name in ("claims", "dates"):
        hidden = pc.invert(pc.is_in(tables[name]["document_id"], value_set=open_)).combine_chunks()
        if pc.any(hidden).as_py():
            found[name] = _shortened(tables[name], hidden, text)
    return found


def _shortened(table: pa.Table, hidden: pa.Array, texts: Mapping[str, str]) -> pa.Table:
    """The table with the words cut in the rows that are hidden; a text that is not given was withheld before."""
    rows = table.select(["document_id", "start", "end", "text"]).filter(hidden).to_pylist()
    shown: list[str] = []
    for document, group in groupby(rows, key=itemgetter("document_id")):
        quotes = list(group)
        if document in texts:
            shown += withheld.quotes(texts[document], [(row["start"], row["end"]) for row in quotes])
        else:
            shown += [withheld.shortened(row["text"]) for row in quotes]
    place = table.schema.get_field_index("text")
    cut = pc.replace_with_mask(table["text"].combine_chunks(), hidden, pa.array(shown, pa.string()))
    return table.set_column(place, table.schema.field(place), cut)


def _sorted(name: str, table: pa.Table, *columns: str) -> pa.Table:
    """The table sorted by columns and cut to those of its schema, in one chunk each."""
    rows = table.take(pc.sort_indices(table, sort_keys=[(column, "ascending") for column in columns]))
    return rows.select(schema.arrow(name).names).cast(schema.arrow(name)).combine_chunks()


def write_parquet(name: str, table: pa.Table, path: Path) -> None:
    """Write a canonical table; nothing in the file tells when or where it was written."""
    by = {"documents": ["published_start", "document_id"], "speakers": ["speaker_id"]}.get(name)
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=9,
        version="2.6",
        data_page_version="1.0",
        row_group_size=ROW_GROUP_ROWS,
        write_page_index=True,
        write_page_checksum=True,
        use_content_defined_chunking=True,
        sorting_columns=by and pq.SortingColumn.from_ordering(table.schema, [(column, "ascending") for column in by]),
    )


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a copy by RFC 4180 in UTF-8: the exact values, null as an empty cell, booleans as true and false."""
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\r\n").encode("utf-8"))
        for batch in table.to_batches(max_chunksize=_CSV_ROWS):
            cells = [_cells(column) for column in batch.columns]
            lines = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
            file.write(_characters(pc.binary_join_element_wise(lines, "", "\r\n")))


def _cells(column: pa.Array) -> pa.Array:
    """The values as text: strings quoted where they need it, numbers in the shortest form that gives them back."""
    text = pc.cast(column, pa.string())
    if pa.types.is_floating(column.type):
        whole = pc.match_substring_regex(text, "^-?[0-9]+$")
        return pc.if_else(whole, pc.binary_join_element_wise(text, "0", "."), text)
    if not pa.types.is_string(column.type):
        return text
    needy = pc.match_substring_regex(text, '[",\r\n]')
    if not pc.any(needy).as_py():
        return text
    inside = pc.replace_substring(text, '"', '""')
    return pc.if_else(needy, pc.binary_join_element_wise('"', inside, '"', ""), text)


def logical(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> dict[str, Any]:
    """Rows of a table, its logical digest, and those of its columns; equal rows give equal digests in any chunks."""
    streams = [tuple(hashlib.sha256() for _ in range(3)) for _ in schema]
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        for column, (nulls, lengths, values) in zip(batch.columns, streams, strict=True):
            nulls.update(_bytes(pc.cast(column.is_null(), pa.uint8())))
            filled = pc.fill_null(column, _zero(column.type)) if column.null_count else column
            if pa.types.is_string(column.type):
                lengths.update(_bytes(pc.binary_length(filled)))
                values.update(_characters(filled))
            else:
                values.update(_bytes(pc.cast(filled, pa.uint8()) if pa.types.is_boolean(column.type) else filled))
    columns = {}
    for field, parts in zip(schema, streams, strict=True):
        name = f"{field.name}\0{field.type}\0".encode()
        columns[field.name] = hashlib.sha256(name + b"".join(part.digest() for part in parts)).hexdigest()
    return {"rows": rows, "sha256": hashlib.sha256("".join(columns.values()).encode()).hexdigest(), "columns": columns}


def logical_of_file(path: Path, most: float = math.inf) -> dict[str, Any]:
    """The logical digests of a Parquet file, read a row group at a time; MemoryError beyond `most` bytes of values."""
    file = pq.ParquetFile(path)

    def batches() -> Iterator[pa.RecordBatch]:
        unfolded = 0
        for number in range(file.num_row_groups):
            group = file.read_row_group(number)
            unfolded += group.nbytes
            if unfolded > most:
                raise MemoryError
            yield from group.to_batches()

    return logical(file.schema_arrow, batches())


def described(tables: Mapping[str, pa.Table]) -> str:
    """The text of tables.json."""
    found = {name: logical(table.schema, table.to_batches()) for name, table in tables.items()}
    return json.dumps({"tables": found}, indent=2) + "\n"


def _zero(kind: pa.DataType) -> pa.Scalar:
    """Nought of a type, from bytes: to make it from a Python value, pyarrow imports pandas."""
    text = [pa.py_buffer(b"")] if pa.types.is_string(kind) else []
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(bytes(8)), *text])[0]


def _bytes(column: pa.Array) -> memoryview:
    """The values of a column of fixed width without nulls, as they lie in memory."""
    width = column.type.bit_width // 8
    return memoryview(column.buffers()[1])[column.offset * width : (column.offset + len(column)) * width]


def _characters(column: pa.Array) -> memoryview | bytes:
    """The bytes of all strings of a column without nulls, one after the other."""
    _, offsets, data = column.buffers()
    if not len(column) or data is None:
        return b""
    first, last = (struct.unpack_from("<i", offsets, 4 * at)[0] for at in (column.offset, column.offset + len(column)))
    return memoryview(data)[first:last]
