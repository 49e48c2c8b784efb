"""What the pictures of the page show, as numbers: claims over time, who is quoted by whom, stances, types of claim."""

import datetime
from collections.abc import Callable, Mapping, Sequence
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
    named = claims.filter(pc.is_valid(claims["speaker"]))
    counts = _counted(named.select(["speaker", "outlet"]))
    return _matrix({key: {"claims": count} for key, count in counts.items()})


def stances(table: pa.Table) -> Matrix:
    """Documents by target, outlet and polarity; targets that were assessed most often first."""
    cells: dict[tuple[str, str | None], dict[str, int]] = {}
    for (target, outlet, polarity), count in _counted(table.select(["target", "outlet", "polarity"])).items():
        cells.setdefault((target, outlet), {})[polarity] = count
    return _matrix(cells, weight=lambda cell: sum(n for label, n in cell.items() if label != "insufficient"))


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


def _matrix(
    cells: Mapping[tuple[str, str | None], Mapping[str, int]],
    weight: Callable[[Mapping[str, int]], int] = lambda cell: sum(cell.values()),
) -> Matrix:
    def largest(part: int) -> Sequence:
        totals: dict[str | None, tuple[int, int]] = {}
        for key, cell in cells.items():
            heavy, all_ = totals.get(key[part], (0, 0))
            totals[key[part]] = (heavy + weight(cell), all_ + sum(cell.values()))
        return sorted(totals, key=lambda name: (*(-total for total in totals[name]), str(name)))

    rows, columns = largest(0), largest(1)
    shown = tuple((row, tuple(cells.get((row, column), {}) for column in columns[:OUTLETS])) for row in rows[:ROWS])
    highest = max((sum(cell.values()) for _, line in shown for cell in line), default=0)
    return Matrix(tuple(columns[:OUTLETS]), shown, highest, max(0, len(rows) - ROWS), max(0, len(columns) - OUTLETS))
