"""schemas/*.json, and what is computed from them: Arrow schemas, expectations, descriptors, ClassLabels, documentation.

A schema file is a Frictionless Table Schema (v2) with two keys of ours: `version`, the version of the table's meaning,
and `expectations`, Great Expectations `{type, kwargs}` for what spans columns. A column or a label is spelled there and
in the stage that decides it, nowhere else. An enumeration is written as `categories` (value and definition); the
`enum` constraint that readers enforce is computed from it.
"""

import datetime
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.errors import SchemaError

TABLES = ("documents", "texts", "claims", "dates", "stances", "speakers")

_HERE = Path(__file__).parent
FOLDER = _HERE / "schemas" if (_HERE / "schemas").is_dir() else _HERE.parent / "schemas"

_TYPES = {
    "string": (pa.string(), str, "string"),
    "integer": (pa.int64(), int, "int64"),
    "number": (pa.float64(), float, "float64"),
    "boolean": (pa.bool_(), bool, "bool"),
    "date": (pa.date32(), datetime.date, "date32"),
}
_CONSTRAINTS = {
    "string": {"required", "unique", "minLength", "maxLength", "pattern"},
    "integer": {"required", "unique", "minimum", "maximum"},
    "number": {"required", "unique", "minimum", "maximum"},
    "boolean": {"required"},
    "date": {"required", "minimum", "maximum"},
}
_TABLE_KEYS = {
    "$schema", "title", "description", "version", "primaryKey", "missingValues", "fields", "foreignKeys",
    "expectations",
}  # fmt: skip
_FIELD_KEYS = {"name", "type", "title", "description", "categories", "constraints"}
_PACKAGE_KEYS = {"title", "description", "licence", "licence_path", "keywords", "floors"}


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    Attributes:
        name: as in every file of a release.
        type: Table Schema type: string, integer, number, boolean or date.
        title: a few words for people.
        description: meaning, unit, frame of reference and origin.
        categories: (label, definition) in the order of the ClassLabel; empty for a free column.
        constraints: Table Schema constraints, without `enum`.
    """

    name: str
    type: str
    title: str
    description: str
    categories: tuple[tuple[str, str], ...]
    constraints: Mapping[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in ClassLabel order; empty for a free column."""
        return tuple(value for value, _ in self.categories)

    @property
    def required(self) -> bool:
        """Whether null is refused."""
        return bool(self.constraints.get("required"))


