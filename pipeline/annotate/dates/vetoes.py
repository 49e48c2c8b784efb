"""What only looks like time: names, titles, money, measures, ages, scores."""

import re
from collections.abc import Callable

from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.lazy import lazy


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD_BEFORE = lazy(r"([^\W\d_]+)[\s-]*$")
_WORD_AFTER = lazy(r"[ \t\xa0]*(?:-[ ]?)?([^\W\d_]+)")
_NEAR = 40  # code points looked at on either side
_CUES = _words(
    "in of by since until till from to through last next this early late mid during and or between for before after "
    "on every each around about as than that the via late past previous following beginning end month months"
)
_NAMING = _words("black bloody fat cyber super holy orange ruby casual good ash palm easter")
_TITLES = _words("times telegraph post mail mirror express herald tribune star sun football live review magazine")
_MEASURES = _words(
    "percent per people men women troops soldiers dollars euros pounds yen miles feet meters metres kilometers "
    "kilometres points tons tonnes barrels votes shares copies jobs workers employees homes houses acres units "
    "passengers members deaths cases students residents civilians families megawatts km kg lbs mph"
)
_YEAR_CUES = _words(
    "in of by since until till from to through during and or between for before after early late mid year around "
    "about fiscal summer spring winter fall autumn circa as"
)


_PAPERS = _words("USA Russia Psychology Africa History Christianity")
_CLOCK_CUES = _words("at by until till from to around about before after since and")
_SEASON_CUES = _words("in by until since during early late mid next last of")

# Words whose number is no year: "Flight 1990", "Resolution 1973".
_NUMBERED = _words(
    "flight route room highway resolution no number nos model windows office boeing airbus bill section article "
    "page chapter channel unit block gate suite box building interstate area apollo opus iso error code rule form "
    "type class series level lot train bus line formula order case docket paragraph directive regulation"
)


def veto(text: str, expression: Expression) -> str | None:
    """Why an expression is none, or None.  Looks at a few words on either side only."""
    check = _VETOES.get(expression.rule)
    after = text[expression.end : expression.end + 1]
    if after and (after.isalnum() or after == "_"):
        return "part of a longer word"
    return check(text, expression) if check else None


def _word_before(text: str, at: int) -> str:
    match = _WORD_BEFORE.search(text[max(0, at - _NEAR) : at])
    return match[1] if match else ""


def _word_after(text: str, at: int) -> str:
    match = _WORD_AFTER.match(text, at, at + _NEAR)
    return match[1] if match else ""


def _opens_sentence(text: str, at: int) -> bool:
    before = text[max(0, at - _NEAR) : at].rstrip(" \t\xa0\"'“”‘’(`_")
    return not before or before[-1] in ".!?:;\n►•—–-|"


def _veto_month(text: str, expression: Expression) -> str | None:
    if expression.parts.keys() & {"year", "which"}:
        return None
    word = expression.word("month")
    if word not in ("may", "march", "april", "june", "august"):
        return (
            "an abbreviation without a day"
            if len(word) == 3 and text[expression.end : expression.end + 1] != "."
            else None
        )
    before, after = _word_before(text, expression.start), _word_after(text, expression.end)
    if word in ("may", "march") and before.lower() not in _CUES and not _listed(text, expression):
        return "a verb or a name as often as a month"
    if before[:1].isupper() and before.lower() not in _CUES and not before.isupper():
        return "a name"
    if (
        after[:1].isupper()
        and not text[expression.start : expression.end].isupper()
        and after.lower() not in _CUES
        and text[expression.end] in " -"
    ):
        return "a name"
    return None


def _listed(text: str, expression: Expression) -> bool:
    """Whether another month stands right before or after, as in "April, May and June"."""
    left = text[max(0, expression.start - 18) : expression.start]
    return bool(_MONTH_BEFORE.search(left) or _MONTH_AFTER.match(text, expression.end))


_MONTH_BEFORE = lazy(r"\b(?:February|March|April|May|June|July)(?:,? and|,? or|,|/| to)\s+$|\b(?:March|April|May)[/-]$")
_MONTH_AFTER = lazy(r"(?:,? and |,? or |, | to |[/-])(?:March|April|May|June|July)\b")


def _veto_weekday(text: str, expression: Expression) -> str | None:
    before, after = _word_before(text, expression.start), _word_after(text, expression.end)
    if before.lower() in _NAMING and before[:1].isupper():
        return "a name"
    if after[:1].isupper() and (
        after.lower() in _TITLES or text[max(0, expression.start - 4) : expression.start] == "The "
    ):
        return "a title"
    return None


def _veto_today(text: str, expression: Expression) -> str | None:
    words = text[expression.start : expression.end]
    if words[0].isupper() and _word_before(text, expression.start) in _PAPERS:
        return "a title"
    if words[0].isupper() and not words.isupper() and not _opens_sentence(text, expression.start):
        return "a title"
    return None


