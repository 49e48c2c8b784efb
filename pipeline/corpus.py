"""The tables of a corpus, in memory or as Parquet files on disk, asked in SQL with bounded memory.

DuckDB is the engine: what does not fit below its limit spills to disk, so a query over ten million rows takes the
memory of one over ten thousand. It runs on one thread and every order that matters is asked for in full, so equal rows
give equal answers. Strings compare by their bytes.
"""

import ctypes
import itertools
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MEMORY, MOST = 96, 768
"""Megabytes that DuckDB may hold of tables on disk: at first, and at most, for some of what it holds does not spill. A
join of a million claims with their texts needs twice the first."""
BATCH = 10_000  # rows in Arrow at a time
_ROWS = 1_000  # rows as Python values at a time
_SMALL = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Files:
    """Parquet files with the rows of a table, one after the other; rows of the documents `without` do not count."""

    paths: tuple[Path, ...]
    without: frozenset[str] = frozenset()

    def sql(self) -> str:
        """The rows as a relation of a query."""
        rows = f"read_parquet([{', '.join(quoted(path.as_posix()) for path in self.paths)}])"
        if not self.without:
            return rows
        return f"(SELECT * FROM {rows} WHERE document_id NOT IN ({', '.join(map(quoted, sorted(self.without)))}))"

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows as they lie, read by pyarrow; some of their columns, `document_id` among them, or all."""
        gone = pa.array(sorted(self.without), pa.string())
        for path in self.paths:
            for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=columns, use_threads=False):
                rows = batch.replace_schema_metadata(None)
                yield rows.filter(pc.invert(pc.is_in(rows["document_id"], gone))) if len(gone) else rows


Source = pa.Table | Files


class Corpus(Mapping[str, pa.Table]):
    """Tables by name: in a query each stands under its name; as an item it is an Arrow table, read whole."""

    def __init__(self, tables: Mapping[str, Source], spill: Path | None = None) -> None:
        """Take the tables; `spill` is the folder for what does not fit into memory, by default one of the system's.
        There is no limit where all of them are in memory.
        """
        import duckdb

        self._tables = dict(tables)
        self._waiting: dict[str, pa.Table] = {}
        self._spill = spill
        config: dict[str, Any] = {
            "threads": 1,
            "enable_external_file_cache": False,  # else the engine holds what it read, up to its limit
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,  # no name in a query means a variable of ours
        }
        self._memory = MOST
        if spill is not None or any(isinstance(table, Files) for table in self._tables.values()):
            folder = spill or Path(gettempdir()) / f"onrecord-{secrets.token_hex(8)}"
            self._memory = MEMORY
            config |= {"memory_limit": f"{MEMORY}MB", "temp_directory": folder.as_posix()}
        self._connection = duckdb.connect(config=config)
        for name, table in self._tables.items():
            self.hold(name, table)

    @classmethod
    def of(cls, tables: "Mapping[str, Source]") -> "Corpus":
        """The tables as a corpus; a corpus is one already."""
        return tables if isinstance(tables, Corpus) else cls(tables)

    def __getitem__(self, name: str) -> pa.Table:
        table = self._tables[name]
        return table if isinstance(table, pa.Table) else pa.Table.from_batches(table.batches(), self.schema(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def hold(self, name: str, table: Source) -> None:
        """Let a table stand in queries under a name, which need not be that of one of the corpus."""
        if isinstance(table, pa.Table):
            self._waiting[name] = table
        else:
            self._connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {table.sql()}")

    def schema(self, name: str) -> pa.Schema:
        """The columns of a table; where files of it differ, those of the first that does."""
        table = self._tables[name]
        if isinstance(table, pa.Table):
            return table.schema
        found = [pq.read_schema(path).remove_metadata() for path in table.paths]
        return next((one for one in found if one != found[0]), found[0])

    def is_unicode(self, name: str) -> bool:
        """Whether every string of a table on disk is valid UTF-8, which the engine looks at as it reads; False for a
        table in memory, whose strings it takes as they are.
        """
        import duckdb

        if isinstance(self._tables[name], pa.Table):
            return False
        strings = [f'sum(strlen("{field.name}"))' for field in self.schema(name) if pa.types.is_string(field.type)]
        try:
            self.one(f"SELECT {', '.join(strings)} FROM {name}")
        except duckdb.InvalidInputException:
            return False
        return True

    def pieces(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of a table as they lie, past the engine, which refuses what is no Unicode; all columns or some."""
        table = self._tables[name]
        if isinstance(table, pa.Table):
            yield from (table.select(columns) if columns else table).to_batches()
        else:
            yield from table.batches(columns)

    def count(self, name: str) -> int:
        """Rows of a table."""
        table = self._tables[name]
        return table.num_rows if isinstance(table, pa.Table) else self.one(f"SELECT count(*) FROM {name}")[0]

    def rows(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, in which `$name` stands for a value."""
        found, some = self._begun(query, values, lambda found: found.fetchmany(_ROWS))
        while some:
            yield from some
            some = found.fetchmany(_ROWS)

    def one(self, query: str, **values: Any) -> tuple[Any, ...]:
        """The only row of a query."""
        (row,) = self.rows(query, **values)
        return row

    def dicts(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """The rows of a query that gives few of them, by column."""
        found, rows = self._begun(query, values, lambda found: found.fetchall())
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def batches(self, query: str, schema: pa.Schema, rows: int = BATCH) -> Iterator[pa.RecordBatch]:
        """The rows of a query as columns of a schema, at most so many at a time."""

        def begin(cursor: Any) -> Iterator[pa.RecordBatch]:
            reader = cursor.to_arrow_reader(rows)
            return itertools.chain(list(itertools.islice(reader, 1)), reader)

        for batch in self._begun(query, {}, begin)[1]:
            yield pa.RecordBatch.from_arrays(
                [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)], schema=schema
            )

    def add(self, name: str, table: pa.Table) -> None:
        """Add rows to a table of the engine, which is made with the first; they need not stay in memory."""
        cursor = self._cursor()
        cursor.register("_added", table)
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} AS SELECT * FROM _added LIMIT 0")
        cursor.execute(f"INSERT INTO {name} SELECT * FROM _added")

    def execute(self, statement: str) -> None:
        """Run a statement that gives no rows, such as one that makes a table for later queries."""
        self._begun(statement, {}, lambda found: None)

    def scratch(self) -> IO[bytes]:
        """A file without a name, for what is come back to; in memory while it is small."""
        if self._spill is not None:
            self._spill.mkdir(parents=True, exist_ok=True)
        return SpooledTemporaryFile(_SMALL, dir=self._spill)

    def _begun(self, query: str, values: Mapping[str, Any], begin: Callable[[Any], Any]) -> tuple[Any, Any]:
        """A query under way and what `begin` took of it; one that needs more memory than it may hold is asked again."""
        import duckdb

        while True:
            cursor = self._cursor()
            try:
                cursor.execute(query, values or None)
                return cursor, begin(cursor)
            except duckdb.OutOfMemoryException:
                if self._memory >= MOST:
                    raise
            self._memory *= 2
            self._connection.execute(f"SET memory_limit = '{self._memory}MB'")

    def _cursor(self) -> Any:
        """A place to run one query while others are being read; what is held in Arrow is handed over before."""
        while self._waiting:
            name, table = self._waiting.popitem()
            self._connection.register("_held", table)
            self._connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM _held")
            self._connection.unregister("_held")
        return self._connection.cursor()


def give_back() -> None:
    """Hand memory that is done with to the system, which glibc keeps otherwise: 76 MB after the tables of a release."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def quoted(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
