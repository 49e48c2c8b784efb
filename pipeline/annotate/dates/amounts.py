"""Counted units: durations, offsets ("ago", "later"), sets, and vague words."""

import re

from pipeline.annotate.dates.context import UNRESOLVED, Context, Reader, Reading
from pipeline.annotate.dates.counting import count, exactness
from pipeline.annotate.dates.direction import future
from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.tokens import LETTER
from pipeline.annotate.dates.values import duration

_A_DURATION = lazy(
    r"\b(?:for|within|in|than|after|over|about|nearly|almost|barely|least|takes?|took|lasts?|lasted|last|once|"
    r"just|only|by|"
    r"spent|spend|under|him|her|them|half|every|of|as)\s+$",
    re.I,
)


_IN = lazy(r"\b[Ii]n $")


def _names_a_point(e: Expression, c: Context) -> bool:
    """Whether "in five years" is a time to come ("will close in five years"), not how long something took."""
    if e.parts.keys() & {"which", "ord", "approx"} or not _IN.search(c.text[max(0, e.start - 4) : e.start]):
        return False
    return future(e, c) and not c.text.startswith(" of", e.end)


def _count(e: Expression, c: Context) -> Reading | None:
    unit = e.unit()
    number = count(e.parts["count"])
    mod = exactness(e) or ("APPROX" if any(t.word == "couple" for t in e.parts["count"]) else None)
    tail = e.word("tail")
    if tail:
        return _offset(e, c, unit, number, tail, mod)
    single = [token.word for token in e.parts["count"]]
    if number is not None and unit in ("day", "week", "month", "year") and _names_a_point(e, c):
        return _offset(e, c, unit, number, "hence", mod)
    if unit in ("quarter", "weekend") and (single in (["a"], ["an"]) or c.text[e.start : e.end].endswith("-quarters")):
        return None
    if single in (["a"], ["an"]):
        if "old" in e.parts:
            return Reading("DURATION", value=duration(1, unit))
        lasting = unit not in ("minute", "second", "day", "hour") and _A_DURATION.search(
            c.text[max(0, e.start - 12) : e.start]
        )
        if not lasting and not e.parts.keys() & {"approx", "over"}:
            return None
    if unit == "second" and single == ["one"]:
        return None
    if single == ["one"] and unit == "day" and "which" not in e.parts and "-" not in c.text[e.start : e.end]:
        return Reading(value="FUTURE_REF", vague=True, confidence=0.4)
    if (
        number is None
        and e.word("which") in ("last", "past")
        and unit in ("month", "quarter")
        and e.word("count") != "couple"
    ):
        return Reading("DURATION", value=duration(None, unit), mod=mod)
    if (
        re.match(r"-olds?\b|-old\b| olds?\b", c.text[e.end : e.end + 5])
        and unit == "year"
        and number is not None
        and number < 120
    ):
        return None
    return Reading("DURATION", value=duration(number, unit), mod=mod)


_POINT = {
    "second": "day",
    "minute": "day",
    "hour": "day",
    "day": "day",
    "weekend": "week",
    "week": "week",
    "fortnight": "week",
    "month": "month",
    "quarter": "quarter",
    "year": "year",
    "decade": "year",
    "century": "year",
    "millennium": "year",
}
_TIMES = {"decade": 10, "century": 100, "millennium": 1000, "fortnight": 2}


