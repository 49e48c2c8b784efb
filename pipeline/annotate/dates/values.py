"""Calendar values that know their granularity, and how each is written: TIMEX3, EDTF, first and last day.

A `Period` is a unit and a count of such units, so that "the month before" is a subtraction and no day is ever invented.
"""

import datetime
from typing import NamedTuple, Self

from pipeline.annotate.dates import edtf

# Units from fine to coarse.  `weekend` counts weeks, `season` and `southern` (seasons of the southern
# hemisphere) count quarters of a year that begin in March.
UNITS = (
    "day",
    "weekend",
    "week",
    "month",
    "quarter",
    "season",
    "southern",
    "half",
    "year",
    "decade",
    "century",
    "millennium",
)
RANK = {unit: rank for rank, unit in enumerate(UNITS)}

_PER_YEAR = {"month": 12, "quarter": 4, "season": 4, "southern": 4, "half": 2, "year": 1}
_YEARS = {"decade": 10, "century": 100, "millennium": 1000}
_SEASONS = ("SP", "SU", "FA", "WI")
_SOUTHERN, _SOUTHERN_CODES = ("FA", "WI", "SP", "SU"), (31, 32, 29, 30)
_WEEK_ZERO = datetime.date(1, 1, 1).toordinal()  # a Monday in the proleptic Gregorian calendar

# Letter of a unit in a TIMEX3 duration; True when it stands behind the T.
_DURATION = {
    "second": ("S", True),
    "minute": ("M", True),
    "hour": ("H", True),
    "day": ("D", False),
    "weekend": ("WE", False),
    "week": ("W", False),
    "month": ("M", False),
    "quarter": ("Q", False),
    "season": ("M", False),
    "year": ("Y", False),
    "decade": ("Y", False),
    "century": ("Y", False),
    "millennium": ("Y", False),
    "fortnight": ("W", False),
    "half": ("M", False),
}
_FACTOR = {"decade": 10, "century": 100, "millennium": 1000, "fortnight": 2, "season": 3, "half": 6}
_VAGUE = {"decade": "DE", "century": "CE", "millennium": "ML"}


