"""Extended Date/Time Format: the subset that news dates need, read, written and bounded.

Level 0-2 of ISO 8601-2: `2025-04-28`, `2025-04`, `2025`, `199X`, `19XX`, `2004-XX`, `-0043`, `Y-12000`, seasons,
quarters and
halves (`2024-22`, `2024-36`, `2024-41`), a qualifier at the end (`?` the source is doubtful, `~` the value is
approximate,
`%` both), intervals with open ends (`2024-09~/..`), and sets of days (`{2025-04-24,2025-04-25}`,
`[2025-04-27..2025-04-29]`).

ISO weeks are not EDTF: a week is written as its interval, Monday to Sunday, and read back with the precision `week`.
"""

import datetime
import re
from typing import NamedTuple

from pipeline.annotate.dates.lazy import lazy

# First month and length in months of each sub-year code.  A northern winter runs over the year's end.
_SUBYEAR: dict[int, tuple[int, int, str]] = {
    **{21 + i: (3 + 3 * i, 3, "season") for i in range(4)},
    **{25 + i: (3 + 3 * i, 3, "season") for i in range(4)},
    **{29 + i: ((9, 12, 3, 6)[i], 3, "season") for i in range(4)},
    **{33 + i: (1 + 3 * i, 3, "quarter") for i in range(4)},
    **{37 + i: (1 + 4 * i, 4, "interval") for i in range(3)},
    **{40 + i: (1 + 6 * i, 6, "half") for i in range(2)},
}
_DATE = lazy(
    r"(?P<year>-?[0-9]{4}|-?[0-9]{3}X|-?[0-9]{2}XX|XXXX|Y-?[1-9][0-9]{4,9})"
    r"(?:-(?P<month>[0-9]{2}|XX)(?:-(?P<day>[0-9]{2}|XX))?)?(?P<qualifier>[?~%]?)",
    re.ASCII,
)
_SHOWN = 40  # characters of a bad value that a message shows


class Edtf(NamedTuple):
    """One EDTF value.

    Attributes:
        text: the value as written, `str(value)`.
        first: its first day, None when open, unknown, or before the year 1.
        last: its last day (inclusive), None when open, unknown, or after the year 9999.
        precision: day, week, month, quarter, season, half, year, decade, century, interval, set or unknown.
        qualifier: `?`, `~`, `%` or empty; of an interval or a set, the qualifiers of its parts taken together.
    """

    text: str
    first: datetime.date | None
    last: datetime.date | None
    precision: str
    qualifier: str

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> Edtf:
    """Read an EDTF value of our subset; `ValueError` says what is wrong with any other string."""
    if text[:1] in ("{", "["):
        return _set(text)
    if "/" in text:
        return _interval(text)
    return _date(text)


def bounds(text: str) -> tuple[datetime.date | None, datetime.date | None]:
    """First and last day (inclusive) of an EDTF value; None for an open end.  `ValueError` on bad input."""
    value = parse(text)
    return value.first, value.last


def precision(text: str) -> str:
    """Granularity of an EDTF value (see `Edtf.precision`).  `ValueError` on bad input."""
    return parse(text).precision


def qualify(text: str, qualifier: str) -> str:
    """Add `?` or `~` to every dated part of a value: a part that has the other one gets `%`."""

    def add(match: re.Match[str]) -> str:
        return match["body"] + combined(match["old"], qualifier)

    return re.sub(r"(?P<body>Y?-?[0-9X]{4,10}(?:-[0-9X]{2}){0,2})(?P<old>[?~%]?)", add, text)


def combined(one: str, other: str) -> str:
    """The qualifier that says both."""
    if one == other or not other:
        return one
    return other if not one else "%"


def interval(first: str | None, last: str | None) -> str:
    """The interval from one EDTF date to another; None is an open end."""
    return f"{first or '..'}/{last or '..'}"


def _bad(text: str, why: str) -> ValueError:
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return ValueError(f"not an EDTF value of the subset read here: {shown!r}: {why}")


