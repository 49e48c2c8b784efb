"""From an expression to a value: arithmetic on the calendar, direction, and the memory of the document.

Each rule of the grammar has one function `(expression, context) -> Reading | None`.  The context holds the anchor
(the day
the words were written, or said) and what the text spoke of last.  Without an anchor nothing is guessed: the value
stays a
TIMEX3 pattern such as `XXXX-WXX-6`.
"""

import datetime

from pipeline.annotate.dates import absolute, amounts, edtf, fiscal, relative
from pipeline.annotate.dates.context import Context, Reader, Reading, part_of_day
from pipeline.annotate.dates.counting import count, third
from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.values import Period


def read(expression: Expression, context: Context) -> Reading | None:
    """Resolve one expression and note it in the context; None when it is no temporal expression after all."""
    context.outer = context.leant = None
    if expression.container is not None:
        outer = _READERS[expression.container.rule](expression.container, context)
        context.outer = outer.period if outer else None
    reading = _READERS[expression.rule](expression, context)
    if reading is None:
        return None
    for prefix in reversed(expression.prefixes):
        changed = _prefixed(prefix, reading, expression, context)
        if changed is None:
            return None
        reading = changed
    if reading.period is not None:
        if not reading.period.valid:
            return None
        if not _looks_back(expression):
            context.remember(reading.period, expression.start)
        if expression.rule in ("monthday", "daymonth") or (expression.rule == "numdate" and not reading.alternatives):
            context.narrate(reading.period, expression.start, expression.end)
    return reading


def _looks_back(expression: Expression) -> bool:
    """Whether it names a period only to compare with ("a year earlier", "the year-ago quarter")."""
    return (
        bool(expression.parts.keys() & {"yearago", "tail"})
        and expression.value("unit") in ("year", "quarter", "period", None)
    ) or expression.rule in ("yearquarter", "sameperiod")


def _prefixed(prefix: Expression, reading: Reading, e: Expression, c: Context) -> Reading | None:
    if prefix.rule == "midpart":
        return reading._replace(type="TIME", part=part_of_day(prefix), mod="MID") if reading.period else reading
    if prefix.rule == "clock":
        clock = absolute.clock_value(prefix, c.text)
        if clock is None:
            return reading
        if reading.period is None:
            return reading._replace(type="TIME", value=f"{reading.value}{clock}")
        return reading._replace(type="TIME", part=clock)
    if prefix.rule in ("edge", "edgeof") and e.value("unit") == "day" and "which" not in e.parts:
        return reading._replace(confidence=0.3)
    if prefix.rule == "edge" and prefix.word("edge") in ("later", "earlier") and reading.period is not None:
        reading = reading._replace(edtf=_up_to_now(reading.period, prefix.word("edge"), c))
    if prefix.rule in ("edge", "edgeof"):
        return reading._replace(mod=third(prefix.word("edge")), confidence=max(reading.confidence, 0.8))
    if prefix.rule == "approx":
        return reading._replace(mod="APPROX")
    if prefix.rule == "halfof":
        first = prefix.value("ord") == 1
        if reading.period is not None and reading.period.unit == "year":
            return reading._replace(period=Period("half", reading.period.index * 2 + (0 if first else 1)))
        return reading._replace(mod="START" if first else "END")
    if prefix.rule == "firstof":
        return _first_of(prefix, reading)
    if prefix.rule == "weekof":
        unit = prefix.value("unit")
        if reading.period is None or reading.period.first is None or unit not in ("week", "weekend", "month"):
            return None
        return reading._replace(period=Period.containing(str(unit), reading.period.first), type="DATE", part=None)
    if prefix.rule == "partof":
        part = part_of_day(prefix)
        if part is None:
            if prefix.value("hours") != "hour":
                return None
            part = "TMO" if "edge" not in prefix.parts else "TNI"
        return (
            reading._replace(type="TIME", part=part)
            if reading.period
            else reading._replace(type="TIME", value=f"{reading.value}{part}")
        )
    if prefix.rule == "dayoff":
        if prefix.value("unit") != "day" or reading.period is None or reading.period.unit != "day":
            return None
        return reading._replace(
            period=reading.period.shift(-1 if prefix.word("side") == "before" else 1), relative=True
        )
    return reading


def _first_of(prefix: Expression, reading: Reading) -> Reading | None:
    """Of "the first two weeks of March": the month with its part in EDTF; None for other counts of it."""
    number, unit = count(prefix.parts["count"]), prefix.unit()
    first, last = (reading.period.first, reading.period.last) if reading.period else (None, None)
    opening = prefix.word("ord") == "first"
    if number is None or unit not in ("day", "week") or first is None or last is None:
        return None
    if not (opening or prefix.word("ord") == "last"):
        return None
    length = datetime.timedelta(int(number * (7 if unit == "week" else 1)) - 1)
    if length > last - first:
        return None
    start, end = (first, first + length) if opening else (last - length, last)
    return reading._replace(mod="START" if opening else "END", edtf=edtf.interval(start.isoformat(), end.isoformat()))


def _up_to_now(period: Period, word: str, c: Context) -> str | None:
    """EDTF of "earlier this year" and "later this year": the anchor divides it; None when it lies outside."""
    first, last = period.first, period.last
    if c.anchor is None or first is None or last is None or not first < c.anchor < last:
        return None
    now = c.anchor.isoformat() + "~"
    return edtf.interval(first.isoformat(), now) if word == "earlier" else edtf.interval(now, last.isoformat())


_READERS: dict[str, Reader] = absolute.READERS | relative.READERS | amounts.READERS | fiscal.READERS