class Period(NamedTuple):
    """A stretch of the calendar at one granularity.

    Attributes:
        unit: one of `UNITS`.
        index: how many such units lie before it since the year 0 (days and weeks: since the proleptic year 1).
            Years count astronomically: 1998 is 1998, 44 BC is -43.
    """

    unit: str
    index: int

    @classmethod
    def day(cls, date: datetime.date) -> Self:
        """The day `date`."""
        return cls("day", date.toordinal())

    @classmethod
    def year(cls, year: int) -> Self:
        """A year; 44 BC is -43."""
        return cls("year", year)

    @classmethod
    def month(cls, year: int, month: int) -> Self:
        """A month, 1 to 12."""
        return cls("month", year * 12 + month - 1)

    @classmethod
    def containing(cls, unit: str, date: datetime.date) -> Self:
        """The period of granularity `unit` that `date` lies in; January belongs to the winter that began before it."""
        if unit == "day":
            return cls(unit, date.toordinal())
        if unit in ("week", "weekend"):
            return cls(unit, (date.toordinal() - _WEEK_ZERO) // 7)
        if unit in ("season", "southern"):
            return cls(unit, (date.year * 12 + date.month - 3) // 3)
        if unit in _PER_YEAR:
            per_year = _PER_YEAR[unit]
            return cls(unit, date.year * per_year + (date.month - 1) * per_year // 12)
        return cls(unit, date.year // _YEARS[unit])

    def shift(self, count: int) -> "Period":
        """The period `count` units later."""
        return Period(self.unit, self.index + count)

    @property
    def year_number(self) -> int | None:
        """The year in which it begins; None for a day or a week outside the years 1 to 9999."""
        if self.unit in _PER_YEAR:
            return self.index // _PER_YEAR[self.unit]
        if self.unit in _YEARS:
            return self.index * _YEARS[self.unit]
        return self.first.year if self.first else None

    @property
    def first(self) -> datetime.date | None:
        """First day, None outside the years 1 to 9999."""
        if self.unit == "day":
            return _date(self.index)
        if self.unit == "week":
            return _date(self.index * 7 + _WEEK_ZERO)
        if self.unit == "weekend":
            return _date(self.index * 7 + _WEEK_ZERO + 5)
        return edtf.bounds(self.edtf)[0] if self._writable else None

    @property
    def last(self) -> datetime.date | None:
        """Last day (inclusive), None outside the years 1 to 9999."""
        if self.unit == "day":
            return self.first
        if self.unit in ("week", "weekend"):
            return _date(self.index * 7 + _WEEK_ZERO + 6)
        return edtf.bounds(self.edtf)[1] if self._writable else None

    @property
    def _writable(self) -> bool:
        year = self.year_number
        return year is not None and -9999 <= year <= 9999 and (year >= 0 or self.unit in _PER_YEAR)

    @property
    def valid(self) -> bool:
        """Whether the value can be written at all: years -9999 to 9999, days and weeks within the years 1 to 9999."""
        if self.unit in ("day", "week", "weekend"):
            return self.first is not None and self.last is not None
        return self._writable

    @property
    def edtf(self) -> str:
        """The EDTF value without qualifier; weeks and weekends are intervals of days."""
        if self.unit == "day":
            return self._first_day().isoformat()
        if self.unit in ("week", "weekend"):
            first = self._first_day()
            return f"{first.isoformat()}/{(first + datetime.timedelta(self.unit == 'weekend' or 6)).isoformat()}"
        if self.unit == "decade":
            return f"{self.index:03d}X"
        if self.unit == "century":
            return f"{self.index:02d}XX"
        if self.unit == "millennium":
            return f"{self.index * 1000:04d}/{self.index * 1000 + 999:04d}"
        per_year = _PER_YEAR[self.unit]
        year, part = divmod(self.index, per_year)
        head = f"{year:04d}" if year >= 0 else f"-{-year:04d}"
        if self.unit == "year":
            return head
        if self.unit == "southern":
            return f"{head}-{_SOUTHERN_CODES[part]}"
        offset = {"month": 1, "quarter": 33, "season": 21, "half": 40}
        return f"{head}-{part + offset[self.unit]:02d}"

    @property
    def timex(self) -> str:
        """The TIMEX3 value."""
        if self.unit == "day":
            return self._first_day().isoformat()
        if self.unit in ("week", "weekend"):
            year, week, _ = self._first_day().isocalendar()
            return f"{year:04d}-W{week:02d}" + ("-WE" if self.unit == "weekend" else "")
        if self.unit in _YEARS:
            return f"{self.index:0{ {'decade': 3, 'century': 2, 'millennium': 1}[self.unit] }d}"
        year, part = divmod(self.index, _PER_YEAR[self.unit])
        head = f"{year:04d}" if year > 0 else f"BC{1 - year:04d}"
        if self.unit == "year":
            return head
        tail = {
            "month": f"{part + 1:02d}",
            "quarter": f"Q{part + 1}",
            "half": f"H{part + 1}",
            "season": _SEASONS[part % 4],
            "southern": _SOUTHERN[part % 4],
        }
        return f"{head}-{tail[self.unit]}"

    def _first_day(self) -> datetime.date:
        first = self.first
        if first is None:
            raise ValueError(f"{self.unit} {self.index} lies outside the years 1 to 9999: ask `valid` first")
        return first


def _date(ordinal: int) -> datetime.date | None:
    return datetime.date.fromordinal(ordinal) if 1 <= ordinal <= datetime.date.max.toordinal() else None


def thirds(period: Period, mod: str) -> str:
    """EDTF of the START, MID or END third of a period, the uncertain border marked `~`.

    Thirds by convention (DATES.md's table): months of a year, the 10th and 20th of a month, years of a decade.
    """
    which = ("START", "MID", "END").index(mod)
    unit, borders = {
        "year": ("month", (0, 4, 8, 12)),
        "decade": ("year", (0, 4, 7, 10)),
        "century": ("year", (0, 33, 67, 100)),
        "month": ("day", (0, 10, 20, 31)),
        "quarter": ("month", (0, 1, 2, 3)),
        "season": ("month", (0, 1, 2, 3)),
        "southern": ("month", (0, 1, 2, 3)),
        "half": ("month", (0, 2, 4, 6)),
        "week": ("day", (0, 2, 4, 7)),
        "weekend": ("day", (0, 1, 1, 2)),
    }.get(period.unit, ("", ()))
    if not borders or period.first is None or period.last is None:
        return period.edtf + "~"
    start = Period.containing(unit, period.first)
    end = Period.containing(unit, period.last)
    left = start.shift(borders[which])
    right = end if which == 2 else start.shift(borders[which + 1] - 1)
    if left.index > right.index:
        left = right
    return edtf.interval(left.edtf + ("~" if which else ""), right.edtf + ("~" if which < 2 else ""))


def duration(count: float | None, unit: str) -> str:
    """TIMEX3 value of `count` units; None is an unknown number (`PXD`).  Half a year is six months."""
    letter, clock = _DURATION[unit]
    if count is None:
        return f"P{'T' if clock else ''}X{_VAGUE.get(unit, letter)}"
    count *= _FACTOR.get(unit, 1)
    whole = int(count)
    rest = count - whole
    finer = {"year": ("M", 12), "hour": ("M", 60), "minute": ("S", 60), "day": ("TH", 24), "week": ("D", 7)}.get(unit)
    head = f"{'T' if clock else ''}"
    if rest and finer and abs(rest * finer[1] - round(rest * finer[1])) < 0.01:
        if unit == "day":
            return f"P{whole}DT{round(rest * 24)}H" if whole else f"PT{round(rest * 24)}H"
        big = f"{whole}{letter}" if whole else ""
        return f"P{head}{big}{round(rest * finer[1])}{finer[0]}"
    number = str(whole) if not rest else f"{count:.10g}"
    return f"P{head}{number}{letter}"
