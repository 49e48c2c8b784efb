"""When a document was published, by evidence, best first.

The order (shares measured on news by the project's own trials): metadata of the feed; the HTML's markup; the URL; a
dateline
or a line on top that is a date (119 of 120 Wikinews articles); and only then the text.  Days that the text tells of
are a lower
bound: a document is no older than the latest day it reports.  They become an estimate, marked `~`, only when weekdays
    of
the text agree with them, or when the day is told as the news of the day, in the opening and again later.
"""

import datetime
import re
from bisect import bisect_left
from itertools import pairwise
from typing import NamedTuple, Self

from pipeline.annotate.dates import edtf, lexicon
from pipeline.annotate.dates.context import Context
from pipeline.annotate.dates.direction import tense
from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.recognise import recognise
from pipeline.annotate.dates.resolve import read
from pipeline.annotate.dates.tokens import KNOWN, wraps

# Probability that a source gives the right day: dateline and HTML as measured (DATES of MEANTIME, htmldate's own
# benchmark),
# metadata and URL by judgement.
CONFIDENCE = {"metadata": 0.99, "html": 0.94, "url": 0.95, "dateline": 0.97, "text": 0.7}


class DocumentDate(NamedTuple):
    """The date of a document.

    Attributes:
        edtf: EDTF value; an interval when the text gives no more than bounds; None without evidence.
        source: metadata, html, url, dateline or text; None without evidence.
        confidence: probability that the value holds, 0 to 1; None without evidence.
        day: the day that relative expressions count from; None when `edtf` is no single day.
    """

    edtf: str | None = None
    source: str | None = None
    confidence: float | None = None
    day: datetime.date | None = None

    @classmethod
    def of(cls, value: str | None, source: str | None = None, confidence: float | None = None) -> Self:
        """The date that an EDTF value gives; `ValueError` when it is none."""
        if value is None:
            return cls()
        parsed = edtf.parse(value)
        return cls(value, source, confidence, parsed.first if parsed.precision == "day" else None)

    @property
    def doubtful(self) -> bool:
        """Whether the day was inferred from the text: values counted from it carry `?`."""
        return self.source == "text"


def document_date(
    *,
    metadata: str | None = None,
    html_date: str | None = None,
    url: str | None = None,
    text: str = "",
    collected: str | None = None,
) -> DocumentDate:
    """The document's date from the best evidence there is.

    Args:
        metadata: what the feed or the user says, ISO 8601 or EDTF.
        html_date: what `htmldate` found in the page, ISO 8601.
        url: address of the document.
        text: the cleaned text.
        collected: day on which it was collected, ISO 8601: nothing is later.
    """
    latest = _iso(collected)
    latest_day = latest.day if latest else None
    for source, value in (("metadata", metadata), ("html", html_date), ("url", _url_day(url))):
        found = _iso(value)
        if found is not None and (latest_day is None or found.day is None or found.day <= latest_day):
            return DocumentDate(found.edtf, source, CONFIDENCE[source], found.day)
    return _dateline(text, latest_day) or _from_text(text, latest_day)


_ISO_HEAD = lazy(r"\d{4}-\d\d-\d\d(?=[T ]\d)")


def _iso(value: str | None) -> DocumentDate | None:
    """A date from ISO 8601 or EDTF text; None for what is neither, and for what leaves the year unknown."""
    if not value:
        return None
    value = value.strip()
    head = _ISO_HEAD.match(value)
    try:
        found = DocumentDate.of(head[0] if head else value)
    except ValueError:
        return None
    return found if found.edtf and edtf.bounds(found.edtf) != (None, None) else None


_URL_DAY = lazy(r"(?<!\d)((?:19|20)\d\d)([/_-]?)(0[1-9]|1[0-2]|[1-9](?=\2[0-9]))\2(3[01]|[12]\d|0?[1-9])(?!\d)")
_URL_LENGTH = 2000  # code points of a URL that are read
_MONTH_NAMES = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_URL_NAMED = lazy(r"/((?:19|20)\d\d)/(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*/(\d{1,2})(?!\d)", re.I)


def _url_day(url: str | None) -> str | None:
    if not url:
        return None
    for pattern in (_URL_DAY, _URL_NAMED):
        for match in pattern.finditer(url[:_URL_LENGTH]):
            groups = match.groups()
            month = _MONTH_NAMES.get(groups[-2].lower()) or (int(groups[-2]) if groups[-2].isdigit() else 0)
            try:
                return datetime.date(int(groups[0]), month, int(groups[-1])).isoformat()
            except ValueError:
                continue
    return None


# --- the text --------------------------------------------------------------------------------------------------------

