"""The six tables as files: one canonical form, so that equal rows give equal bytes.

The bytes of a Parquet file hang on more than its rows: on their order, on the chunks they came in, on the exact schema
and on the writer's settings. All four are fixed here. What still moves them is another version of pyarrow.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import schema

ROW_GROUP_ROWS = 50_000
"""Rows a row group. A week of claims, sorted by date, then lies in one or two groups: 0.85 MB of 10 MB are read for it
over HTTP, against 5.2 MB with groups of a million rows (measured with DuckDB 1.5.5)."""
_CSV_ROWS = 10_000  # rows held as Python objects at a time


def canonical(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables as they are published, in the order of `schema.TABLES`.

    Documents stand by first day of publication (null last), then by key; the rows of the others in the order of their
    document, then by `start` where they have one, then by key; speakers by key. Texts whose source withholds them are
    left out. Each column has the schema's own type and is one chunk.
    """
    documents = tables["documents"]
    undated = documents.append_column("undated", pc.is_null(documents["published_start"]))
    documents = _sorted("documents", undated, "undated", "published_start", "document_id")
    published = documents.filter(documents["text_published"])["document_id"].combine_chunks()
    order = documents["document_id"].combine_chunks()
    result = {"documents": documents}
    for name in schema.TABLES[1:]:
        table = tables[name]
        if name == "texts":
            table = table.filter(pc.is_in(table["document_id"], value_set=published))
        key = schema.load(name).primary_key
        if "document_id" not in table.column_names:
            result[name] = _sorted(name, table, key)
            continue
        ranked = table.append_column("rank", pc.index_in(table["document_id"], value_set=order))
        result[name] = _sorted(name, ranked, "rank", *(["start"] if "start" in table.column_names else []), key)
    return result


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
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(table.column_names)
        for batch in table.to_batches(max_chunksize=_CSV_ROWS):
            writer.writerows(zip(*(_cells(column) for column in batch.columns), strict=True))


def _cells(column: pa.Array) -> Iterator[object]:
    if pa.types.is_boolean(column.type):
        return iter(column.cast(pa.string()).to_pylist())
    return iter(column.to_pylist())