def _offset(e: Expression, c: Context, unit: str, number: float | None, tail: str, mod: str | None) -> Reading | None:
    """A count of units before or after the anchor ("ago", "from now") or what was spoken of last ("earlier",
    "later").
    """
    if number is None:
        word = "PAST_REF" if tail in ("ago", "earlier") else "FUTURE_REF"
        if not any(
            token.letter in (LETTER["few"], LETTER["several"], LETTER["couple"]) for token in e.parts.get("count", ())
        ):
            return Reading("DURATION", value=duration(None, unit))
        return Reading(value=word, vague=True)
    sign = -1 if tail in ("ago", "earlier") else 1
    point = _POINT[unit]
    steps = round(sign * number * _TIMES.get(unit, 1))
    if unit in ("second", "minute", "hour"):
        if tail in ("ago", "from", "hence") and c.anchor:
            return Reading("TIME", value=duration(number, unit), relative=True, mod=mod)
        return Reading("DURATION", value=duration(number, unit), mod=mod, end=e.parts["unit"][-1].end)
    base = c.now(point) if tail in ("ago", "from", "hence") else c.recent(point)
    if unit == "year" and number == 1 and tail in ("ago", "earlier") and c.reported and e.start - c.reported[0] < 700:
        quarter = c.reported[1]
        return Reading(period=quarter.shift(-4 if quarter.unit == "quarter" else -2), relative=True, mod=mod)
    if number != int(number) and unit == "year" and c.anchor:
        base = c.now("month") if tail in ("ago", "from", "hence") else c.recent("month")
        steps = round(sign * number * 12)
    if base is None:
        return Reading(value=UNRESOLVED[point], mod=mod)
    return Reading(period=base.shift(steps), relative=True, mod=mod)


def _countor(e: Expression, c: Context) -> Reading | None:
    unit = e.unit()
    if "count" not in e.parts:
        return Reading("DURATION", value=duration(1, unit), mod="APPROX")
    low, high = count(e.parts["count"]), count(e.parts["second"])
    tail = e.word("tail")
    if low is None or high is None or (low > high and not tail):
        return None
    if tail:
        return _offset(e, c, unit, high, tail, "APPROX")
    return Reading("DURATION", value=duration(low, unit), mod="EQUAL_OR_MORE")


def _countso(e: Expression, c: Context) -> Reading | None:
    if e.word("so") != "so":
        return None
    unit = e.unit()
    number = count(e.parts["count"]) if "count" in e.parts else 1
    if "tail" in e.parts:
        return _offset(e, c, unit, number, e.word("tail"), "APPROX")
    return Reading("DURATION", value=duration(number, unit), mod="APPROX")


def _half(e: Expression, c: Context) -> Reading | None:
    unit = e.unit()
    number = 0.5
    if "one" in e.parts:
        whole = count(e.parts["one"])
        number += whole if whole is not None else 0
    if "tail" in e.parts:
        return _offset(e, c, unit, number, e.word("tail"), exactness(e))
    if unit == "day" and "one" not in e.parts:
        return Reading("DURATION", value="PT12H", mod=exactness(e))
    return Reading(
        "DURATION", value=duration(number, unit) if number != 0.5 or unit != "year" else "P6M", mod=exactness(e)
    )


def _past(e: Expression, c: Context) -> Reading | None:
    words = [token.word for token in e.parts["word"]]
    if words == ["future"]:
        return None
    return Reading(value="PAST_REF" if words[-1] == "past" else "FUTURE_REF", vague=True, confidence=0.6)


def _unitlong(e: Expression, c: Context) -> Reading | None:
    return Reading("DURATION", value=duration(1, str(e.value("unit"))))


def _reference(e: Expression, c: Context) -> Reading | None:
    value = e.value("ref")
    assert isinstance(value, tuple)
    return Reading(value=value[0], vague=True, confidence=value[1])


def _set(e: Expression, c: Context) -> Reading | None:
    unit = e.unit()
    number = count(e.parts["count"]) if "count" in e.parts else 1
    return Reading("SET", value=duration(number, unit)) if unit != "second" else None


def _frequency(e: Expression, c: Context) -> Reading | None:
    value = e.value("freq")
    if value is None:
        return Reading("SET", value="P1Y", confidence=0.3)
    return Reading("SET", value=str(value), confidence=0.6 if value in ("P1D", "P1W") else 0.4)


def _rate(e: Expression, c: Context) -> Reading | None:
    return None


def _yearend(e: Expression, c: Context) -> Reading | None:
    if "year" not in c.text[e.start : e.end].lower():
        return None
    year = c.now("year")
    return Reading(period=year, mod="END", relative=True) if year else None


READERS: dict[str, Reader] = {
    "count": _count,
    "countor": _countor,
    "countso": _countso,
    "half": _half,
    "past": _past,
    "unitlong": _unitlong,
    "reference": _reference,
    "set": _set,
    "frequency": _frequency,
    "rate": _rate,
    "yearend": _yearend,
}
