"""Which rows of a table two releases do not share, told by key and content.

Tables are compared as they lie in their Parquet files, one column at a time, so that what is held is one column of
each side and not the tables; of long columns, such as texts, some row groups. Strings that the files hold by few
distinct values stay numbers, which is most of what there is to save. Numbers are compared by their bits: equal rows
are those that are written alike.
"""

import filecmp
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import StoreError

Labels = Mapping[str, tuple[int, int]]
_CODED = 5
"""Bytes a row, before compression, up to which a column of strings is taken to be held by its distinct values: the
number of one takes 4 at most."""
_LONG = 32 << 20
"""Bytes of a column, before compression, from which it is read a row group at a time. Rows that moved lie across two of
the old file, so each of these is read twice."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """Rows of one outlet (None: of documents that tell none) that were added, removed and changed."""

    outlet: str | None
    added: int
    removed: int
    changed: int


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What became of one table.

    Attributes:
        old_rows, new_rows: rows in each release; 0 where it lacks the table.
        added, removed, changed: rows by key; a changed row has the same key and other content.
        withdrawn: how many of the removed rows are gone because a document was withdrawn.
        touched: how many of the changed rows changed because a document was withdrawn.
        columns: for each column with a difference, the number of rows of both releases in which it differs.
        outlets: the three counts for each outlet with a difference; empty for a table without outlets.
        labels: for each enumeration, the labels whose number of rows differs: (old, new).
        upserts: places, from 0, of the added and changed rows in the new file, rising.
        deletes: keys of the removed rows, in the order of the old file.
    """

    old_rows: int
    new_rows: int
    added: int = 0
    removed: int = 0
    changed: int = 0
    withdrawn: int = 0
    touched: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    outlets: tuple[Outlet, ...] = ()
    labels: Mapping[str, Labels] = field(default_factory=dict)
    upserts: pa.Array = field(default_factory=lambda: pa.array([], pa.int64()))
    deletes: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))


def compare(
    table: str,
    key: str,
    old: Path | None,
    new: Path,
    *,
    labelled: Collection[str] = (),
    touched: Mapping[str, pa.Array] | None = None,
) -> TableChanges:
    """Compare one table of two `data/` folders; a file that is not there is a table without rows.

    Args:
        table: its name.
        key: its primary key, a string column.
        old: folder of Parquet files; None where there is nothing to compare with.
        new: the same of the later release.
        labelled: columns whose labels are counted.
        touched: for columns of the old table, the values that tell a row to be one that a withdrawal touched.

    Raises:
        StoreError: a file that cannot be read, or a key that two rows share.
    """
    before, after = _file(old, table), _file(new, table)
    sizes = tuple(file.metadata.num_rows if file else 0 for file in (before, after))
    if old and before and after and filecmp.cmp(old / f"{table}.parquet", new / f"{table}.parquet", shallow=False):
        return TableChanges(*sizes)
    import numpy as np

    old_keys, new_keys = _column(before, key), _column(after, key)
    place = pc.index_in(new_keys, value_set=old_keys).combine_chunks()
    shared = place.is_valid()
    at = place.drop_null().to_numpy()  # where in the old file each shared row lies, in the order of the new one
    kept = np.zeros(sizes[0], bool)
    kept[at] = True
    gone, fresh = old_keys.filter(pa.array(~kept)), new_keys.filter(pc.invert(shared))
    twice = kept.sum() != len(at) or pc.any(pc.is_in(gone, value_set=new_keys)).as_py()
    if twice or any(pc.count_distinct(keys).as_py() != len(keys) for keys in (gone, fresh)):
        raise StoreError(f"{table}.parquet: two rows share a {key}; compare releases that `onrecord verify` passes.")
    in_order = bool((np.diff(at) > 0).all())
    pick = pa.array(kept) if in_order else pa.array(at)

    columns: dict[str, int] = {}
    labels: dict[str, Labels] = {}
    differs = np.zeros(len(at), bool)
    few = repetitive(before) & repetitive(after) - {key}
    coded = [file and _file(folder, table, few) for folder, file in ((old, before), (new, after))]
    for name in dict.fromkeys([*_names(after), *_names(before)]):
        if (
            before
            and after
            and in_order
            and name not in {key, *labelled}
            and _long(before, name)
            and _long(after, name)
        ):
            found = _by_groups(before, after, name, at, np.array(shared))
            columns |= {name: int(found.sum())} if found.any() else {}
            differs |= found
            continue
        one = _column(coded[0], name) if name in _names(before) else None
        other = _column(coded[1], name) if name in _names(after) else None
        if name in labelled and one is not None and other is not None:
            labels |= _drift(name, one, other)
        if name == key or other is None or (_empty(one) and _empty(other)):
            continue  # a column that is gone is told by the contract; the rows without it are those of the new release
        found = _differs(None if one is None else _aligned(one, pick, in_order), other.filter(shared))
        if number := int(found.sum()):
            columns[name] = number
            differs |= found
    is_new = np.array(pc.invert(shared))
    changed = np.zeros(sizes[1], bool)
    changed[~is_new] = differs
    by_withdrawal = _touched(before, touched or {})
    return TableChanges(
        *sizes,
        added=int(is_new.sum()),
        removed=len(gone),
        changed=int(differs.sum()),
        withdrawn=int(by_withdrawal[~kept].sum()),
        touched=int(by_withdrawal[at[differs]].sum()),
        columns=columns,
        outlets=_outlets((old, before, ~kept), (new, after, is_new), (new, after, changed)),
        labels=labels,
        upserts=pa.array(np.flatnonzero(is_new | changed)),
        deletes=gone.combine_chunks(),
    )


