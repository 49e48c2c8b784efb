"""What a release promises to those who read it, as its own files tell it, and what a change of it means.

The promise is: tables, columns and their order, types, whether null may stand, keys and how they are made, labels,
their order and definitions, the licence. It is read from `datapackage.json` and the Parquet files of each release,
never from the schemas that are installed, which know one release only.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError

BUMPS = ("none", "patch", "minor", "major")
"""From the least to the greatest."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that changed.

    Attributes:
        bump: what it asks for: patch, minor or major.
        table: where; None when it concerns the whole package.
        what: one of the kinds that `changes.schema.json` lists, such as `column_added`.
        text: the same for people, without a word out of any row.
    """

    bump: str
    table: str | None
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: Arrow type as text, whether null may stand, what constrains it, (label, definition) in order."""

    name: str
    type: str
    nullable: bool
    constraints: Mapping[str, Any]
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the version of its meaning (None where the release tells none), its key, foreign keys and columns."""

    version: str | None
    key: str
    foreign_keys: tuple[tuple[str, str, str], ...]
    columns: tuple[Column, ...]

    def labelled(self) -> list[str]:
        """The columns that are enumerations."""
        return [column.name for column in self.columns if column.labels]


@dataclass(frozen=True, slots=True)
class Contract:
    """All that a release promises."""

    licence: str
    tables: Mapping[str, Table]


def read(folder: Path) -> Contract:
    """The contract of the release in a folder; StoreError when its descriptor or a table cannot be read."""
    path = folder / "datapackage.json"
    try:
        descriptor = json.loads(path.read_bytes())
        tables = {
            resource["name"]: _table(folder / resource["path"], resource["schema"])
            for resource in descriptor["resources"]
            if resource["type"] == "table" and resource["format"] == "parquet"
        }
        return Contract(descriptor["licenses"][0]["name"], tables)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        told = f"{type(error).__name__}: {error}"
        raise StoreError(f"{path} does not describe a release: {told}. Run `onrecord verify` on it.") from error


def _table(path: Path, described: Mapping[str, Any]) -> Table:
    stored = pq.read_schema(path)
    fields = {field["name"]: field for field in described["fields"]}
    columns = []
    for field in stored:
        known = fields[field.name]
        constraints = {key: value for key, value in known.get("constraints", {}).items() if key != "enum"}
        labels = tuple((category["value"], category["label"]) for category in known.get("categories", ()))
        columns.append(Column(field.name, str(field.type), field.nullable, constraints, labels))
    keys = tuple(
        (key["fields"][0], key["reference"]["resource"] or path.stem, key["reference"]["fields"][0])
        for key in described.get("foreignKeys", ())
    )
    return Table(described.get("version"), described["primaryKey"][0], keys, tuple(columns))


def compare(old: Contract, new: Contract) -> tuple[Reason, ...]:
    """What changed in the contract, table by table."""
    reasons = []
    if old.licence != new.licence:
        narrower = not _at_least_as_free(new.licence, old.licence)
        told = f"the licence was {old.licence} and is {new.licence}"
        reasons.append(
            Reason("major", None, "licence_narrower", f"{told}, which is not known to allow all that it did")
            if narrower
            else Reason("patch", None, "licence_wider", told)
        )
    for name in dict.fromkeys([*old.tables, *new.tables]):
        if name not in new.tables:
            reasons.append(Reason("major", name, "table_removed", "the table is gone"))
        elif name not in old.tables:
            reasons.append(Reason("minor", name, "table_added", "the table is new"))
        else:
            reasons += [
                Reason(bump, name, what, text) for bump, what, text in _tables(old.tables[name], new.tables[name])
            ]
    return tuple(reasons)


_Change = tuple[str, str, str]


def _tables(old: Table, new: Table) -> Iterator[_Change]:
    if old.key != new.key:
        yield "major", "key_column_changed", f"the key was {old.key} and is {new.key}"
    for key in old.foreign_keys:
        if key not in new.foreign_keys:
            yield "major", "foreign_key_removed", f"{key[0]} leads no longer to {key[1]}.{key[2]}"
    for key in new.foreign_keys:
        if key not in old.foreign_keys:
            yield "minor", "foreign_key_added", f"{key[0]} now leads to {key[1]}.{key[2]}"
    if old.version and new.version and old.version != new.version:
        changed = [one != other for one, other in zip(old.version.split("."), new.version.split("."), strict=False)]
        bump = "major" if changed[0] else "minor" if any(changed[:2]) else "patch"
        yield bump, "meaning_changed", f"the schema went from version {old.version} to {new.version}"
    before, after = ({column.name: column for column in table.columns} for table in (old, new))
    for name in before.keys() - after.keys():
        yield "major", "column_removed", f"the column {name} is gone"
    kept = [name for name in before if name in after]
    if kept != list(after)[: len(kept)]:
        yield "major", "columns_reordered", "the columns that were there do not come first and in their old order"
    for name, column in after.items():
        if name in before:
            yield from _columns(before[name], column, is_key=name == new.key)
        elif column.nullable:
            yield "minor", "column_added", f"the column {name} is new"
        else:
            yield "major", "column_added", f"the column {name} is new and may not be null, which no older row fits"


def _columns(old: Column, new: Column, *, is_key: bool) -> Iterator[_Change]:
    if old.type != new.type:
        yield "major", "column_retyped", f"{new.name} was {old.type} and is {new.type}"
    if new.nullable and not old.nullable:
        yield "major", "column_nullable", f"{new.name} may now be null"
    elif old.nullable and not new.nullable:
        yield "minor", "column_required", f"{new.name} may no longer be null"
    if bool(old.labels) != bool(new.labels):
        yield "major", "column_retyped", f"{new.name} {'became' if new.labels else 'is no longer'} an enumeration"
    else:
        yield from _labels(new.name, old.labels, new.labels)
    loose = [
        {key: value for key, value in column.constraints.items() if key not in ("required", "unique")}
        for column in (old, new)
    ]
    if loose[0] != loose[1]:
        bump, what = ("major", "key_redefined") if is_key else ("minor", "constraint_changed")
        yield bump, what, f"other values are allowed in {new.name}"


def _labels(column: str, old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> Iterator[_Change]:
    before, after = dict(old), dict(new)
    for label in before:
        if label not in after:
            yield "major", "label_removed", f"{column} has no longer the label {label}"
        elif before[label] != after[label]:
            yield "major", "label_redefined", f"the label {label} of {column} has another definition"
    kept = [label for label in before if label in after]
    if kept != list(after)[: len(kept)]:
        yield (
            "major",
            "labels_reordered",
            f"the labels of {column} that were there do not come first in their old order",
        )
    for label in after:
        if label not in before:
            yield "minor", "label_added", f"{column} has the new label {label}"


_FREE = {"CC0-1.0": frozenset(), "PDDL-1.0": frozenset(), "ODC-By-1.0": frozenset({"BY"}),
         "ODbL-1.0": frozenset({"BY", "SA"})}  # fmt: skip


def _at_least_as_free(new: str, old: str) -> bool:
    """Whether a licence sets no condition that the other does not set, as far as its SPDX identifier tells."""
    conditions = [_conditions(licence) for licence in (new, old)]
    return None not in conditions and conditions[0] <= conditions[1]


def _conditions(licence: str) -> frozenset[str] | None:
    """The conditions in a Creative Commons or Open Data Commons identifier; None for any other."""
    if licence in _FREE:
        return _FREE[licence]
    parts = licence.split("-")
    if parts[0] == "CC" and len(parts) > 2 and set(parts[1:-1]) <= {"BY", "NC", "ND", "SA"}:
        return frozenset(parts[1:-1])
    return None
