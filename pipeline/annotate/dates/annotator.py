"""Find the temporal expressions of a text and give each its value, its days and its confidence."""

import datetime
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.annotate.dates import absolute, edtf
from pipeline.annotate.dates.confidence import confidence
from pipeline.annotate.dates.context import Context, Reading
from pipeline.annotate.dates.document import DocumentDate
from pipeline.annotate.dates.expressions import Expression, Reject
from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.ranges import in_order, is_range
from pipeline.annotate.dates.recognise import recognise
from pipeline.annotate.dates.resolve import read
from pipeline.annotate.dates.values import Period, thirds

REPORTED = 0.5  # a Timex is reported when it is as likely as not that people would mark it (rates of TimeBank, AQUAINT)


class Timex(NamedTuple):
    """One temporal expression.

    Attributes:
        start, end: half-open span in Unicode code points of the text given.
        text: the words, `text[start:end]`.
        type, value, mod: TIMEX3 (DATE, TIME, DURATION, SET; ISO 8601 or a pattern; START, END, APPROX ... or None).
        edtf: EDTF value; None for what is no date (durations, sets) or cannot be placed.
        first, last: first and last day (inclusive), None when open or unknown.
        precision: granularity of the EDTF value, None without one.
        part_of_day: TIMEX3 code of the part of the day (MO, MI, AF, EV, NI), None without one; clock times are in
            `value`.
        relation: since, until, before or after when such a word stands in front; the EDTF value is then open.
        anchor: EDTF value of the day it was resolved against, None when it needed none.
        anchor_source: where that day comes from: document, text (a date named before) or quote; None without an anchor.
        vague: now, recently, the future: never the date of a claim.
        confidence: probability that expression and value are right, by the measured rates of `confidence`.
        alternatives: EDTF values that the words allow as well, likeliest first.
    """

    start: int
    end: int
    text: str
    type: str
    value: str
    mod: str | None = None
    edtf: str | None = None
    first: datetime.date | None = None
    last: datetime.date | None = None
    precision: str | None = None
    part_of_day: str | None = None
    relation: str | None = None
    anchor: str | None = None
    anchor_source: str | None = None
    vague: bool = False
    confidence: float = 0.9
    alternatives: tuple[str, ...] = ()


class Found(NamedTuple):
    """What `find_all` saw: the expressions, and what it refused with the reasons."""

    timexes: list[Timex]
    rejects: list[Reject]


def find(
    text: str,
    document: DocumentDate | None = None,
    *,
    quotes: Sequence[tuple[int, int]] = (),
    quote_days: Sequence[datetime.date | None] = (),
    day_first: bool | None = None,
    southern: bool = False,
) -> list[Timex]:
    """The temporal expressions of a text, in order, without overlaps; the arguments are those of `find_all`."""
    found = find_all(text, document, quotes=quotes, quote_days=quote_days, day_first=day_first, southern=southern)
    return found.timexes


def find_all(
    text: str,
    document: DocumentDate | None = None,
    *,
    quotes: Sequence[tuple[int, int]] = (),
    quote_days: Sequence[datetime.date | None] = (),
    day_first: bool | None = None,
    southern: bool = False,
) -> Found:
    """The temporal expressions of a text, in order, without overlaps, and what was refused.

    The two ends of a range in words ("from 2009 to 2011") are two expressions, each with its own value (see `ranges`);
    a range in figures ("2009-2011") is one, with an interval.

    Args:
        text: any text.
        document: its date; None, or one without a day, leaves relative expressions unresolved.
        quotes: half-open spans of words that were said, in code points, in text order.
        quote_days: for each of `quotes` the day it was said, None for the document's; empty, or as long as `quotes`.
        day_first: read 02/03/2025 as 2 March; None takes the order from the text's other dates, and keeps both readings
            where they do not tell.
        southern: the seasons are those of the southern hemisphere.
    """
    expressions, rejects = recognise(text)
    if day_first is None:
        day_first = absolute.day_comes_first(expressions)
    written = document.day if document else None
    context = Context(text, written, day_first, southern)
    said = sorted(zip(quotes, quote_days, strict=True)) if quote_days else []
    starts = [span[0] for span, _ in said]
    timexes: list[Timex] = []
    before: tuple[Expression, Reading] | None = None
    for expression in expressions:
        at = bisect_right(starts, expression.start) - 1
        day = said[at][1] if at >= 0 and expression.end <= said[at][0][1] else None
        context.anchor = day or written
        reading = read(expression, context)
        if reading is None:
            rejects.append(_reject(text, expression, "no such date, or no value"))
        elif reading.confidence < REPORTED:
            rejects.append(_reject(text, expression, "seldom marked as a date"))
        else:
            if before is not None and is_range(text, before[0], expression):
                first, last = in_order(*before, expression, reading)
                if first is not before[1]:
                    context.leant = last.period
                    timexes[-1] = _timex(text, before[0], first, context, document, day)
                    context.leant = None
                elif last is not reading and last.period is not None:
                    context.remember(last.period, expression.start)
                    context.leant = first.period
                reading = last
            before = expression, reading
            timexes.append(_timex(text, expression, reading, context, document, day))
    rejects.sort(key=lambda reject: reject.start)
    return Found(timexes, rejects)


