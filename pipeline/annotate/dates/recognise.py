"""Recognise temporal expressions: match the grammar, veto what only looks like time, join neighbours.

What the patterns find is filtered by the vetoes (names, money, scores, measures), the leftmost-longest survive, and
neighbours that form one expression are joined: "the end of" + "the year", "10 p.m." + "Wednesday",
"July" + "last year".
"""

import re
from collections.abc import Iterator

from pipeline.annotate.dates import grammar
from pipeline.annotate.dates.expressions import Expression, Reject
from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.tokens import LETTER, Runs, Token, scan
from pipeline.annotate.dates.vetoes import AGE, veto


def recognise(text: str) -> tuple[list[Expression], list[Reject]]:
    """All temporal expressions of a text in order, without overlaps, and what was refused with the reason."""
    runs = scan(text)
    rejects: list[Reject] = []
    chosen: list[Expression] = []
    high = 0
    for expression in sorted(_matches(runs), key=lambda e: (e.low, -e.high)):
        if expression.low < high:
            continue
        reason = veto(text, expression)
        if reason:
            rejects.append(Reject(expression.start, expression.end, text[expression.start : expression.end], reason))
            if reason == AGE:
                high = expression.high
            continue
        chosen.extend(_elements(expression))
        high = expression.high
    return _join(runs, chosen), rejects


def _matches(runs: Runs) -> Iterator[Expression]:
    for rule, pattern in grammar.RULES.items():
        for match in grammar.compiled(pattern).finditer(runs.letters):
            yield _expression(rule, match, runs.tokens)


def _expression(rule: str, match: re.Match[str], tokens: list[Token]) -> Expression:
    low, high = match.span()
    parts: dict[str, list[Token]] = {}
    for group in match.re.groupindex:
        left, right = match.span(group)
        if left >= 0:
            parts[group.rpartition("_")[0] if group.rpartition("_")[0] not in parts else group] = tokens[left:right]
    if "over" in parts and not (parts["count"][0].word in ("a", "an") and "det" not in parts):
        low += 1  # "over the next four years" is a preposition, "over a year" is more than a year
    if tokens[low].letter == _ON or _adjectival(parts):
        low += 1
    while tokens[high - 1].letter in _LOOSE:
        high -= 1
    return Expression(rule, tokens[low].start, tokens[high - 1].end, parts, low, high)


def _alternatives(expression: Expression) -> Iterator[Expression]:
    """Two times in "fifteen or twenty years ago": the first has only its number for words."""
    first, second = expression.parts["count"], expression.parts["second"]
    rest = {name: tokens for name, tokens in expression.parts.items() if name not in ("count", "second")}
    yield expression._replace(rule="count", end=first[-1].end, parts=rest | {"count": first})
    yield expression._replace(rule="count", start=second[0].start, parts=rest | {"count": second})


def _adjectival(parts: dict[str, list[Token]]) -> bool:
    """Whether the article belongs to the noun behind: "the third-quarter loss", "a two-year plan"."""
    if "det" not in parts:
        return False
    if parts["det"][0].word in ("its", "their", "our"):
        return True
    if "count" in parts and parts["unit"][0].letter == LETTER["unit"] and parts["count"][0].value not in (1, None):
        return True
    return "hyphen" in parts or "long" in parts or ("yearago" in parts and not parts.keys() & {"unit", "ord"})


_ON = LETTER["on"]
_LOOSE = LETTER["dot"] + LETTER["comma"]


def _elements(expression: Expression) -> Iterator[Expression]:
    """The expressions of an elliptical list or range: "April 24 and 25" is two, the words outside go to the nearest."""
    if expression.rule == "countor" and expression.word("tail") and "second" in expression.parts:
        yield from _alternatives(expression)
        return
    if "list" not in expression.parts:
        yield expression
        return
    listed = expression.parts["list"]
    if listed[0].letter == LETTER["numrange"]:
        left, right = re.split("[-–]", listed[0].word)
        middle = listed[0].start + len(left)
        days = [
            Token(listed[0].start, middle, LETTER["small"], int(left), left),
            Token(middle + 1, listed[0].end, LETTER["small"], int(right), right),
        ]
    else:
        days = [token for token in listed if token.letter == LETTER["small"]]
    for day in days:
        parts = {name: tokens for name, tokens in expression.parts.items() if name != "list"} | {"day": [day]}
        start = expression.start if day is days[0] else day.start
        end = expression.end if day is days[-1] else day.end
        yield expression._replace(rule="monthday", start=start, end=end, parts=parts)


