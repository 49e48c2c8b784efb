"""What the pictures of the page show, as numbers: claims over time, who is quoted by whom, stances, types of claim."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline import schema
from pipeline.corpus import Corpus, Source
from pipeline.corpus import quoted as literal

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


def timeline(tables: Mapping[str, Source]) -> Timeline:
    """Claims over time by outlet, by the day of publication of their document."""
    corpus = Corpus.of(tables)
    counts = list(
        corpus.rows(
            "SELECT c.outlet, d.published_start, d.published_end, count(*) FROM claims c "
            "LEFT JOIN documents d USING (document_id) GROUP BY ALL"
        )
    )
    ends = corpus.one(
        "SELECT least(min(published_start), min(published_end)), greatest(max(published_start), max(published_end)) "
        "FROM documents WHERE published_start IS NOT NULL AND published_end IS NOT NULL"
    )
    if None in ends:
        return Timeline("day", (), (), sum(row[-1] for row in counts), 0)
    earliest, latest = ends
    unit, number, name = next(
        (entry for entry in _UNITS if entry[1](latest) - entry[1](earliest) < _PERIODS), _UNITS[-1]
    )
    periods = range(number(earliest), number(latest) + 1)
    found: dict[str | None, dict[int, int]] = {}
    undated = 0
    for outlet, first, last, count in counts:
        if first is None or last is None or number(first) != number(last):
            undated += count
        else:
            lane = found.setdefault(outlet, {})
            lane[number(first)] = lane.get(number(first), 0) + count
    lanes = sorted(found.items(), key=lambda lane: (-sum(lane[1].values()), str(lane[0])))
    shown = tuple((outlet, tuple(lane.get(period, 0) for period in periods)) for outlet, lane in lanes[:OUTLETS])
    return Timeline(unit, tuple(map(name, periods)), shown, undated, max(0, len(lanes) - OUTLETS))


def quoted(tables: Mapping[str, Source]) -> Matrix:
    """Who is quoted by whom: attributed claims by speaker and outlet."""
    rows = "SELECT speaker AS name, outlet, 'claims' AS label FROM claims WHERE speaker IS NOT NULL"
    return _matrix(Corpus.of(tables), rows)


def stances(tables: Mapping[str, Source]) -> Matrix:
    """Documents by target, outlet and polarity; targets and outlets that were assessed most often first."""
    return _matrix(
        Corpus.of(tables), "SELECT target AS name, outlet, polarity AS label FROM stances", light="insufficient"
    )


def types(tables: Mapping[str, Source]) -> tuple[tuple[str, str, int], ...]:
    """(label, definition, claims) of each claim type, in the order of the schema."""
    counts = dict(Corpus.of(tables).rows("SELECT claim_type, count(*) FROM claims GROUP BY ALL"))
    labels = schema.load("claims").field("claim_type").categories
    return tuple((label, told, counts.get(label, 0)) for label, told in labels)


def _matrix(corpus: Corpus, rows: str, light: str = "") -> Matrix:
    """Count the labels of rows (name, outlet, label) by the first two; the label `light` counts last in the order."""

    def largest(column: str, limit: int) -> tuple[list[str | None], int]:
        """The most frequent values and the number of all."""
        heavy = f"count(*) FILTER (label <> {literal(light)})"
        groups = f"SELECT {column}, {heavy} AS most, count(*) AS number FROM ({rows}) GROUP BY ALL"
        order = f"most DESC, number DESC, coalesce({column}, 'None')"
        found = list(corpus.rows(f"SELECT {column}, count(*) OVER () FROM ({groups}) ORDER BY {order} LIMIT {limit}"))
        return [value for value, _ in found], found[0][1] if found else 0

    names, number = largest("name", ROWS)
    columns, outlets = largest("outlet", OUTLETS)
    counts = corpus.rows(
        f"SELECT name, outlet, label, count(*) FROM ({rows}) WHERE name IN $names GROUP BY ALL ORDER BY ALL",
        names=names,
    )
    cells: dict[tuple[str, str | None], dict[str, int]] = {}
    for name, outlet, label, count in counts if names else ():
        cells.setdefault((name, outlet), {})[label] = count
    lines = tuple((name, tuple(cells.get((name, outlet), {}) for outlet in columns)) for name in names)
    highest = max((sum(cell.values()) for _, line in lines for cell in line), default=0)
    return Matrix(tuple(columns), lines, highest, number - len(names), outlets - len(columns))
