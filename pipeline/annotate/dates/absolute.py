"""Expressions that name their place in the calendar: days, months, years, decades, centuries, and the clock."""

import datetime
import re
from collections.abc import Sequence

from pipeline.annotate.dates import lexicon
from pipeline.annotate.dates.context import Context, Reader, Reading, part_of_day
from pipeline.annotate.dates.counting import exactness, third, year_of_words
from pipeline.annotate.dates.direction import tense
from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.tokens import LETTER
from pipeline.annotate.dates.values import Period


def make_day(year: int, month: int, day: int) -> Period | None:
    """A day of the calendar; None when there is none such."""
    try:
        return Period.day(datetime.date(year, month, day))
    except ValueError:
        return None


_NUMERIC = lazy(
    r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})(?:T(\d\d:\d\d)(?::\d\d)?(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_ISO_WEEK = lazy(r"(\d{4})-W(\d\d)(?:-([1-7]))?", re.ASCII)
_CENTURY_TURN = 50  # a year of two digits up to this one belongs to the 21st century


def day_comes_first(expressions: Sequence[Expression]) -> bool | None:
    """Whether the numeric dates of a text are day before month: one that can be read in one way only tells for all."""
    told: set[bool] = set()
    for expression in expressions:
        match = _NUMERIC.fullmatch(expression.word("date"))
        if match and "/" in expression.word("date") and len(match[1]) < 4:
            one, two = int(match[1]), int(match[2])
            if one <= 12 < two <= 31 or two <= 12 < one <= 31:
                told.add(one > 12)
    return told.pop() if len(told) == 1 else None


def _numdate(e: Expression, c: Context) -> Reading | None:
    week = _ISO_WEEK.fullmatch(e.word("date"))
    if week:
        return _iso_week(int(week[1]), int(week[2]), int(week[3]) if week[3] else None)
    match = _NUMERIC.fullmatch(e.word("date"))
    if match is None:
        return None
    one, two, three = (int(part) for part in match.group(1, 2, 3))
    part = f"T{match[4]}{match[5] or ''}" if match[4] else None
    kind = "TIME" if part else "DATE"
    if len(match[1]) == 4:
        day = make_day(one, two, three)
        return Reading(kind, period=day, part=part) if day else None
    year = three if len(match[3]) == 4 else three + (2000 if three <= _CENTURY_TURN else 1900)
    month_first, day_first = make_day(year, one, two), make_day(year, two, one)
    settled = True if "." in e.word("date") else c.day_first  # points stand in dates that begin with the day
    if settled is not None:
        day = (day_first if settled else month_first) or day_first or month_first
        return Reading(kind, period=day, part=part) if day else None
    day, other = month_first or day_first, day_first if month_first else None
    if day is None:
        return None
    others = (other,) if other is not None and other != day else ()
    return Reading(kind, period=day, part=part, alternatives=others, confidence=0.6 if others else 0.9)


def _iso_week(year: int, week: int, weekday: int | None) -> Reading | None:
    try:
        monday = datetime.date.fromisocalendar(year, week, 1)
    except ValueError:
        return None
    if weekday is not None:
        return Reading(period=Period.day(monday).shift(weekday - 1))
    return Reading(period=Period.containing("week", monday))


def _weekno(e: Expression, c: Context) -> Reading | None:
    """The ISO week of "week 53 of 2020"; None where the year has no such week, or the unit is another."""
    year, week = e.value("year"), e.value("number")
    if e.value("unit") != "week" or not isinstance(year, int) or not isinstance(week, int):
        return None
    return _iso_week(year, week, None)


# Days by which a past and a coming day are set back before the nearest wins, by the tense around them (TimeBank,
# AQUAINT).
_BIAS = {1: (45, 0), 0: (0, 120), -1: (0, 120)}
_EVENT = lazy(r"\s+(?:\w+\s+){0,2}(?:attacks?|assault|massacre|bombings?|hijackings?|insurrection|riot|atrocities)\b")


def _monthday(e: Expression, c: Context) -> Reading | None:
    month, day = e.integer("month"), e.integer("day")
    year = e.value("year")
    if isinstance(year, int):
        found = make_day(year, month, day)
        return Reading(period=found) if found else None
    if not 1 <= day <= 31 or make_day(2000, month, day) is None:
        return None
    outer = c.outer
    if outer is not None and outer.year_number is not None:
        found = make_day(outer.year_number, month, day)
        return Reading(period=found, relative=True) if found else None
    event = lexicon.EVENTS.get((month, day))
    if event is not None and _EVENT.match(c.text, e.end):
        found = make_day(event, month, day)
        if found and (c.anchor is None or found.index < c.anchor.toordinal()):
            return Reading(period=found)
    if c.anchor is None:
        return Reading(value=f"XXXX-{month:02d}-{day:02d}", edtf=f"XXXX-{month:02d}-{day:02d}")
    back, ahead = _BIAS[tense(e, c)]
    candidates: list[tuple[int, int, Period]] = []
    for near in range(c.anchor.year - 4, c.anchor.year + 5):
        found = make_day(near, month, day)
        if found:
            distance = found.index - c.anchor.toordinal()
            candidates.append((abs(distance) + (back if distance < 0 else ahead), -near, found))
    candidates.sort()
    return Reading(period=candidates[0][2], relative=True, alternatives=tuple(found for _, _, found in candidates[1:2]))


def _month(e: Expression, c: Context) -> Reading | None:
    month = e.integer("month")
    year, which = e.value("year"), e.word("which")
    if isinstance(year, int):
        return Reading(period=Period.month(year, month))
    if which == "each" or which == "every":
        return Reading("SET", value=f"XXXX-{month:02d}")
    outer = c.outer
    if outer is not None and outer.year_number is not None:
        return Reading(period=Period.month(outer.year_number, month), relative=True)
    if c.anchor is None:
        return Reading(value=f"XXXX-{month:02d}", edtf=f"XXXX-{month:02d}")
    this = Period.containing("month", c.anchor)
    back = (this.index - (month - 1)) % 12
    past, coming = this.shift(-back), this.shift((12 - back) % 12)
    if which in ("last", "past", "previous", "prior", "preceding"):
        return Reading(period=this.shift(-(back or 12)), relative=True)
    if which in ("next", "coming", "upcoming"):
        return Reading(period=this.shift(12 - back), relative=True)
    if which == "this":
        return Reading(period=Period.month(c.anchor.year, month), relative=True)
    if which in ("following", "ensuing", "same", "that") and c.last is not None and c.last.first is not None:
        start = Period.containing("month", c.last.first)
        return Reading(period=start.shift((month - 1 - start.index) % 12), relative=True)
    if back == 0:
        return Reading(period=this, relative=True)
    ahead = 12 - back
    told = tense(e, c)
    forward = ahead <= back * 3 if told > 0 else told == 0 and ahead * 4 < back
    chosen, other = (coming, past) if forward else (past, coming)
    return Reading(period=chosen, relative=True, alternatives=(other,))


def _year(e: Expression, c: Context) -> Reading | None:
    year = e.value("year")
    return Reading(period=Period.year(year)) if isinstance(year, int) else None


def _fiscal(e: Expression, c: Context) -> Reading | None:
    """Of "fiscal 2024", "FY25", "the financial year 2023-24": the years it touches, not the days (see `fiscal`)."""
    if "range" in e.parts:
        return _yearrange(e, c)
    year = e.value("fy") or e.value("year")
    return Reading(period=Period.year(year)) if isinstance(year, int) else None


def _yearrange(e: Expression, c: Context) -> Reading | None:
    left, mark, right = re.split("([-–/])", e.word("range"))
    first = int(left)
    last = int(right) if len(right) == 4 else first // 100 * 100 + int(right)
    if last > first and last - first <= 100:
        return Reading("DATE", value=f"{first:04d}", period=Period.year(first), until=Period.year(last))
    if len(right) == 2 and mark == "-" and 1 <= int(right) <= 12:
        return Reading(period=Period.month(first, int(right)))
    return None


def _era(e: Expression, c: Context) -> Reading | None:
    year = e.value("year")
    if not isinstance(year, int) or not 1 <= year <= 9999:
        return None
    return Reading(period=Period.year(1 - year if e.word("bc") in ("bc", "bce") else year))


def _yearwords(e: Expression, c: Context) -> Reading | None:
    year = year_of_words(e.parts["words"])
    if year is None or (year % 100 == 0 and "unit" not in e.parts):
        return None
    return Reading(period=Period.year(year))


def _decade(e: Expression, c: Context) -> Reading | None:
    value = e.integer("decade")
    if value < 10:
        century = c.anchor.year // 100 if c.anchor else 19
        value = century * 10 + value if c.anchor and century * 100 + value * 10 <= c.anchor.year - 20 else 190 + value
    return Reading(period=Period("decade", value), mod=third(e.word("edge")))


def _century(e: Expression, c: Context) -> Reading | None:
    number, unit = e.value("ord"), e.value("unit")
    if unit != "century" or not isinstance(number, int) or not 1 <= number <= 30:
        return None
    if "bc" in e.parts:
        return Reading(value=f"BC{number - 1:02d}")
    return Reading(period=Period("century", number - 1), mod=third(e.word("edge")))


def _clock(e: Expression, c: Context) -> Reading | None:
    clock = clock_value(e, c.text)
    if clock is None:
        return None
    day = c.memory.get("day") or c.now("day")
    if day is None:
        return Reading("TIME", value=f"XXXX-XX-XX{clock}")
    return Reading("TIME", period=day, part=clock, relative=True, mod=exactness(e))


_HOURS = lazy(r"(\d{1,2})(?:[:.](\d\d))?(?::(\d\d))?\s*([aApP]?)")


def clock_value(e: Expression, text: str) -> str | None:
    """TIMEX3 suffix of a clock time ("T22:00", "T08:00Z", "T20:00+01:00"); None when the clock has no such time."""
    zone = e.value("zone")
    suffix = zone if isinstance(zone, str) else ""
    word = e.value("word")
    if isinstance(word, str):
        return word + suffix
    if "hhmm" in e.parts:
        digits = e.word("hhmm")
        if len(digits) != 4 or int(digits[:2]) > 24 or int(digits[2:]) > 59:
            return None
        return f"T{digits[:2]}:{digits[2:]}{suffix}"
    token = (e.parts.get("clock") or e.parts["hour"])[0]
    if token.letter == LETTER["number"]:
        hour, minute, half = int(token.value), None, ""  # type: ignore[call-overload]
    else:
        match = _HOURS.match(token.word)
        if match is None:
            return None
        hour, minute, half = int(match[1]), match[2], match[4]
    after = text[token.end : e.end].strip().lower()
    if "part" in e.parts:
        after = "a" if part_of_day(e) == "TMO" else "p"
    half = half or (after[:1] if after[:1] in ("a", "p") else "")
    if hour > 24 or (minute and int(minute) > 59) or (half and not 1 <= hour <= 12):
        return None
    if half.lower() == "p" and hour < 12:
        hour += 12
    elif half.lower() == "a" and hour == 12:
        hour = 0
    return f"T{hour:02d}:{minute or '00'}{suffix}"


READERS: dict[str, Reader] = {
    "numdate": _numdate,
    "monthday": _monthday,
    "daymonth": _monthday,
    "month": _month,
    "weekno": _weekno,
    "year": _year,
    "fiscal": _fiscal,
    "yearrange": _yearrange,
    "era": _era,
    "yearwords": _yearwords,
    "decade": _decade,
    "century": _century,
    "clock": _clock,
}