def _date(text: str) -> Edtf:
    match = _DATE.fullmatch(text) if len(text) <= _SHOWN else None
    if match is None:
        raise _bad(
            text, "expected a date such as 2025-04-28, 2025-04, 2025, 199X or 2024-22, with ?, ~ or % at the end"
        )
    year, month, day, qualifier = match.group("year", "month", "day", "qualifier")
    unspecified = year.count("X")
    if month == "XX" and day not in (None, "XX"):
        raise _bad(text, "a day needs its month")
    if year == "XXXX":
        if month == "XX" or month is None or 1 <= int(month) <= 12:
            if day not in (None, "XX") and month is not None and not 1 <= int(day) <= _longest(int(month)):
                raise _bad(text, f"no month {month} has a day {day}")
            return Edtf(text, None, None, "unknown", qualifier)
        raise _bad(text, f"no month {month}")
    if unspecified:
        if month is not None:
            raise _bad(text, "a month needs its year")
        number, size = int(year[:-unspecified]), 10**unspecified
        name = "decade" if unspecified == 1 else "century"
        return Edtf(text, _day(number * size, 1, 1), _day(number * size + size - 1, 12, 31), name, qualifier)
    number = int(year.removeprefix("Y"))
    if year == "-0000":
        raise _bad(text, "the year 0 has no sign")
    if month is None or month == "XX":
        name = "year"
        return Edtf(text, _day(number, 1, 1), _day(number, 12, 31), name, qualifier)
    code = int(month)
    if code in _SUBYEAR and day is None:
        start, months, name = _SUBYEAR[code]
        end = start + months - 1
        last_year, last_month = number + (end - 1) // 12, (end - 1) % 12 + 1
        return Edtf(text, _day(number, start, 1), _month_end(last_year, last_month), name, qualifier)
    if not 1 <= code <= 12:
        raise _bad(text, f"no month {month}")
    if day is None or day == "XX":
        return Edtf(text, _day(number, code, 1), _month_end(number, code), "month", qualifier)
    if not 1 <= int(day) <= days_in_month(number, code):
        raise _bad(text, f"{year}-{month} has no day {day}")
    exact = _day(number, code, int(day))
    return Edtf(text, exact, exact, "day", qualifier)


def _interval(text: str) -> Edtf:
    start, _, end = text.partition("/")
    if "/" in end:
        raise _bad(text, "an interval has two ends")
    left = None if start in ("", "..") else _date(start)
    right = None if end in ("", "..") else _date(end)
    if left is None and right is None:
        raise _bad(text, "an interval needs one end at least")
    first = left.first if left else None
    last = right.last if right else None
    if first is not None and last is not None and last < first:
        raise _bad(text, "the interval ends before it starts")
    qualifier = combined(left.qualifier if left else "", right.qualifier if right else "")
    name = "interval"
    if first is not None and last is not None and first.weekday() == 0 and (last - first).days == 6 and not qualifier:
        name = "week"
    return Edtf(text, first, last, name, qualifier)


def _set(text: str) -> Edtf:
    closing = "}" if text[0] == "{" else "]"
    if text[-1] != closing or len(text) < 3:
        raise _bad(text, f"a set that opens with {text[0]} ends with {closing}")
    firsts: list[datetime.date | None] = []
    lasts: list[datetime.date | None] = []
    qualifier = ""
    for member in text[1:-1].split(","):
        start, dots, end = member.partition("..")
        ends = [_date(part) if part else None for part in ((start, end) if dots else (start, start))]
        if ends == [None, None]:
            raise _bad(text, "a member of the set is empty")
        firsts.append(ends[0].first if ends[0] else None)
        lasts.append(ends[1].last if ends[1] else None)
        for part in ends:
            qualifier = combined(qualifier, part.qualifier if part else "")
    first = None if None in firsts else min(day for day in firsts if day is not None)
    last = None if None in lasts else max(day for day in lasts if day is not None)
    return Edtf(text, first, last, "set", qualifier)


def days_in_month(year: int, month: int) -> int:
    """Length of a month in days, in the proleptic Gregorian calendar, for any year."""
    return 29 if month == 2 and ((year % 4 == 0 and year % 100 != 0) or year % 400 == 0) else _LENGTHS[month - 1]


_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _longest(month: int) -> int:
    return 29 if month == 2 else _LENGTHS[month - 1]


def _day(year: int, month: int, day: int) -> datetime.date | None:
    return datetime.date(year, month, day) if datetime.MINYEAR <= year <= datetime.MAXYEAR else None


def _month_end(year: int, month: int) -> datetime.date | None:
    return _day(year, month, days_in_month(year, month))