@dataclass(frozen=True, slots=True)
class Table:
    """One table as its schema file has it; `foreign_keys` are (column, table, column), `expectations` GX dicts."""

    name: str
    title: str
    description: str
    version: str
    primary_key: str
    foreign_keys: tuple[tuple[str, str, str], ...]
    fields: tuple[Field, ...]
    expectations: tuple[Mapping[str, Any], ...]

    def field(self, name: str) -> Field:
        """The column of that name; KeyError when there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name}.{name}")


@cache
def load(table: str) -> Table:
    """The schema of a table, checked; SchemaError names file and key of what is wrong."""
    return read(FOLDER / f"{table}.json")


def read(path: Path) -> Table:
    """Read and check one schema file."""
    raw = _json(path)
    _refuse_unknown(path, raw, _TABLE_KEYS, "")
    for key in ("title", "description", "version", "primaryKey", "fields"):
        if key not in raw:
            raise SchemaError(f"{path}: the key {key!r} is missing. Add it; every other schema shows how.")
    fields = tuple(_field(path, i, raw_field) for i, raw_field in enumerate(raw["fields"]))
    names = {field.name for field in fields}
    if len(names) != len(fields):
        raise SchemaError(f"{path}: two fields have the same name. Rename one.")
    if len(raw["primaryKey"]) != 1 or raw["primaryKey"][0] not in names:
        raise SchemaError(f"{path}: primaryKey must name one field of the table, not {raw['primaryKey']!r}.")
    keys = []
    for key in raw.get("foreignKeys", ()):
        _refuse_unknown(path, key, {"fields", "reference"}, "foreignKeys.")
        _refuse_unknown(path, key["reference"], {"resource", "fields"}, "foreignKeys.reference.")
        if key["fields"][0] not in names:
            raise SchemaError(f"{path}: foreignKeys names {key['fields'][0]!r}, which is no field of the table.")
        keys.append((key["fields"][0], key["reference"]["resource"] or path.stem, key["reference"]["fields"][0]))
    for expectation in raw.get("expectations", ()):
        _refuse_unknown(path, expectation, {"type", "kwargs"}, "expectations.")
        for key, column in expectation["kwargs"].items():
            if key.startswith("column") and column not in names:
                raise SchemaError(f"{path}: an expectation names {column!r}, which is no field of the table.")
    return Table(
        name=path.stem,
        title=raw["title"],
        description=raw["description"],
        version=raw["version"],
        primary_key=raw["primaryKey"][0],
        foreign_keys=tuple(keys),
        fields=fields,
        expectations=tuple(raw.get("expectations", ())),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SchemaError(f"{path}: no such file. The tables are {', '.join(TABLES)}.") from None
    except json.JSONDecodeError as error:
        raise SchemaError(f"{path}:{error.lineno}:{error.colno}: no JSON: {error.msg}.") from None


def _refuse_unknown(path: Path, found: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in found:
        if key not in known:
            raise SchemaError(f"{path}: unknown key '{where}{key}'. Known here: {', '.join(sorted(known))}.")


def _field(path: Path, index: int, raw: Mapping[str, Any]) -> Field:
    where = f"fields[{index}]"
    for key in ("name", "type", "title", "description"):
        if not isinstance(raw.get(key), str):
            raise SchemaError(f"{path}: {where} has no {key!r}.")
    where = f"fields.{raw['name']}."
    _refuse_unknown(path, raw, _FIELD_KEYS, where)
    if raw["type"] not in _TYPES:
        raise SchemaError(f"{path}: {where}type is {raw['type']!r}. Known: {', '.join(_TYPES)}.")
    constraints = raw.get("constraints", {})
    _refuse_unknown(path, constraints, _CONSTRAINTS[raw["type"]], where + "constraints.")
    if "pattern" in constraints:
        try:
            re.compile(constraints["pattern"])
        except re.error as error:
            raise SchemaError(f"{path}: {where}constraints.pattern is no regular expression: {error}.") from None
    categories = raw.get("categories", ())
    for category in categories:
        _refuse_unknown(path, category, {"value", "label"}, where + "categories.")
    if categories and raw["type"] != "string":
        raise SchemaError(f"{path}: {where}categories are for strings only.")
    return Field(
        name=raw["name"],
        type=raw["type"],
        title=raw["title"],
        description=raw["description"],
        categories=tuple((category["value"], category["label"]) for category in categories),
        constraints=constraints,
    )


@cache
def package() -> dict[str, Any]:
    """schemas/package.json: title, description, licence, keywords and floors of every package built here."""
    path = FOLDER / "package.json"
    raw = _json(path)
    _refuse_unknown(path, raw, _PACKAGE_KEYS, "")
    for key in _PACKAGE_KEYS - raw.keys():
        raise SchemaError(f"{path}: the key {key!r} is missing.")
    for floor in raw["floors"]:
        _refuse_unknown(path, floor, {"table", "minimum", "reason"}, "floors.")
        if floor["table"] not in TABLES:
            raise SchemaError(f"{path}: floors.table is {floor['table']!r}. Known: {', '.join(TABLES)}.")
    return raw


@cache
def arrow(table: str) -> pa.Schema:
    """The pinned Arrow schema: plain types, required columns not nullable, descriptions as field metadata."""
    return pa.schema(
        [
            pa.field(f.name, _TYPES[f.type][0], nullable=not f.required, metadata={"description": f.description})
            for f in load(table).fields
        ]
    )


def table(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """An Arrow table from rows; SchemaError for unknown or missing keys, wrong types and nulls in required columns."""
    fields = load(name).fields
    columns: dict[str, list[Any]] = {field.name: [] for field in fields}
    for row in rows:
        if row.keys() != columns.keys():
            unknown, missing = sorted(row.keys() - columns.keys()), sorted(columns.keys() - row.keys())
            raise SchemaError(f"schemas/{name}.json: a row has unknown keys {unknown} and lacks {missing}.")
        for key, value in row.items():
            columns[key].append(value)
    for field in fields:
        _check_values(name, field, columns[field.name])
    return pa.table(columns, schema=arrow(name))


def _check_values(table: str, field: Field, values: list[Any]) -> None:
    python = _TYPES[field.type][1]
    for value in values:
        if value is None:
            if field.required:
                raise SchemaError(f"schemas/{table}.json: null in {field.name}, which is required.")
        elif type(value) is not python:
            raise SchemaError(f"schemas/{table}.json: {value!r} in {field.name} is no {field.type}.")


def empty(name: str) -> pa.Table:
    """The table without rows."""
    return arrow(name).empty_table()


def descriptor(table: str) -> dict[str, Any]:
    """The Frictionless Table Schema (v2) of a table, with `enum` spelled out for readers that ignore `categories`."""
    spec = load(table)
    fields = []
    for field in spec.fields:
        entry: dict[str, Any] = {
            "name": field.name,
            "type": field.type,
            "title": field.title,
            "description": field.description,
        }
        constraints = dict(field.constraints)
        if field.categories:
            entry["categories"] = [{"value": value, "label": label} for value, label in field.categories]
            constraints["enum"] = list(field.labels)
        if constraints:
            entry["constraints"] = constraints
        fields.append(entry)
    result: dict[str, Any] = {
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "fields": fields,
        "fieldsMatch": "exact",
        "missingValues": [""],
        "primaryKey": [spec.primary_key],
    }
    if spec.foreign_keys:
        result["foreignKeys"] = [
            {"fields": [column], "reference": {"resource": "" if other == table else other, "fields": [key]}}
            for column, other, key in spec.foreign_keys
        ]
    return result


def expectations(table: str) -> list[dict[str, Any]]:
    """Great Expectations as `{type, kwargs}`: those that follow from each column, then the file's own."""
    spec = load(table)
    names = [field.name for field in spec.fields]
    found: list[dict[str, Any]] = [
        {"type": "expect_table_columns_to_match_ordered_list", "kwargs": {"column_list": names}}
    ]

    def expect(kind: str, **kwargs: Any) -> None:
        found.append({"type": kind, "kwargs": kwargs})

    for field in spec.fields:
        rules = field.constraints
        if rules.get("required"):
            expect("expect_column_values_to_not_be_null", column=field.name)
        if rules.get("unique"):
            expect("expect_column_values_to_be_unique", column=field.name)
        if field.categories:
            expect("expect_column_values_to_be_in_set", column=field.name, value_set=list(field.labels))
        if "pattern" in rules:
            expect("expect_column_values_to_match_regex", column=field.name, regex=rf"^(?:{rules['pattern']})\Z")
        if "minimum" in rules or "maximum" in rules:
            expect(
                "expect_column_values_to_be_between",
                column=field.name,
                min_value=rules.get("minimum"),
                max_value=rules.get("maximum"),
            )
        if "minLength" in rules or "maxLength" in rules:
            expect(
                "expect_column_value_lengths_to_be_between",
                column=field.name,
                min_value=rules.get("minLength"),
                max_value=rules.get("maxLength"),
            )
    return found + [dict(expectation) for expectation in spec.expectations]


