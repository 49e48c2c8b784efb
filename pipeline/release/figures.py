"""What the pictures of the page show, as numbers: claims over time, who is quoted by whom, stances, types of claim."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema

OUTLETS = 8
"""Outlets in a picture, the largest first: as many columns as a page of 60 rem holds with their names."""
ROWS = 12
"""Speakers or targets in a picture, the most frequent first."""
_PERIODS = 60  # bars in a lane that can still be told apart on a phone

_Day = datetime.date
_UNITS: tuple[tuple[str, Callable[[_Day], int], Callable[[int], str]], ...] = (
    ("day", _Day.toordinal, lambda number: _Day.fromordinal(number).isoformat()),
    ("month", lambda day: day.year * 12 + day.month - 1, lambda number: f"{number // 12:04}-{number % 12 + 1:02}"),
    ("quarter", lambda day: day.year * 4 + (day.month - 1) // 3, lambda number: f"{number // 4:04}-Q{number % 4 + 1}"),
    ("year", lambda day: day.year, lambda number: f"{number:04}"),
    ("decade", lambda day: day.year // 10, lambda number: f"{number:03}0s"),
)
"""A unit of time, the number of the period that holds a day, and the name of a period by its number."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Claims by period of publication and outlet.

    Attributes:
        unit: day, month, quarter, year or decade: the finest that needs no more than 60 bars.
        periods: every period from the first to the last, those without claims too.
        lanes: (outlet, claims in each period), the outlet with most claims first.
        undated: claims of documents without a date, or with one that spans several periods.
        hidden: outlets that are not shown.
    """

    unit: str
    periods: tuple[str, ...]
    lanes: tuple[tuple[str | None, tuple[int, ...]], ...]
    undated: int
    hidden: int

    @property
    def highest(self) -> int:
        """Claims in the highest bar of all lanes; 0 when there is none."""
        return max((count for _, counts in self.lanes for count in counts), default=0)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A table of counts.

    Attributes:
        columns: outlets, the largest first; None is an outlet that is not told.
        rows: (name, a cell for each column); a cell counts by label, or is empty.
        highest: the largest count of a cell.
        hidden_rows, hidden_columns: how many are not shown.
    """

    columns: tuple[str | None, ...]
    rows: tuple[tuple[str, tuple[Mapping[str, int], ...]], ...]
    highest: int
    hidden_rows: int
    hidden_columns: int


def timeline(documents: pa.Table, claims: pa.Table) -> Timeline:
    """Claims over time by outlet, by the day of publication of their document."""
    place = pc.index_in(claims["document_id"], value_set=documents["document_id"].combine_chunks())
    counts = _counted(pa.table({"outlet": claims["outlet"], "document": place}))
    spans = list(zip(documents["published_start"].to_pylist(), documents["published_end"].to_pylist(), strict=True))
    ends = [day for span in spans if all(span) for day in span]
    if not ends:
        return Timeline("day", (), (), claims.num_rows, 0)
    unit, number, name = next(
        (entry for entry in _UNITS if entry[1](max(ends)) - entry[1](min(ends)) < _PERIODS), _UNITS[-1]
    )
    periods = range(number(min(ends)), number(max(ends)) + 1)
    found: dict[str | None, dict[int, int]] = {}
    undated = 0
    for (outlet, document), count in counts.items():
        first, last = spans[document]
        if first is None or last is None or number(first) != number(last):
            undated += count
        else:
            lane = found.setdefault(outlet, {})
            lane[number(first)] = lane.get(number(first), 0) + count
    lanes = sorted(found.items(), key=lambda lane: (-sum(lane[1].values()), str(lane[0])))
    shown = tuple((outlet, tuple(lane.get(period, 0) for period in periods)) for outlet, lane in lanes[:OUTLETS])
    return Timeline(unit, tuple(map(name, periods)), shown, undated, max(0, len(lanes) - OUTLETS))


def quoted(claims: pa.Table) -> Matrix:
    """Who is quoted by whom: attributed claims by speaker and outlet."""
    named = claims.select(["speaker", "outlet"]).filter(pc.is_valid(claims["speaker"]))
    return _matrix(named.append_column("label", pa.repeat("claims", len(named))))


def stances(table: pa.Table) -> Matrix:
    """Documents by target, outlet and polarity; targets and outlets that were assessed most often first."""
    return _matrix(table.select(["target", "outlet", "polarity"]), light="insufficient")


def types(claims: pa.Table) -> tuple[tuple[str, str, int], ...]:
    """(label, definition, claims) of each claim type, in the order of the schema."""
    counts = _counted(claims.select(["claim_type"]))
    return tuple(
        (label, told, counts.get((label,), 0)) for label, told in schema.load("claims").field("claim_type").categories
    )


def _counted(table: pa.Table) -> dict[tuple, int]:
    """Rows by the values of all columns."""
    grouped = table.group_by(table.column_names).aggregate([([], "count_all")])
    values = (grouped[name].to_pylist() for name in table.column_names)
    return dict(zip(zip(*values, strict=True), grouped["count_all"].to_pylist(), strict=True))


def _matrix(table: pa.Table, light: str = "") -> Matrix:
    """Count the labels of the third column by the first two; rows with the label `light` count last in the order."""
    row, column, kind = table.column_names
    weighed = table.append_column("heavy", pc.not_equal(table[kind], light))

    def largest(name: str) -> list[str | None]:
        totals: dict[str | None, tuple[int, int]] = {}
        for (value, heavy), count in _counted(weighed.select([name, "heavy"])).items():
            most, all_ = totals.get(value, (0, 0))
            totals[value] = (most + heavy * count, all_ + count)
        return sorted(totals, key=lambda value: (*(-total for total in totals[value]), str(value)))

    rows, columns = largest(row), largest(column)
    shown = table.filter(pc.is_in(table[row], value_set=pa.array(rows[:ROWS], pa.string())))
    cells: dict[tuple[str, str | None], dict[str, int]] = {}
    for (name, outlet, found), count in _counted(shown).items():
        cells.setdefault((name, outlet), {})[found] = count
    lines = tuple((name, tuple(cells.get((name, outlet), {}) for outlet in columns[:OUTLETS])) for name in rows[:ROWS])
    highest = max((sum(cell.values()) for _, line in lines for cell in line), default=0)
    return Matrix(tuple(columns[:OUTLETS]), lines, highest, max(0, len(rows) - ROWS), max(0, len(columns) - OUTLETS))