_TOP_LINES = 8
_TOP = 1500  # code points of the opening in which a dateline or a date line can stand
_DONE = ("published", "posted", "released", "date", "issued", "updated", "created", "modified")
_MADE = ("programme", "program", "edition", "issue", "broadcast")
_LABEL = lazy(
    rf"\s*(?:(?:first )?(?:{'|'.join(_DONE)}|last updated)\b[ :]*(?:on|at)?|"
    rf"(?:{'|'.join(_MADE)})\b[ :]*(?:of|for|from)?|by\b.{{0,60}})?"
    r"[\s|,•·(—–-]*",
    re.I,
)
_AFTER_LINE = lazy(
    r"[\s|,•·)—–.-]*(?:(?:at )?\d{1,2}[:.]\d\d\s*(?:[ap]\.?m\.?)?\s*(?:[A-Z]{2,4})?)?[\s|"
    r",•·)—–.-]*(?:by\b.{0,60}|updated\b.{0,60})?\s*",
    re.I,
)
_PLACE = lazy(r"[^\w\n]*[A-Z][\w.' -]{0,40}(?:[,/(][ ]?[A-Za-z.' ()-]{0,30}){0,3}[, (—–-]*")
_DASH = lazy(r"\)?\s*(?:(?:\([\w ./]{1,30}\)\s*)?(?:--?|[—–_:])|\([A-Z][\w ./]{0,29}\)\.?\s)")
_UPDATED = lazy(r"\b(?:updated|modified|revised|corrected)\b", re.I)
_NUMBER = lazy(r"[0-9]")
# What such a line must show to be worth reading. On its own stands a date with nothing but words of time and of labels,
# those of four letters aside, up to a byline; before a dash, the last word of one.
_DAYLIKE = lazy(rf"[0-9]|\b(?:{'|'.join(lexicon.MONTHS)})\b", re.I)
_LONG_WORD = lazy(r"[^\W\d_]{5,}|\b[bB][yY]\b|\b[uU][pP][dD][aA][tT][eE][dD]\b")
_LABELS = frozenset((*_DONE, *_MADE, "first", "clock"))
_LINE_DASH = lazy(r"[-—–_:(]")
_LAST_WORD = lazy(rf"(?:[0-9]\w{{0,3}}|{'|'.join((*lexicon.MONTHS, *lexicon.ORDINALS))}|year)$", re.I)
_LONGEST_LAST = 16  # code points
_EXPLICIT = ("monthday", "daymonth", "numdate", "days", "daysmonth")


def _dateline(text: str, latest: datetime.date | None) -> DocumentDate | None:
    """A date line among the first lines, or the dateline of an agency ("PLACE, April 27, 2025 -")."""
    top = text[:_TOP]
    if not _NUMBER.search(top):
        return None
    if not wraps(top) and not any(map(_may_tell, top.split("\n", _TOP_LINES + 1)[: _TOP_LINES + 1])):
        return None
    expressions, _ = recognise(top)
    found: list[tuple[bool, Expression]] = []
    for expression in expressions:
        if expression.rule not in _EXPLICIT:
            continue
        start = top.rfind("\n", 0, expression.start) + 1
        end = top.find("\n", expression.end)
        if top.count("\n", 0, start) > _TOP_LINES:
            break
        before, after = top[start : expression.start], top[expression.end : end if end >= 0 else len(top)]
        alone = _LABEL.fullmatch(before) and _AFTER_LINE.fullmatch(after)
        line = _PLACE.fullmatch(before) and _DASH.match(after)
        if alone or line:
            found.append((bool(_UPDATED.search(before)), expression))
    for _, expression in sorted(found, key=lambda pair: pair[0]):
        day = _day_of(expression, text, latest)
        if day is not None and (latest is None or day <= latest):
            return DocumentDate(day.isoformat(), "dateline", CONFIDENCE["dateline"], day)
    return None


def _may_tell(line: str) -> bool:
    """Whether a line can be a date line or begin with a dateline: a look that spares most of them the grammar."""
    for word in _LONG_WORD.finditer(line):
        known = word[0].lower()
        if known in ("by", "updated"):
            break
        if known not in KNOWN and known not in _LABELS:
            before = (line[: dash.start()].rstrip().removesuffix(")") for dash in _LINE_DASH.finditer(line))
            return any(_LAST_WORD.search(head[-_LONGEST_LAST:]) for head in before)
    return _DAYLIKE.search(line) is not None


def _day_of(expression: Expression, text: str, latest: datetime.date | None) -> datetime.date | None:
    """The day of an explicit date; without a year the last such day before the collection, else that of the text's
    years.
    """
    context = Context(text, latest)
    reading = read(expression, context)
    if reading is not None and reading.period is not None and not reading.alternatives:
        return reading.period.first
    if reading is not None and reading.period is not None and latest is not None:
        days = [reading.period.first, *(other.first for other in reading.alternatives)]
        return max((day for day in days if day is not None and day <= latest), default=None)
    return None


def _from_text(text: str, latest: datetime.date | None) -> DocumentDate:
    """A lower bound from the days the text tells of; an estimate where weekdays or the telling corroborate it."""
    evidence = _evidence(text)
    past = [day for _, day, _, _ in evidence.days if latest is None or day <= latest]
    for newest in sorted(set(past), reverse=True):  # the verbs around a day are dear to read, and most days are older
        told = [each for each in evidence.days if each.day == newest and _is_past(each.expression, text)]
        if told:
            break
    else:
        return DocumentDate()
    upper = latest.isoformat() if latest else None
    again = len(told) > 1 and any(each.dated and each.start < _TOP for each in told)
    if again or _agrees(evidence, told[0].start, newest, text):
        return DocumentDate(newest.isoformat() + "~", "text", CONFIDENCE["text"], newest)
    if newest.isoformat() == upper:
        return DocumentDate(upper, "text", CONFIDENCE["text"], newest)
    return DocumentDate(edtf.interval(newest.isoformat(), upper), "text", 0.7, None)