def features(table: str) -> list[dict[str, Any]]:
    """The `features` of a dataset card: a ClassLabel for each enumeration, in the order of the schema."""
    found = []
    for field in load(table).fields:
        if field.categories:
            names = {str(i): label for i, label in enumerate(field.labels)}
            found.append({"name": field.name, "dtype": {"class_label": {"names": names}}})
        else:
            found.append({"name": field.name, "dtype": _TYPES[field.type][2]})
    return found


def markdown(table: str) -> str:
    """The table's documentation in Markdown: its fields, then the labels of each enumeration with their definitions."""
    spec = load(table)
    lines = [f"### `{table}`: {spec.title}", "", spec.description, "", "| field | type | meaning |", "|---|---|---|"]
    for field in spec.fields:
        kind = "label" if field.categories else field.type
        kind += "" if field.required else ", null"
        lines.append(f"| `{field.name}` | {kind} | {_cell(field.description)} |")
    for field in spec.fields:
        if field.categories:
            lines += ["", f"Labels of `{field.name}`:", ""]
            lines += [f"- `{value}`: {label}" for value, label in field.categories]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


_MARKS = ("<!-- tables: made by `make docs` from schemas/ -->", "<!-- end of tables -->")


def documented(page: str) -> str:
    """A Markdown page with the part between its two table marks made anew from the schemas."""
    before, _, rest = page.partition(_MARKS[0])
    _, end, after = rest.partition(_MARKS[1])
    if not end:
        raise SchemaError(f"the page lacks the marks {_MARKS[0]!r} and {_MARKS[1]!r}.")
    tables = "\n".join(
        f"<details><summary><code>{name}</code>: {load(name).title}</summary>\n\n{markdown(name)}\n</details>\n"
        for name in TABLES
    )
    return f"{before}{_MARKS[0]}\n\n{tables}\n{_MARKS[1]}{after}"


if __name__ == "__main__":
    _page = Path(sys.argv[1])
    _page.write_text(documented(_page.read_text(encoding="utf-8")), encoding="utf-8")