def first(table: str, folder: Path) -> TableChanges:
    """The rows of a table that there was none of before, as a number alone; StoreError as in `compare`."""
    file = _file(folder, table)
    rows = file.metadata.num_rows if file else 0
    return TableChanges(0, rows, added=rows)


def select(folder: Path, table: str, column: str, where: str, among: pa.Array) -> pa.Array:
    """The distinct values, without null, of `column` in the rows whose column `where` is among the values given."""
    file = _file(folder, table)
    found = _column(file, column).filter(pc.is_in(_column(file, where), value_set=among))
    return found.unique().drop_null()


def repetitive(file: pq.ParquetFile | None) -> set[str]:
    """The columns of strings that a file holds by few distinct values."""
    if file is None or not file.metadata.num_rows:
        return set()
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    return {
        field.name
        for place, field in enumerate(file.schema_arrow)
        if pa.types.is_string(field.type)
        and sum(group.column(place).total_uncompressed_size for group in groups) <= _CODED * file.metadata.num_rows
    }


def _file(folder: Path | None, table: str, coded: Collection[str] = ()) -> pq.ParquetFile | None:
    if folder is None:
        return None
    try:
        return pq.ParquetFile(folder / f"{table}.parquet", read_dictionary=list(coded))
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{folder / table}.parquet cannot be read: {error}. Run `onrecord verify` on it.") from error


def _long(file: pq.ParquetFile, name: str) -> bool:
    """Whether a column is there and so long that it is not read whole."""
    if name not in _names(file):
        return False
    place = file.schema_arrow.get_field_index(name)
    groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
    return sum(group.column(place).total_uncompressed_size for group in groups) >= _LONG


def _names(file: pq.ParquetFile | None) -> list[str]:
    return file.schema_arrow.names if file else []


def _column(file: pq.ParquetFile | None, name: str) -> pa.ChunkedArray:
    if file is None:
        return pa.chunked_array([], pa.string())
    return file.read([name], use_threads=False)[name]


def _empty(column: pa.ChunkedArray | None) -> bool:
    return column is None or column.null_count == len(column)


def _aligned(column: pa.ChunkedArray, pick: pa.Array, in_order: bool) -> pa.ChunkedArray:
    return column.filter(pick) if in_order else column.take(pick)


def _differs(old: pa.ChunkedArray | None, new: pa.ChunkedArray) -> Any:
    """A NumPy mask: where two aligned columns are not the same; a column that was not there was null."""
    import numpy as np

    if old is None:
        return np.array(new.is_valid())
    if pa.types.is_dictionary(old.type) and old.type == new.type:
        codes, other_codes = _codes(old, new)
        return codes != other_codes
    if old.type != new.type:
        return np.ones(len(new), bool)
    if old.equals(new) and not pa.types.is_floating(new.type):
        return np.zeros(len(new), bool)
    if pa.types.is_floating(new.type):  # by their bits: -0.0 is not 0.0, and a nan is itself
        old, new = (
            pa.chunked_array([chunk.view(pa.int64()) for chunk in column.chunks], pa.int64()) for column in (old, new)
        )
    other = pc.fill_null(pc.not_equal(old, new), False)
    return np.array(pc.or_(other, pc.xor(old.is_null(), new.is_null())))


