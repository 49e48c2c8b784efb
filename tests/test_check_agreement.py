"""Our rules in SQL beside Frictionless: the same bad rows, whatever is wrong with them."""

import csv
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
import releases

from pipeline import schema
from pipeline.check.across import foreign_keys, unique
from pipeline.check.rules import constraints, scan
from pipeline.corpus import Corpus

Cells = dict[str, list[dict[str, str]]]


def _cells() -> Cells:
    """A made-up corpus as text, as CSV writes it."""

    def cell(value: object) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    made = releases.many(200)
    for row in made["stances"]:
        row |= {key: max(-1.0, min(1.0, row[key])) for key in ("score_low", "score_high")}
    return {
        name: [{column: cell(value) for column, value in row.items()} for row in rows] for name, rows in made.items()
    }


def _spoilt(cells: Cells, seed: int) -> int:
    """Spoil a cell in some rows of each table, in each way that its column knows; the number of spoilt cells."""
    draw = random.Random(seed)
    count = 0
    for name, rows in cells.items():
        spec = schema.load(name)
        keys = {column for column, _, _ in spec.foreign_keys}
        for row in draw.sample(rows, len(rows) // 2):
            field = draw.choice(spec.fields)
            asked = field.constraints
            ways = {"integer": ["twelve", "12.5"], "number": ["a tenth"], "boolean": ["maybe"], "date": ["2031-13-40"]}
            values = list(ways.get(field.type, []))
            values += [""] * bool(asked.get("required"))
            values += ["nobody"] * bool(field.categories) + ["?!"] * ("pattern" in asked)
            values += ["-7"] * ("minimum" in asked) + ["7.5"] * ("maximum" in asked)
            values += ["x"] * (asked.get("minLength", 1) > 1)
            values += [draw.choice(rows)[field.name]] * bool(asked.get("unique"))
            values += [field.name[0].replace("s", "p") + "0" * 16] * (field.name in keys)
            if values:
                row[field.name] = draw.choice(values)
                count += 1
    return count


def _by_frictionless(folder: Path, cells: Cells) -> set[tuple[str, int]]:
    """(table, row) of what Frictionless refuses in the tables as CSV files."""
    from frictionless import Package

    resources = []
    for name, rows in cells.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, schema.arrow(name).names)
            writer.writeheader()
            writer.writerows(rows)
        resources.append({"name": name, "path": f"{name}.csv", "schema": schema.descriptor(name), "encoding": "utf-8"})
    report = Package.from_descriptor({"resources": resources}, basepath=str(folder)).validate(limit_errors=10_000)
    assert not report.errors
    return {(task.name, row - 2) for task in report.tasks for (row,) in task.flatten(["rowNumber"])}


def _by_rules(folder: Path, cells: Cells) -> set[tuple[str, int]]:
    """(table, row) of what our rules refuse in the same files."""
    options = pa.csv.ConvertOptions
    tables = {}
    for name, rows in cells.items():
        text = options(column_types=dict.fromkeys(schema.arrow(name).names, pa.string()), strings_can_be_null=True,
                       null_values=[""], quoted_strings_can_be_null=True)  # fmt: skip
        table = pa.csv.read_csv(folder / f"{name}.csv", convert_options=text)
        tables[name] = table.append_column("place", pa.array(range(len(rows))))
    corpus = Corpus(tables)
    found = set()
    for name, table in tables.items():
        for bad in scan(corpus, "place", f"{name} r", constraints(name, table.schema)).values():
            found |= {(name, int(place)) for place, *_ in bad}
        keys = table[schema.load(name).primary_key].to_pylist()
        for key, *_ in foreign_keys(corpus, name):
            found |= {(name, place) for place, held in enumerate(keys) if held == key}
        for _, value, told in unique(corpus, name):  # of rows that share a value, Frictionless lets the first pass
            held = table[told.rpartition(" ")[2]].to_pylist()
            found |= {(name, place) for place, other in enumerate(held) if other == value and place > held.index(value)}
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_our_rules_and_frictionless_refuse_the_same_rows(tmp_path: Path, seed: int) -> None:
    """Wrong types, missing values, labels, patterns, bounds, repeated keys, keys that lead nowhere: the same."""
    cells = _cells()
    count = _spoilt(cells, seed)

    refused = _by_frictionless(tmp_path, cells)

    assert count > 50
    assert len(refused) > 40
    assert refused == _by_rules(tmp_path, cells)


def test_both_pass_good_rows(tmp_path: Path) -> None:
    """Neither refuses a row of the corpus as it was made."""
    cells = _cells()

    assert _by_frictionless(tmp_path, cells) == _by_rules(tmp_path, cells) == set()