_CALENDAR = frozenset(
    (
        "numdate",
        "monthday",
        "daymonth",
        "month",
        "weekday",
        "today",
        "unitwhich",
        "year",
        "fiscal",
        "decade",
        "century",
        "season",
        "feast",
        "quarter",
        "qnum",
        "yearend",
        "part",
    )
)
_DAYLIKE = frozenset(("numdate", "monthday", "daymonth", "weekday", "today", "feast"))
_YEARLIKE = frozenset(("year", "unitwhich", "fiscal"))
_PLACED = {
    "month": ("year", "unitwhich", "yearwords"),
    "season": ("year", "unitwhich", "yearwords"),
    "quarter": ("year", "unitwhich", "fiscal"),
    "qnum": ("fiscal",),
    "weekday": ("unitwhich",),
    "sameperiod": ("year", "unitwhich"),
    "monthday": ("unitwhich",),
    "quarters": ("year", "unitwhich"),
    "feast": ("year", "unitwhich"),
}
_INNER = {
    "edge": _CALENDAR,
    "edgeof": _CALENDAR,
    "halfof": _YEARLIKE | {"month", "decade", "century"},
    "weekof": _DAYLIKE,
    "partof": _DAYLIKE,
    "dayoff": _DAYLIKE,
    "firstof": frozenset(("month",)),
    "approx": frozenset(("numdate", "monthday", "daymonth", "month", "year", "yearend")),
}
_RANGE = lazy(f"[{LETTER['to']}{LETTER['and']}{LETTER['or']}{LETTER['hyphen']}]")
_AFTER_CLOCK = lazy(f"[{LETTER['on']}{LETTER['comma']}]?")
_PLACE = lazy(f"(?:{LETTER['of']}|{LETTER['in']}|{LETTER['comma']})?")


def _join(runs: Runs, found: list[Expression]) -> list[Expression]:
    ends: dict[int, list[tuple[int, str, re.Match[str]]]] = {}
    for rule, pattern in grammar.PREFIXES.items():
        for match in grammar.compiled(pattern).finditer(runs.letters):
            ends.setdefault(match.end(), []).append((match.start(), rule, match))
    out: list[Expression] = []
    for expression in found:
        last = out[-1] if out else None
        if last is not None and last.high <= expression.low:
            between = runs.letters[last.high : expression.low]
            if (
                expression.rule in _PLACED.get(last.rule, ())
                and _PLACE.fullmatch(between)
                and _places(last, expression)
            ):
                out[-1] = last._replace(end=expression.end, high=expression.high, container=expression)
                if len(out) > 1 and _RANGE.fullmatch(runs.letters[out[-2].high : last.low]) and _alike(out[-2], last):
                    out[-2] = out[-2]._replace(container=expression)  # "Monday to Wednesday last week"
                continue
            if last.rule in ("clock", "midpart") and expression.rule in _DAYLIKE and _AFTER_CLOCK.fullmatch(between):
                out[-1] = expression._replace(start=last.start, low=last.low, prefixes=(last, *last.prefixes))
                continue
            if between == LETTER["poss"] and expression.rule == "quarter" and last.rule in _YEARLIKE:
                out[-1] = expression._replace(start=last.start, low=last.low, container=last, prefixes=last.prefixes)
                continue
        taken = True
        while taken:
            taken = False
            for low, rule, match in ends.get(expression.low, ()):
                if (out and out[-1].low < low < out[-1].high) or not _takes(rule, expression):
                    continue
                while out and out[-1].low >= low:
                    out.pop()  # "the week" in "the week of March 6"
                prefix = _expression(rule, match, runs.tokens)
                expression = expression._replace(start=prefix.start, low=low, prefixes=(prefix, *expression.prefixes))
                taken = True
                break
        out.append(expression)
    return out


def _alike(one: Expression, other: Expression) -> bool:
    return one.rule == other.rule and one.container is None and not one.parts.keys() & {"which", "year"}


def _places(inner: Expression, outer: Expression) -> bool:
    """Whether a coarser expression places a finer one that has no place of its own."""
    if "year" in inner.parts or inner.container is not None:
        return False
    if outer.rule == "unitwhich":
        unit = "week" if inner.rule == "weekday" else "year"
        return outer.value("unit") == unit and outer.word("which") not in ("each", "every")
    return True


def _takes(rule: str, expression: Expression) -> bool:
    if expression.rule not in _INNER[rule]:
        return False
    return not any(prefix.rule == rule or prefix.rule == "clock" for prefix in expression.prefixes)