def _by_groups(before: pq.ParquetFile, after: pq.ParquetFile, name: str, at: Any, shared: Any) -> Any:
    """What `_differs` gives of a column of both files, of which some row groups are held at a time.

    Args:
        before: the old file.
        after: the new file.
        name: the column.
        at: the rising places in the old file of the rows that both have, in the order of the new one.
        shared: a mask of these rows in the new file.
    """
    import numpy as np

    starts = np.cumsum([0, *(before.metadata.row_group(number).num_rows for number in range(before.num_row_groups))])
    found, row, done = [np.zeros(0, bool)], 0, 0
    for group in range(after.num_row_groups):
        new = after.read_row_group(group, [name], use_threads=False)[name]
        mask = shared[row : row + len(new)]
        row += len(new)
        places = at[done : done + int(mask.sum())]
        done += len(places)
        if len(places):
            first, last = np.searchsorted(starts, [places[0], places[-1]], side="right") - 1
            old = before.read_row_groups(range(first, last + 1), [name], use_threads=False)[name]
            found.append(_differs(old.take(pa.array(places - starts[first])), new.filter(pa.array(mask))))
    return np.concatenate(found)


def _codes(old: pa.ChunkedArray, new: pa.ChunkedArray) -> tuple[Any, Any]:
    """Two columns held by their distinct values as numbers: equal where the values are, -1 for null."""
    import numpy as np

    values: list[pa.Array] = []
    numbers = []
    for column in (old.unify_dictionaries(), new.unify_dictionaries()):
        values.append(column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string()))
        parts = [pc.fill_null(chunk.indices, -1).to_numpy() for chunk in column.chunks]
        numbers.append(np.concatenate([*parts, np.zeros(0, np.int32)]))
    known = pc.fill_null(pc.index_in(values[1], value_set=values[0]), -2).to_numpy()  # -2: no value of the old column
    return numbers[0], np.append(known, -1)[numbers[1]]


def _drift(name: str, old: pa.ChunkedArray, new: pa.ChunkedArray) -> dict[str, Labels]:
    """The labels whose number of rows differs, under the column's name; nothing when there are none."""
    counts = []
    for column in (old, new):
        found = pc.value_counts(column.drop_null())
        counts.append(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))
    one, other = counts
    drift = {
        label: (one.get(label, 0), other.get(label, 0))
        for label in sorted(one.keys() | other.keys())
        if one.get(label) != other.get(label)
    }
    return {name: drift} if drift else {}


def _touched(file: pq.ParquetFile | None, touched: Mapping[str, pa.Array]) -> Any:
    import numpy as np

    mask = np.zeros(file.metadata.num_rows if file else 0, bool)
    for column in touched.keys() & set(_names(file)):
        mask |= np.array(pc.is_in(_column(file, column), value_set=touched[column]))
    return mask


def _outlets(*sides: tuple[Path | None, pq.ParquetFile | None, Any]) -> tuple[Outlet, ...]:
    """The outlets of the removed, added and changed rows (folder, file, mask) with their counts."""
    counted: list[dict[str | None, int]] = []
    for folder, file, mask in sides:
        names = _names(file)
        if not mask.any() or ("outlet" not in names and "document_id" not in names):
            counted.append({})
            continue
        if "outlet" in names:
            outlets = _column(file, "outlet").filter(pa.array(mask))
        else:
            documents = _file(folder, "documents")
            ids = _column(file, "document_id").filter(pa.array(mask))
            outlets = _column(documents, "outlet").take(pc.index_in(ids, value_set=_column(documents, "document_id")))
        found = pc.value_counts(outlets.combine_chunks())
        counted.append(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))
    removed, added, changed = counted
    every = sorted(removed.keys() | added.keys() | changed.keys(), key=lambda name: (name is None, name))
    return tuple(Outlet(name, added.get(name, 0), removed.get(name, 0), changed.get(name, 0)) for name in every)