class _Told(NamedTuple):
    """A day that a text tells of, past or not: its offset, the day, whether its year is written."""

    start: int
    day: datetime.date
    dated: bool
    expression: Expression


class _Evidence(NamedTuple):
    days: list[_Told]  # in order
    weekdays: list[tuple[int, int, Expression]]  # offset, ISO weekday of a bare weekday


_FOOTER = lazy(
    r"(?:copyright|©|all rights reserved|archived?|retrieved|accessed|printed|updated|editor['’]s note)[^\n]{0,80}$",
    re.I,
)


_YEAR = lazy(r"[12][0-9]{3}|['’][0-9]{2}\b|[0-9][./][0-9]{1,2}[./][0-9]{2}|\bFY")


def _evidence(text: str) -> _Evidence:
    if not _YEAR.search(text):  # then no day of it has one
        return _Evidence([], [])
    expressions, _ = recognise(text)
    context = Context(text, None)
    days: list[_Told] = []
    weekdays: list[tuple[int, int, Expression]] = []
    years: list[tuple[Expression, int, int]] = []  # year, month or 0
    bare: list[tuple[Expression, int, int]] = []  # month, day
    for expression in expressions:
        if expression.rule == "weekday" and not expression.parts.keys() & {"which"} and expression.container is None:
            weekday = expression.value("weekday")
            if isinstance(weekday, int):
                weekdays.append((expression.start, weekday, expression))
            continue
        reading = read(expression, context)
        period = reading.period if reading else None
        if (
            expression.rule in ("monthday", "daymonth")
            and "year" not in expression.parts
            and expression.container is None
        ):
            month, day = expression.value("month"), expression.value("day")
            if isinstance(month, int) and isinstance(day, int):
                bare.append((expression, month, day))
        elif period is not None and period.unit == "day" and period.first is not None:
            if reading is not None and not reading.alternatives:
                days.append(_Told(expression.start, period.first, True, expression))
            years.append((expression, period.first.year, period.first.month))
        elif expression.rule in ("month", "year") and period is not None and period.year_number is not None:
            month = period.first.month if period.unit == "month" and period.first else 0
            if period.unit in ("month", "year"):
                years.append((expression, period.year_number, month))
    if bare:
        known = [
            (expression.start, year, month)
            for expression, year, month in years
            if expression.rule not in ("month", "year") or _is_past(expression, text)
        ]
        newest = max(((year, named) for _, year, named in known if named), default=None)
        for expression, month, day in bare:
            found = _year_for(month, day, expression.start, newest, known)
            if found is not None:
                days.append(_Told(expression.start, found, False, expression))
        days.sort(key=lambda told: (told.start, told.day))
    return _Evidence(days, weekdays)


def _is_past(expression: Expression, text: str, *, surely: bool = True) -> bool:
    """Whether the verbs around a day say that it is past, or for a weekday at least not that it is still to come; no
    day of a footer is.
    """
    told = tense(expression, Context(text, None))
    return told < (0 if surely else 1) and not _FOOTER.search(text[max(0, expression.start - 90) : expression.start])


def _year_for(
    month: int, day: int, start: int, newest: tuple[int, int] | None, years: list[tuple[int, int, int]]
) -> datetime.date | None:
    """A month and day get the year that puts them on or after the newest month told, else that of the nearest year."""
    if newest is not None:
        year = newest[0] + (month < newest[1])
    elif years:
        at = bisect_left(years, (start,))
        year = min(years[max(0, at - 1) : at + 1], key=lambda known: abs(known[0] - start))[1]
    else:
        return None
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


_BESIDE = 12  # code points between a weekday and the day it names ("Friday, April 25")


def _agrees(evidence: _Evidence, start: int, day: datetime.date, text: str) -> bool:
    """Whether the weekdays told before a day lead up to it: "on Saturday ... on Monday ... on April 28", a Monday.

    Read within the week that ends with it, they never go back, name two days at least, and end with its own; and none
    right beside it is another.  That many weekdays fit a day of another year by chance once in some hundred texts.
    """
    near = [
        (at, weekday)
        for at, weekday, expression in evidence.weekdays
        if at <= start + _BESIDE and _is_past(expression, text, surely=False)
    ]
    told = [(day.isoweekday() - weekday) % 7 for at, weekday in near if at < start]
    beside = [weekday for at, weekday in near if abs(at - start) <= _BESIDE]
    leads = len(set(told)) > 1 and told[-1] == 0 and all(one >= other for one, other in pairwise(told))
    return leads and all(weekday == day.isoweekday() for weekday in beside)
