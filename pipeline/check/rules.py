"""Rules about a row: what is bad in SQL, many of them in one scan of a table; and the rules that a schema states."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline import schema
from pipeline.corpus import Corpus, quoted

FITS = "values are as the schema asks"
_TYPES = {"string": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE"}


class Rule(NamedTuple):
    """One way in which a row is bad.

    Attributes:
        law: the check that it belongs to.
        bad: a condition in SQL on the row `r`; null is not bad.
        value: what was found, in SQL.
        message: what is wrong with it, in SQL.
    """

    law: str
    bad: str
    value: str
    message: str


Bad = tuple[str, object, str]


def scan(corpus: Corpus, key: str, rows: str, rules: Sequence[Rule]) -> Mapping[str, list[Bad]]:
    """The bad rows by law, by key, of a relation that calls its rows `r`. All rules are looked at in one scan.

    What is found in bad rows is told by a second scan, when there are any: values and messages may be dear.
    """
    bad_rows = f"{rows} WHERE {' OR '.join(f'({rule.bad})' for rule in rules)}"
    if not any(corpus.rows(f"SELECT true FROM {bad_rows} LIMIT 1")):
        return {}
    told = ", ".join(
        f"CASE WHEN {rule.bad} THEN {{n: {number}, value: CAST({rule.value} AS VARCHAR), message: {rule.message}}} END"
        for number, rule in enumerate(rules)
    )
    found: dict[str, list[Bad]] = defaultdict(list)
    for row_key, bad in corpus.rows(
        f"SELECT r.{key}, list_filter([{told}], lambda one: one IS NOT NULL) FROM {bad_rows} ORDER BY ALL"
    ):
        for one in bad:
            found[rules[one["n"]].law].append(("" if row_key is None else str(row_key), one["value"], one["message"]))
    return found


def of_schema(table: str) -> list[Rule]:
    """What the schema asks of each row: constraints, enumerations, and what its expectations say of a row."""
    return [*constraints(table, schema.arrow(table)), *map(_expectation, schema.load(table).expectations)]


def constraints(table: str, columns: pa.Schema) -> list[Rule]:
    """What the fields of a schema ask of each value, but `unique`, which is about several rows.

    `columns` are those of the rows; where they are not of the schema's types, as in a copy as text, values are read as
    these types first. An empty cell of such a copy must come as null.
    """
    rules = []
    for field in schema.load(table).fields:
        name = f'r."{field.name}"'
        if columns.field(field.name).type != schema.arrow(table).field(field.name).type:
            typed = f"TRY_CAST({name} AS {_TYPES[field.type]})"
            if field.type == "integer":  # the cast would round
                typed = f"CASE WHEN regexp_full_match({name}, '-?[0-9]+') THEN {typed} END"
            rules.append(_rule(f"{typed} IS NULL AND {name} IS NOT NULL", name, f"{field.name} is no {field.type}"))
            name = typed
        rules += [_rule(bad, name, f"{field.name}: {told}") for bad, told in _constraints(field, name)]
    return rules


def _constraints(field: schema.Field, name: str) -> Iterator[tuple[str, str]]:
    """(condition, what is wrong) for each constraint of a field, whose value is `name`."""
    asked = field.constraints
    if asked.get("required"):
        yield f"{name} IS NULL", "required"
    if field.categories:
        yield f"{name} NOT IN ({', '.join(map(quoted, field.labels))})", f"one of {', '.join(field.labels)}"
    if "pattern" in asked:
        yield f"NOT regexp_full_match({name}, {quoted(asked['pattern'])})", f"pattern {asked['pattern']}"
    for key, value, sign in (("minimum", name, "<"), ("maximum", name, ">"),
                             ("minLength", f"length({name})", "<"), ("maxLength", f"length({name})", ">")):  # fmt: skip
        if key in asked:
            yield f"{value} {sign} {asked[key]}", f"{key} {asked[key]}"


def _expectation(expectation: Mapping[str, Any]) -> Rule:
    """An expectation of the schema file as a rule; KeyError for one of a kind that is not known here."""
    asked = expectation["kwargs"]
    where = asked.get("row_condition")
    names = [asked[part] for part in ("column", "column_A", "column_B") if part in asked]
    columns = [f'r."{name}"' for name in names]
    bad = {
        "expect_column_pair_values_a_to_be_greater_than_b": "NOT {0} > {1}",
        "expect_column_values_to_be_null": "{0} IS NOT NULL",
        "expect_column_values_to_not_be_null": "{0} IS NULL",
    }[expectation["type"]]
    if asked.get("or_equal"):
        bad = bad.replace(">", ">=")
    bad = bad.format(*columns) + (f" AND {_condition(where)}" if where else "")
    told = expectation["type"].removeprefix("expect_column_") + (f" where {where}" if where else "")
    value = f"concat_ws(', ', {', '.join(columns)})"
    return _rule(bad, value, f"{', '.join(names)}: {told}")


def _condition(pandas: str) -> str:
    """A row condition of Great Expectations, such as `voice == "outlet" and speaker.isnull()`, in SQL."""
    parts = []
    for part in pandas.split(" and "):
        if null := re.fullmatch(r"(\w+)\.isnull\(\)", part):
            parts.append(f'r."{null[1]}" IS NULL')
        elif equal := re.fullmatch(r'(\w+) == "([^"]*)"', part):
            parts.append(f'r."{equal[1]}" = {quoted(equal[2])}')
        else:
            raise ValueError(f"the row condition {part!r} is of a kind that is not known here")
    return " AND ".join(parts)


def _rule(bad: str, value: str, told: str) -> Rule:
    return Rule(FITS, bad, value, quoted(told))
