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

import codecs
import hashlib
import itertools
import json
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import schema, withheld
from pipeline.corpus import Corpus, Files, Source, give_back

ROW_GROUP_ROWS = 50_000
"""Rows a row group. A week of claims, sorted by date, then lies in one or two groups: 0.85 MB of 10 MB are read for it
over HTTP, against 5.2 MB with groups of a million rows (measured with DuckDB 1.5.5)."""
_LONG_ROWS = {"texts": 2_000, "documents": 10_000}  # rows a row group where rows are long: 10 MB, what a writer holds
FILE = "tables.json"
_CSV_ROWS = 10_000  # rows held as text at a time
_FORMULA = "^[=+\\-@＝＋－＠\\t\\r\\n\\x00]"
"""How a cell begins that a spreadsheet may take for a formula: ASVS 5.0, 1.2.10 (= + - @ TAB NUL), and what OWASP
names besides on CSV injection (CR, LF, the wide forms)."""
_INSIDE = '([;|\\t\\r\\n]"*)([=+\\-@＝＋－＠])'
"""What becomes the beginning of a cell where another separator than the comma is set: in much of Europe it is ';'."""
_PART = 500  # documents held at a time with all their rows


def canonical(tables: Mapping[str, Source]) -> dict[str, pa.Table]:
    """The tables as `parts` gives them, whole and in memory, in one chunk each."""
    found: dict[str, list[pa.Table]] = {name: [schema.empty(name)] for name in schema.TABLES}
    for part in parts(tables):
        for name, rows in part.items():
            found[name].append(rows)
    return {name: pa.concat_tables(rows).combine_chunks() for name, rows in found.items()}