def _veto_year(text: str, expression: Expression) -> str | None:
    if expression.high - expression.low > 1:
        return None
    start, end = expression.start, expression.end
    year = expression.integer("year")
    left, right = text[max(0, start - 1) : start], text[end : end + 2]
    if (left and left in "$£€¥#.,/:+&@=") or re.search(r"[$£€¥]\s?$|[0-9][-–]$", text[max(0, start - 3) : start]):
        return "money or a measure"
    if (right[:1] and right[0] in "%$€£°/:") or re.match(r"[.,][0-9]|[-–][0-9]", right):
        return "money or a measure"
    before, after = _word_before(text, start), _word_after(text, end)
    if after.lower() in _MEASURES:
        return "a count"
    if after.lower() in _MAKERS:
        return "a model year"
    if text[start] in "'’" and before.lower() not in _YEAR_CUES:
        return "a short year without a preposition"
    if not 1900 <= year <= 2060 and before.lower() not in _YEAR_CUES:
        return "a number"
    if before.lower() in _NUMBERED and text[start - 1 : start] in (" ", "\xa0", "-"):
        return "a number in a name"
    return None


def _veto_clock(text: str, expression: Expression) -> str | None:
    if "word" in expression.parts and _word_before(text, expression.start).lower() == "high":
        return "a name"
    if "clock" in expression.parts or "hour" in expression.parts:
        if "ampm" in expression.parts or "zone" in expression.parts or expression.high - expression.low > 1:
            return None
        token = expression.parts["clock"][0].word if "clock" in expression.parts else ""
        if token[-1:] in "mM":
            return None
        before = _word_before(text, expression.start).lower()
        if before not in _CLOCK_CUES:
            return "a score or a ratio"
    return None


def _veto_season(text: str, expression: Expression) -> str | None:
    if expression.parts.keys() & {"year", "range", "which"}:
        return None
    words = text[expression.start : expression.end].lower()
    before = _word_before(text, expression.start).lower()
    if not words.startswith(("the ", "this ")) and before not in _SEASON_CUES:
        return "a verb or a thing as often as a season"
    if "fall" in words and re.match(
        r"\s+(?:of|in|from|to)\s+(?!(?:19|20)\d\d)", text[expression.end : expression.end + 12]
    ):
        return "a fall"
    if text[expression.end : expression.end + 1] == "-":
        return "part of a compound"
    return None


AGE = "an age"
_TIMES_OF = lazy(r"\b(?:hundreds|thousands|millions|dozens|tens|matter) of $")
_MAKERS = _words(
    "ford chevrolet toyota honda nissan bmw mercedes volkswagen audi buick cadillac chrysler dodge jeep pontiac "
    "lexus mazda subaru hyundai kia volvo porsche ferrari jaguar tesla oldsmobile harley model"
)


def _veto_unit(text: str, expression: Expression) -> str | None:
    if re.match(r"-[a-z]", text[expression.end : expression.end + 2]) and "long" not in expression.parts:
        return "part of a compound"
    unit = (expression.parts.get("unit") or expression.parts["word"])[0]
    if (
        text[unit.start].isupper()
        and not text[expression.start : unit.end].isupper()
        and expression.low + 1 < expression.high
    ):
        return "a title"
    return None


def _veto_century(text: str, expression: Expression) -> str | None:
    return None if expression.unit() == "century" else "an ordinal before another unit"


def _veto_decade(text: str, expression: Expression) -> str | None:
    word = expression.word("decade")
    if "the" in expression.parts and word in ("20s", "30s") and "edge" in expression.parts:
        return "a figure as often as a decade"
    if "the" in expression.parts or word[0] in "'’" or len(word) == 5:
        return None
    return "an age as often as a decade"


def _veto_numbers(text: str, expression: Expression) -> str | None:
    if expression.word("old") == "old":
        return AGE
    unit = expression.parts["unit"][-1] if "unit" in expression.parts else None
    if unit is not None and text[unit.start].isupper() and not text[expression.start : expression.end].isupper():
        return "a title"
    if _TIMES_OF.search(text[max(0, expression.start - 14) : expression.start]):
        return "an uncounted many"
    left = text[max(0, expression.start - 2) : expression.start].strip()
    if left[-1:] and left[-1] in "$£€¥":
        return "money"
    return None


_VETOES: dict[str, Callable[[str, Expression], str | None]] = {
    "month": _veto_month,
    "weekday": _veto_weekday,
    "today": _veto_today,
    "year": _veto_year,
    "clock": _veto_clock,
    "season": _veto_season,
    "unitwhich": _veto_unit,
    "unitswhich": _veto_unit,
    "century": _veto_century,
    "decade": _veto_decade,
    "count": _veto_numbers,
    "days": _veto_numbers,
}
