"""Expressions that count from the anchor or from what the text spoke of: weekdays, "last week", "that day", seasons,
feasts.
"""

import re

from pipeline.annotate.dates import feasts
from pipeline.annotate.dates.context import UNRESOLVED, Context, Reader, Reading, part_of_day
from pipeline.annotate.dates.counting import third
from pipeline.annotate.dates.direction import future
from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.lexicon import MONTHS
from pipeline.annotate.dates.values import Period, duration


def _today(e: Expression, c: Context) -> Reading | None:
    shift = e.integer("today")
    part = part_of_day(e)
    kind = "TIME" if part else "DATE"
    day = c.now("day")
    if day is None:
        value = {-1: "PAST_REF", 0: "PRESENT_REF", 1: "FUTURE_REF"}[shift]
        return Reading(value=value, vague=True)
    return Reading(kind, period=day.shift(shift), part=part, relative=True)


def _tonight(e: Expression, c: Context) -> Reading | None:
    day = c.now("day")
    if day is None:
        return Reading("TIME", value="XXXX-XX-XXTNI")
    return Reading("TIME", period=day, part="TNI", relative=True)


def _weekday(e: Expression, c: Context) -> Reading | None:
    weekday = e.integer("weekday")
    which = e.word("which") or e.word("det")
    part = part_of_day(e)
    kind = "TIME" if part else "DATE"
    if e.word("part").endswith("s"):
        return Reading("SET", value=f"XXXX-WXX-{weekday}{part}")
    mod = third(e.word("edge"))
    if which in ("each", "every"):
        return Reading("SET", value=f"XXXX-WXX-{weekday}{part or ''}")
    if "day" in e.parts:
        return _weekday_the(weekday, e.integer("day"), c)
    outer = c.outer
    if outer is not None and outer.unit == "week":
        return Reading(kind, period=Period("day", outer.index * 7 + weekday), part=part, relative=True)
    if c.anchor is None:
        return Reading(kind, value=f"XXXX-WXX-{weekday}{part or ''}")
    day = Period.day(c.anchor)
    back = (c.anchor.isoweekday() - weekday) % 7
    past, coming = day.shift(-back), day.shift((7 - back) % 7)
    if which in ("following", "ensuing", "previous", "preceding", "prior", "that", "same"):
        base = c.memory.get("day", day)
        gap = (base.index - weekday) % 7
        if which in ("previous", "preceding", "prior"):
            return Reading(kind, period=base.shift(-(gap or 7)), part=part, relative=True)
        if which in ("following", "ensuing"):
            return Reading(kind, period=base.shift(7 - gap), part=part, relative=True)
        near = min((base.shift(-gap), base.shift(7 - gap)), key=lambda p: abs(p.index - base.index))
        return Reading(kind, period=near, part=part, relative=True)
    if which in ("last", "past"):
        return Reading(kind, period=day.shift(-(back or 7)), part=part, relative=True)
    if which in ("next", "coming", "upcoming"):
        return Reading(kind, period=day.shift(7 - back), part=part, relative=True)
    opening = c.told(e.start)
    if opening is not None and not which and not _SAYING.search(c.text[max(0, e.start - 20) : e.start]):
        told = opening.shift((weekday - opening.index) % 7)  # day 1 was a Monday
        if told.index <= day.index and not future(e, c):
            c.leant = opening
            others = () if told == past else (past,)
            return Reading(kind, period=told, part=part, mod=mod, relative=True, alternatives=others)
    if back == 0:
        return Reading(kind, period=day, part=part, mod=mod, relative=True)
    chosen, other = (coming, past) if future(e, c) or which == "this" else (past, coming)
    return Reading(kind, period=chosen, part=part, mod=mod, relative=True, alternatives=(other,))


# "Said Friday" is of the document's days, whatever the paragraph tells.
_SAYING = lazy(r"\b(?:said|says|told \w+|announced|reported|added|confirmed)\s+(?:on\s+|late\s+|early\s+)?$")


def _weekday_the(weekday: int, number: int, c: Context) -> Reading | None:
    """Of "Friday the 13th": the last such day up to the anchor, within the two years that always hold one."""
    if c.anchor is None:
        return Reading(value=f"XXXX-XX-{number:02d}")
    day = Period.day(c.anchor)
    for back in range((c.anchor.isoweekday() - weekday) % 7, 800, 7):
        date = day.shift(-back).first
        if date is not None and date.day == number:
            return Reading(period=day.shift(-back), relative=True)
    return None


def _weekdays(e: Expression, c: Context) -> Reading | None:
    return Reading("SET", value=f"XXXX-WXX-{e.value('weekday')}{part_of_day(e) or ''}")