def parts(tables: Mapping[str, Source]) -> Iterator[dict[str, pa.Table]]:
    """The tables in canonical order, some documents with all their rows at a time, and a share of the speakers.

    Documents stand by first day of publication (null last), then by key; the rows of the others in the order of their
    document, then by `start` where they have one, then by key; speakers by key. Texts whose source withholds them are
    still there. Each column has the schema's own type and is one chunk.
    """
    corpus = Corpus.of(tables)
    number = max(1, -(-corpus.count("documents") // _PART))
    for name, order in (("documents", "published_start NULLS LAST, document_id"), ("speakers", "speaker_id")):
        corpus.execute(
            f"CREATE OR REPLACE TABLE canonical_{name} AS SELECT {schema.load(name).primary_key} AS key, place, "
            f"place * {number} // count(*) OVER () AS part FROM "
            f"(SELECT *, row_number() OVER (ORDER BY {order}) - 1 AS place FROM {name})"
        )
    with ExitStack() as stack:
        laid = {name: _Laid(name, corpus, stack.enter_context(corpus.scratch()), number) for name in schema.TABLES}
        for name in ("documents", "speakers"):
            corpus.execute(f"DROP TABLE canonical_{name}")
        give_back()
        for part in range(number):
            yield {name: rows.part(part) for name, rows in laid.items()}


class _Laid:
    """The rows of a table laid out in a file by their part, and sorted part by part: what is held does not grow with
    the table, as that of a sort does.
    """

    def __init__(self, name: str, corpus: Corpus, file: IO[bytes], parts: int) -> None:
        import numpy as np

        self._schema, self._file = schema.arrow(name), file
        self._placed = self._schema.append(pa.field("part", pa.int64())).append(pa.field("place", pa.int64()))
        self._pieces: dict[int, list[tuple[int, int]]] = {}
        key = schema.load(name).primary_key
        self._order = [(column, "ascending") for column in ("place", "start", key) if column in self._placed.names]
        of, by = ("documents", "document_id") if "document_id" in self._schema.names else ("speakers", key)
        columns = ", ".join(f'r."{column}"' for column in self._schema.names)
        rows = (
            f"SELECT {columns}, CAST(coalesce(c.part, {parts - 1}) AS BIGINT), c.place FROM {name} r "
            f"LEFT JOIN canonical_{of} c ON r.{by} = c.key"
        )
        end = 0
        for batch in corpus.batches(rows, self._placed):
            batch = batch.take(pc.sort_indices(batch["part"]))
            numbers = batch["part"].to_numpy()
            cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]
            for first, last in itertools.pairwise(map(int, cuts)):
                size = file.write(batch.slice(first, last - first).serialize())
                self._pieces.setdefault(int(numbers[first]), []).append((end, size))
                end += size

    def part(self, number: int) -> pa.Table:
        """The rows of a part in order."""
        found = []
        for start, size in self._pieces.pop(number, ()):
            self._file.seek(start)
            found.append(pa.ipc.read_record_batch(pa.py_buffer(self._file.read(size)), self._placed))
        rows = pa.Table.from_batches(found, self._placed).combine_chunks()
        return rows.take(pc.sort_indices(rows, self._order)).select(self._schema.names).combine_chunks()


def write(tables: Mapping[str, Source], data: Path) -> tuple[str, int, str]:
    """Write the published rows of the six tables into a folder `data`, as Parquet and below `csv/`, part by part.

    Returns the text of tables.json, the number of texts that their source withholds, and the digest of texts.parquet as
    it would be with them ('' when there are none): what a rehydrated copy must hash to.
    """
    corpus = Corpus.of(tables)
    hidden = corpus.one("SELECT count(*) FROM texts JOIN documents USING (document_id) WHERE NOT text_published")[0]
    (data / "csv").mkdir(parents=True)
    digest = ""
    with ExitStack() as stack:
        writers = {name: stack.enter_context(_Parquet(name, data / f"{name}.parquet")) for name in schema.TABLES}
        copies = {
            name: stack.enter_context(_Csv(data / "csv" / f"{name}.csv", schema.arrow(name))) for name in schema.TABLES
        }
        logicals = {name: Logical(schema.arrow(name)) for name in schema.TABLES}
        whole = stack.enter_context(_Parquet("texts", data / ".whole")) if hidden else None
        for part in parts(corpus):
            if whole:
                whole.write(part["texts"])
            for name, rows in published(part).items():
                writers[name].write(rows)
                copies[name].write(rows)
                for batch in rows.to_batches():
                    logicals[name].update(batch)
    give_back()
    if hidden:
        with (data / ".whole").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        (data / ".whole").unlink()
    return described({name: logical.told() for name, logical in logicals.items()}), hidden, digest


def written(data: Path) -> Corpus:
    """The tables that lie as Parquet in the folder `data` of a release."""
    return Corpus({name: Files((data / f"{name}.parquet",)) for name in schema.TABLES})


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


def write_parquet(name: str, table: pa.Table, path: Path) -> None:
    """Write a canonical table; nothing in the file tells when or where it was written."""
    with _Parquet(name, path, table.schema) as file:
        file.write(table)


class _Parquet:
    """A Parquet file of a table whose bytes do not hang on the pieces in which its rows come."""

    def __init__(self, name: str, path: Path, columns: pa.Schema | None = None) -> None:
        by = {"documents": ["published_start", "document_id"], "speakers": ["speaker_id"]}.get(name)
        self._schema = columns or schema.arrow(name)
        ordering = [(column, "ascending") for column in by or ()]
        self._file = pq.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            compression_level=9,
            version="2.6",
            data_page_version="1.0",
            write_page_index=True,
            write_page_checksum=True,
            use_content_defined_chunking=True,
            sorting_columns=pq.SortingColumn.from_ordering(self._schema, ordering) if by else None,
        )
        self._group = _LONG_ROWS.get(name, ROW_GROUP_ROWS)
        self._held: list[list[pa.Array]] = [[] for _ in self._schema]  # by column
        self._rows = 0
        self._empty = True

    def __enter__(self) -> "_Parquet":
        return self

    def write(self, rows: pa.Table) -> None:
        """Add rows; they are written a whole row group at a time."""
        while rows.num_rows:
            more = rows.slice(0, self._group - self._rows)
            for held, column in zip(self._held, more.columns, strict=True):
                held += column.chunks
            self._rows += more.num_rows
            rows = rows.slice(more.num_rows)
            if self._rows == self._group:
                self._flush()

    def _flush(self) -> None:
        columns = []
        for held, field in zip(self._held, self._schema, strict=True):  # what was held is let go column by column
            columns.append(pa.concat_arrays(held or [pa.array([], field.type)]))
            held.clear()
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema), row_group_size=self._group)
        self._rows, self._empty = 0, False

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and (self._rows or self._empty):
            self._flush()
        self._file.close()


def write_csv(table: pa.Table, path: Path) -> None:
    """Write two copies by RFC 4180 in UTF-8, null as an empty cell, booleans as true and false.

    `path` has the exact values, for machines. `<stem>-excel.csv` beside it is for spreadsheets: it begins with a byte
    order mark, by which they know UTF-8, and words that they may take for a formula have a ' before them, also those
    within a cell that another separator than the comma would part.
    """
    with _Csv(path, table.schema) as file:
        file.write(table)


