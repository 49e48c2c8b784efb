"""The delta between two releases: written from the new tables, and applied to the old ones.

    changes/from-<previous>/<table>/upserts.parquet   the added and changed rows, whole, as the new table has them
                                    deletes.parquet   the keys of the removed rows, and nothing else of them

A file without rows is not written. Where a row stands is not told: the canonical order says it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import schema
from pipeline.errors import StoreError
from pipeline.release import tables
from pipeline.release.changes.contract import Contract
from pipeline.release.changes.rows import TableChanges, repetitive


def write_delta(changes: Mapping[str, TableChanges], contract: Contract, data: Path, folder: Path) -> None:
    """Write the delta of the tables in `data`, a row group at a time, into `folder`."""
    for name, table in changes.items():
        if len(table.upserts):
            (folder / name).mkdir()
            rows = _rows(data / f"{name}.parquet", table.upserts)
            tables.write_parquet(name, rows, folder / name / "upserts.parquet")
        if len(table.deletes):
            (folder / name).mkdir(exist_ok=True)
            keys = pa.table({contract.tables[name].key: table.deletes})
            pq.write_table(
                keys, folder / name / "deletes.parquet", compression="zstd", version="2.6", write_page_checksum=True
            )


def _rows(path: Path, places: pa.Array) -> pa.Table:
    """The rows at these rising places of a Parquet file."""
    import numpy as np

    file = pq.ParquetFile(path)
    found = [file.schema_arrow.empty_table()]
    file = pq.ParquetFile(path, read_dictionary=list(repetitive(file)))  # few rows of a group are taken: the rest stays
    wanted = places.to_numpy()
    start = 0
    for group in range(file.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, end)]
        if len(here):
            taken = file.read_row_group(group, use_threads=False).take(pa.array(here - start))
            found.append(taken.cast(found[0].schema))
        start = end
    return pa.concat_tables(found).combine_chunks()


def apply(old: Path, steps: Sequence[Path], target: Path) -> None:
    """Make the tables of a release from those of an older one and the deltas between them, oldest first.

    Args:
        old: `data/` of the older release.
        steps: folders `changes/from-<previous>` of each release after it, in order.
        target: a folder in which the Parquet files are written; equal, byte for byte, to those published, where
            the installed schemas and pyarrow are those of the release: compare with its manifest.

    Raises:
        StoreError: a file that cannot be read, or rows of a table that the installed schemas do not know.
    """
    try:
        found = {name: _applied(name, old, steps) for name in schema.TABLES}
        canonical = tables.canonical(found)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise StoreError(f"{old}: the delta does not apply: {type(error).__name__}: {error}") from error
    target.mkdir(parents=True, exist_ok=True)
    for name, rows in canonical.items():
        tables.write_parquet(name, rows, target / f"{name}.parquet")


def _applied(name: str, old: Path, steps: Sequence[Path]) -> pa.Table:
    table = pq.read_table(old / f"{name}.parquet", page_checksum_verification=True)
    key = schema.load(name).primary_key
    for step in steps:
        upserts, deletes = (step / name / f"{kind}.parquet" for kind in ("upserts", "deletes"))
        added = pq.read_table(upserts, page_checksum_verification=True) if upserts.exists() else None
        gone = pq.read_table(deletes, page_checksum_verification=True)[key] if deletes.exists() else None
        for keys in (gone, None if added is None else added[key]):
            if keys is not None:
                table = table.filter(pc.invert(pc.is_in(table[key], value_set=keys.combine_chunks())))
        if added is not None:
            table = pa.concat_tables([table, added], promote_options="default")
    return table if table.schema.equals(schema.arrow(name)) else _widened(table, schema.arrow(name))


def _widened(table: pa.Table, wanted: pa.Schema) -> pa.Table:
    """The table with the columns of a schema: null where it lacks one."""
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in wanted
    ]
    return pa.table(columns, schema=wanted)