def _reject(text: str, expression: Expression, reason: str) -> Reject:
    return Reject(expression.start, expression.end, text[expression.start : expression.end], reason)


_RELATION = lazy(r"\b(since|until|till|before|after|prior\s+to)\s+$", re.I)
_RELATIONS = {"till": "until", "prior": "before"}


def _timex(
    text: str,
    expression: Expression,
    reading: Reading,
    context: Context,
    document: DocumentDate | None,
    quote_day: datetime.date | None,
) -> Timex:
    period = reading.period
    value = reading.value or ""
    dated = reading.edtf
    if period is not None:
        value = reading.value or period.timex + (reading.part or "")
        dated = _fiscal(period, reading) if expression.fiscal else dated or _edtf(period, reading)
    elif reading.vague and context.anchor is not None:
        now = context.anchor.isoformat()
        dated = {
            "PRESENT_REF": now + "~",
            "PAST_REF": edtf.interval(None, now),
            "FUTURE_REF": edtf.interval(now, None),
        }[value]
    anchor = source = None
    if reading.relative or (reading.vague and dated is not None):
        if context.leant is not None:
            anchor, source = context.leant.edtf, "text"
        elif quote_day is not None:
            anchor, source = quote_day.isoformat(), "quote"
        elif document is not None and document.day is not None:
            anchor, source = document.edtf, "document"
            if document.doubtful and dated is not None:
                dated = edtf.qualify(dated, "?")
    before = _RELATION.search(text[max(0, expression.start - 12) : expression.start])
    relation = None
    if before and dated is not None and period is not None and reading.type in ("DATE", "TIME"):
        word = before[1].lower().split()[0]
        relation = _RELATIONS.get(word, word)
        dated = _open(dated, period, relation)
    parsed = edtf.parse(dated) if dated is not None else None
    end = reading.end or expression.end
    return Timex(
        start=expression.start,
        end=end,
        text=text[expression.start : end],
        type=reading.type,
        value=value,
        mod=reading.mod,
        edtf=dated,
        first=parsed.first if parsed else None,
        last=parsed.last if parsed else None,
        precision=_precision(period, parsed),
        part_of_day=reading.part[1:] if reading.part and reading.part[1:].isalpha() else None,
        relation=relation,
        anchor=anchor,
        anchor_source=source,
        vague=reading.vague,
        confidence=confidence(expression, reading),
        alternatives=tuple(
            _fiscal(other, reading) if expression.fiscal else other.edtf
            for other in reading.alternatives
            if other.valid
        ),
    )


def _precision(period: Period | None, parsed: edtf.Edtf | None) -> str | None:
    if parsed is None or parsed.precision == "unknown":
        return None
    return "week" if period is not None and period.unit == "weekend" and parsed.qualifier == "" else parsed.precision


def _edtf(period: Period, reading: Reading) -> str:
    if reading.until is not None:
        return edtf.interval(period.edtf, reading.until.edtf)
    if reading.mod in ("START", "MID", "END") and period.unit != "day":
        return thirds(period, reading.mod)
    return edtf.qualify(period.edtf, "~") if reading.mod == "APPROX" else period.edtf


def _fiscal(period: Period, reading: Reading) -> str:
    """Of a fiscal year and its parts: the years it is named after, approximately; the days nobody says."""
    first, last = (each.year_number for each in (period, reading.until or period))
    if first is None or last is None:
        return period.edtf + "~"
    return f"{first:04d}~" if first == last else edtf.interval(f"{first:04d}~", f"{last:04d}~")


def _open(dated: str, period: Period, relation: str) -> str:
    """The interval that begins or ends with a date: since and until hold it, before and after do not."""
    first, _, last = dated.partition("/")
    if relation == "since":
        return edtf.interval(first, None)
    if relation == "until":
        return edtf.interval(None, last or first)
    beside = period.shift(-1 if relation == "before" else 1)
    if "/" in dated or not beside.valid or not dated.startswith(period.edtf):
        return edtf.interval(None, first) if relation == "before" else edtf.interval(last or first, None)
    mark = dated[-1] if dated[-1] in "?~%" else ""
    return edtf.interval(None, beside.edtf + mark) if relation == "before" else edtf.interval(beside.edtf + mark, None)