class _Csv:
    """The two CSV copies of a table, written batch by batch."""

    def __init__(self, path: Path, columns: pa.Schema) -> None:
        head = (",".join(columns.names) + "\r\n").encode("utf-8")
        with ExitStack() as stack:
            self._exact = stack.enter_context(path.open("wb"))
            self._safe = stack.enter_context(path.with_stem(f"{path.stem}-excel").open("wb"))
            self._exact.write(head)
            self._safe.write(codecs.BOM_UTF8 + head)
            self._files = stack.pop_all()

    def __enter__(self) -> "_Csv":
        return self

    def write(self, rows: pa.Table) -> None:
        """Add rows to both."""
        for batch in rows.to_batches(max_chunksize=_CSV_ROWS):
            cells = [_cells(column) for column in batch.columns]
            safe = [_guarded(*pair) for pair in zip(batch.columns, cells, strict=True)]
            lines = _lines(cells)
            self._exact.write(lines)
            same = all(one is other for one, other in zip(cells, safe, strict=True))
            self._safe.write(lines if same else _lines(safe))

    def __exit__(self, *_: object) -> None:
        self._files.close()


def _lines(cells: Sequence[pa.Array]) -> memoryview | bytes:
    lines = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
    return _characters(pc.binary_join_element_wise(lines, "", "\r\n"))


def _guarded(column: pa.Array, cells: pa.Array) -> pa.Array:
    """The cells of a column, with a ' before the words that a spreadsheet may take for a formula; a number is none."""
    if not pa.types.is_string(column.type):
        return cells
    formulas = pc.match_substring_regex(column, _FORMULA)
    inside = pc.match_substring_regex(column, _INSIDE)
    if not pc.any(pc.or_(formulas, inside)).as_py():
        return cells
    words = pc.replace_substring_regex(column, _INSIDE, r"\1'\2")
    return _cells(pc.if_else(formulas, pc.binary_join_element_wise("'", words, ""), words))


def _cells(column: pa.Array) -> pa.Array:
    """The values as text: strings quoted where they need it, numbers in the shortest form that gives them back."""
    text = pc.cast(column, pa.string())
    if pa.types.is_floating(column.type):
        whole = pc.match_substring_regex(text, "^-?[0-9]+$")
        return pc.if_else(whole, pc.binary_join_element_wise(text, "0", "."), text)
    if not pa.types.is_string(column.type):
        return text
    letters = bytes(_characters(text))
    if not any(letter in letters for letter in (b'"', b",", b"\r", b"\n")):  # as in most columns
        return text
    needy = pc.match_substring_regex(text, '[",\r\n]')
    inside = pc.replace_substring(text, '"', '""')
    return pc.if_else(needy, pc.binary_join_element_wise('"', inside, '"', ""), text)


class Logical:
    """The logical digest of a table in the making."""

    def __init__(self, columns: pa.Schema) -> None:
        self._schema = columns
        self._streams = [tuple(hashlib.sha256() for _ in range(3)) for _ in columns]
        self._rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the next rows."""
        self._rows += batch.num_rows
        for column, (nulls, lengths, values) in zip(batch.columns, self._streams, strict=True):
            nulls.update(_bytes(pc.cast(column.is_null(), pa.uint8())))
            filled = pc.fill_null(column, _zero(column.type)) if column.null_count else column
            if pa.types.is_string(column.type):
                lengths.update(_bytes(pc.binary_length(filled)))
                values.update(_characters(filled))
            else:
                values.update(_bytes(pc.cast(filled, pa.uint8()) if pa.types.is_boolean(column.type) else filled))

    def told(self) -> dict[str, Any]:
        """Rows, the digest of the table, and those of its columns."""
        columns = {}
        for field, parts in zip(self._schema, self._streams, strict=True):
            name = f"{field.name}\0{field.type}\0".encode()
            columns[field.name] = hashlib.sha256(name + b"".join(part.digest() for part in parts)).hexdigest()
        table = hashlib.sha256("".join(columns.values()).encode()).hexdigest()
        return {"rows": self._rows, "sha256": table, "columns": columns}


def logical(columns: pa.Schema, batches: Iterable[pa.RecordBatch]) -> dict[str, Any]:
    """Rows of a table, its logical digest, and those of its columns; equal rows give equal digests in any chunks."""
    found = Logical(columns)
    for batch in batches:
        found.update(batch)
    return found.told()


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


def described(logicals: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of tables.json, from the logical digests of the tables."""
    return json.dumps({"tables": logicals}, indent=2) + "\n"


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