def _partof(e: Expression, c: Context) -> Reading | None:
    which, part = e.word("which"), part_of_day(e)
    words = [token.word for token in e.parts["which"]]
    mod = third(e.word("edge"))
    if which in ("each", "every"):
        return Reading("SET", value=f"XXXX-XX-XX{part}")
    day = c.now("day")
    if day is None:
        return Reading("TIME", value=f"XXXX-XX-XX{part}", mod=mod)
    if which == "this":
        return Reading("TIME", period=day, part=part, mod=mod, relative=True)
    if which == "last":
        return Reading("TIME", period=day.shift(-1), part=part, mod=mod, relative=True)
    base = c.memory.get("day", day)
    if which == "next" or words[-1] in ("next", "following", "ensuing"):
        return Reading("TIME", period=base.shift(1), part=part, mod=mod, relative=True)
    if words[-1] in ("previous", "prior", "preceding"):
        return Reading("TIME", period=base.shift(-1), part=part, mod=mod, relative=True)
    if which == "that" or words[-1] == "same":
        return Reading("TIME", period=base, part=part, mod=mod, relative=True)
    return Reading("TIME", period=day, part=part, mod=mod, relative=True, confidence=0.4)


def _midpart(e: Expression, c: Context) -> Reading | None:
    day = c.now("day")
    return Reading("TIME", period=day, part=part_of_day(e), mod="MID", relative=True) if day else None


_STEP = {
    "last": -1,
    "past": -1,
    "previous": -1,
    "prior": -1,
    "preceding": -1,
    "this": 0,
    "current": 0,
    "next": 1,
    "coming": 1,
    "upcoming": 1,
}


def _unitwhich(e: Expression, c: Context) -> Reading | None:
    unit = e.value("unit") or "period"
    words = [token.word for name in ("det", "which", "which_2") for token in e.parts.get(name, ())]
    which = e.word("which_2") or e.word("which") or e.word("det")
    assert isinstance(unit, str)
    if not words or set(words) & {"recent", "these", "those"}:
        return None
    if unit in ("hour", "minute", "second", "fortnight", "millennium"):
        if which in ("past", "last", "next") and unit != "second":
            return Reading("DURATION", value=duration(1, unit))
        return None
    if which in ("each", "every"):
        return Reading("SET", value=duration(1, unit) if unit != "period" else None)
    if unit == "period":
        quarter = c.latest_quarter()
        return Reading(period=quarter, relative=True) if which == "latest" and quarter else None
    if words in (["the"], ["its"], ["their"], ["our"]):
        return _bare(e, c, unit)
    now = c.now(unit)
    if unit == "quarter" and which in ("latest", "last", "past") and now is not None:
        return Reading(period=c.latest_quarter() if which == "latest" else now.shift(-1), relative=True)
    if which == "latest":
        return Reading(period=now.shift(-1), relative=True) if now and unit == "year" else None
    if which in ("following", "ensuing") or (which in ("next", "previous", "prior", "preceding") and "the" in words):
        step = -1 if which in ("previous", "prior", "preceding") else 1
        base = c.recent(unit)
        if base is None:
            return None
        return Reading(period=base.shift(step), relative=True)
    if which in ("same", "that") or which == "the":
        base = c.recent(unit)
        return Reading(period=base, relative=True, confidence=0.7) if base else None
    if which not in _STEP:
        return None
    if now is None:
        return Reading(value=UNRESOLVED[unit])
    if (which == "past" and unit in ("decade", "century", "week", "month", "day")) or (
        which == "last" and "the" in words and unit in ("decade", "century")
    ):
        return Reading("DURATION", value=duration(1, unit))
    if unit == "day" and which in ("last", "past", "this", "current"):
        return None
    return Reading(period=now.shift(_STEP[which]), relative=True)


# "The year the court ruled", "the week between": what follows says which, and it is none that is known.
_CLAUSE = lazy(r" (?:before|after|between|of|the|that|when|in which|he|she|they|it|i|we)\b", re.I)


def _bare(e: Expression, c: Context, unit: str) -> Reading | None:
    """Of "the year", "the quarter", "the weekend": what the text spoke of last, where annotators marked it at all."""
    now = c.now(unit)
    if now is None:
        return None
    if unit == "quarter":
        ended = _ENDED.match(c.text, e.end)
        if ended and c.anchor:
            month = MONTHS.get(ended[1].lower(), 1)
            this = Period.containing("month", c.anchor)
            last = this.shift(-((this.index - (month - 1)) % 12)).first
            return Reading(period=Period.containing("quarter", last), relative=True) if last else None
        return Reading(period=c.memory.get("quarter", now.shift(-1)), relative=True, confidence=0.85)
    if unit == "year":
        following = c.text[e.end : e.end + 8]
        if re.match(r"\s+end(?:ed|ing)\b", following):
            return Reading("DURATION", value="P1Y", confidence=0.6)
        if "fiscal" in e.parts:
            return Reading("DURATION", value="P1Y", confidence=0.6)
        return Reading(period=now, relative=True, confidence=0.7)
    if _CLAUSE.match(c.text, e.end):
        return None
    if unit == "weekend":
        return Reading(
            period=now if future(e, c) else now.shift(-1) if c.anchor and c.anchor.isoweekday() < 6 else now,
            relative=True,
            confidence=0.8,
        )
    if unit == "week":
        return Reading(period=now, relative=True, confidence=0.6)
    if e.prefixes and unit in ("month", "decade", "century"):
        return Reading(period=now, relative=True, confidence=0.8)
    if e.prefixes and unit == "day":
        return Reading(period=c.recent("day"), relative=True, confidence=0.3)
    return None


