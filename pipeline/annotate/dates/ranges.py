"""Ranges in words: "Monday to Wednesday", "from April 3 to April 9, 2024", "between March and May".

The two ends of such a range are two expressions, each with its own value, as TimeML marks them; no joint value is made
up.  But a range runs forward: an end without a year of its own takes its place from the other.
"""

from pipeline.annotate.dates.absolute import make_day
from pipeline.annotate.dates.context import Reading
from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.values import Period

_BETWEEN = lazy(r"\s*(?:to|through|until|till|[-–—])\s*")
_AND = lazy(r"\s*and\s*")
_OPENS = lazy(r"\b[Bb]etween\s+$")
_BARE = frozenset(("weekday", "monthday", "daymonth", "month"))
_OWN_PLACE = frozenset(("year", "which", "det"))


def is_range(text: str, one: Expression, other: Expression) -> bool:
    """Whether two neighbours are the ends of a range."""
    between = text[one.end : other.start] if other.start - one.end < 12 else ""
    if _AND.fullmatch(between):
        return _OPENS.search(text[max(0, one.start - 10) : one.start]) is not None
    return _BETWEEN.fullmatch(between) is not None


def in_order(one: Expression, first: Reading, other: Expression, last: Reading) -> tuple[Reading, Reading]:
    """Both readings of a range, the end without a place of its own moved so that the range runs forward."""
    start, end = first.period, last.period
    if start is None or end is None or start.unit != end.unit:
        return first, last
    free, bound = _free(one, first), _free(other, last)
    if free and (not bound or start.index > end.index):
        return _moved(first, _nearest(one.rule, start, end, -1)), last
    if bound and not free:
        return first, _moved(last, _nearest(other.rule, end, start, 1))
    return first, last


def _free(expression: Expression, reading: Reading) -> bool:
    return (
        reading.relative
        and expression.rule in _BARE
        and expression.container is None
        and not expression.parts.keys() & _OWN_PLACE
    )


def _nearest(rule: str, period: Period, to: Period, sign: int) -> Period:
    """The nearest weekday, month or day of that name none later than another (sign -1), or none earlier (sign 1)."""
    if period.unit == "month" or rule == "weekday":
        names = 12 if period.unit == "month" else 7
        return to.shift(sign * ((sign * (period.index - to.index)) % names))
    day, goal = period.first, to.first
    if day is None or goal is None:
        return period
    for year in (goal.year, goal.year + sign):
        found = make_day(year, day.month, day.day)
        if found is not None and (found.index - to.index) * sign >= 0:
            return found
    return period


def _moved(reading: Reading, period: Period) -> Reading:
    """The reading at another place; the one it had is kept as the loser."""
    if reading.period is None or period == reading.period:
        return reading
    return reading._replace(period=period, alternatives=(reading.period,))