_ENDED = lazy(r"\s+end(?:ed|ing)\s+([A-Z][a-z]{2,8})\.?\s+\d{1,2}\b")


def _unitswhich(e: Expression, c: Context) -> Reading | None:
    unit, which = e.unit(), e.word("which")
    before = c.text[max(0, e.start - 25) : e.start].lower()
    if which == "recent":
        if unit == "year" or (len(e.parts) and "and" in c.text[e.start : e.end]):
            return Reading(value="PAST_REF", vague=True)
        return Reading("DURATION", value=duration(None, unit))
    if which in ("past", "last"):
        return Reading(value="PAST_REF", vague=True)
    if which in ("coming", "upcoming", "next", "future"):
        return Reading(value="FUTURE_REF", vague=True) if unit != "second" else None
    if which:
        return None
    if unit in ("second", "minute"):
        return None
    if "long" in e.parts:
        return Reading(
            "DURATION", value=duration(None, "year" if unit in ("decade", "century") else unit), confidence=0.7
        )
    if "ahead" in e.parts or _FOR.search(before) or re.match(r" (?:ago|later)\b", c.text[e.end : e.end + 7]):
        return Reading("DURATION", value=duration(None, unit), confidence=0.6)
    return Reading("DURATION", value=duration(None, unit), confidence=0.4)


_FOR = lazy(r"\b(?:for|over|within|takes?|in) $")


_LABELS = ("SP", "SU", "FA", "WI")
_SOUTHERN_ORDER = (2, 3, 0, 1)  # spring, summer, autumn, winter: places in a southern year, which begins in March too


def _season(e: Expression, c: Context) -> Reading | None:
    season = e.integer("season")
    label = _LABELS[season]
    unit, place = ("southern", _SOUTHERN_ORDER[season]) if c.southern else ("season", season)
    which = e.word("which") or (e.word("det") if e.word("det") in ("this", "that") else "")
    if which in ("each", "every"):
        return Reading("SET", value=f"XXXX-{label}")
    year = e.value("year")
    if not isinstance(year, int) and c.outer is not None:
        year = c.outer.year_number
    if "range" in e.parts:  # "the winter of 2023-24" begins in the first year
        return Reading(period=Period(unit, int(e.word("range")[:4]) * 4 + place))
    if isinstance(year, int):
        found = Period(unit, year * 4 + place)
        others = (found.shift(-4),) if place == 3 else ()  # "the winter of 2024" may have begun or ended in it
        return Reading(period=found, relative=c.outer is not None, alternatives=others)
    now = c.now(unit)
    if now is None or c.anchor is None:
        return Reading(value=f"XXXX-{label}")
    back = (now.index - place) % 4
    if which in ("last", "previous"):
        return Reading(period=now.shift(-(back or 4)), relative=True)
    if which == "next":
        return Reading(period=now.shift(4 - back), relative=True)
    if which == "this" and place < 3:
        return Reading(period=Period(unit, c.anchor.year * 4 + place), relative=True)
    ahead = back > 1 if which == "this" else back > 0 and future(e, c)
    return Reading(period=now.shift(4 - back) if ahead else now.shift(-back), relative=True)


def _feast(e: Expression, c: Context) -> Reading | None:
    rule = e.value("feast")
    year, which = e.value("year"), e.word("which")
    pattern = f"XXXX-{rule[0]:02d}-{rule[1]:02d}" if isinstance(rule, tuple) else "XXXX-XX-XX"
    if which in ("each", "every"):
        return Reading("SET", value=pattern)
    if not isinstance(year, int) and c.outer is not None:
        year = c.outer.year_number
    if isinstance(year, int):
        day = feasts.day(rule, year)
        return Reading(period=Period.day(day)) if day else None
    if c.anchor is None:
        return Reading(value=pattern)
    days = [day for near in (-1, 0, 1) if (day := feasts.day(rule, c.anchor.year + near)) is not None]
    gaps = sorted(((day - c.anchor).days, day) for day in days)
    if not gaps:
        return None
    if which in ("last", "past", "previous"):
        chosen = max((g for g in gaps if g[0] < 0), default=gaps[0])
    elif which in ("next", "coming") or future(e, c):
        chosen = min((g for g in gaps if g[0] >= 0), default=gaps[-1])
    else:
        chosen = min(gaps, key=lambda g: abs(g[0]) + (30 if g[0] > 0 else 0))
    return Reading(period=Period.day(chosen[1]), relative=True)


READERS: dict[str, Reader] = {
    "weekday": _weekday,
    "weekdays": _weekdays,
    "today": _today,
    "tonight": _tonight,
    "part": _partof,
    "midpart": _midpart,
    "unitwhich": _unitwhich,
    "unitswhich": _unitswhich,
    "season": _season,
    "feast": _feast,
}
