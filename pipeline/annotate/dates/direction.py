"""Whether a bare weekday, month or day is past or still to come: the verbs around it tell."""

import re

from pipeline.annotate.dates.context import Context
from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.lazy import lazy

_FUTURE = lazy(
    r"\b(?:will|would|shall|won['’]t|expects?|expected|scheduled|due|plans?|planned|planning|slated|intends?|"
    r"set to|set for|going to|"
    r"(?:is|are|be) to|should|could|may|can|must|hopes?|upcoming|deadline|effective|matures?|maturing|next|"
    r"arrives|begins|opens|starts|returns|faces|expires|"
    r"(?:wants?|vows?|vowed|agreed?|promised?|pledged?|threatened|asked|urged|ordered|likely|ready|about|"
    r"invited) to)\b|['’]ll\b"
)
_PAST = lazy(
    r"\b(?:was|were|had|did|said|told|has|have|been|ago|last|yesterday|rose|fell|made|took|came|went|saw|sold|"
    r"won|began|met|"
    r"left|gave|held|read|sent|hit|lost|shot|spoke|wrote|found|got|set|put|cut|"
    r"(?!expected|scheduled|planned|agreed|promised|pledged|threatened|asked|urged|ordered|vowed|hundred|"
    r"indeed|un)(?<!to be )(?<!will be )(?<!would be )[a-z]{2,12}ed)\b"
)
_PERFECT = lazy(
    r"\b(?:had)(?: \w+ly)? (?:been )?(?:\w+ly )?(?:expected|scheduled|due|planned|slated|set)\b"
    r"|\b(?:previously|originally|as|once|first) (?:expected|scheduled|planned)\b"
)
_BOUND = lazy(
    r"\b(?P<end>[Uu]ntil|till|through|as (?:soon|early|late) as)?(?(end)|(?:[Bb]y|[Bb]efore|no later than|[Ss]tarting|"
    r"beginning|effective))\s+(?:early |late |mid-|the end of |on |at |noon |midnight )?$"
)
_AUXILIARY = lazy(r"\b(?:was|were|had|did|didn['’]t)\b")
_INFINITIVE = lazy(r"\bto [a-z]+")
_LIMIT = lazy(r"[.!?;]\s|\n")
_REACH = 90  # code points on either side in which the verb is looked for


def _clause(text: str, start: int, end: int) -> tuple[str, str]:
    left = text[max(0, start - _REACH) : start]
    cut = [match.end() for match in _LIMIT.finditer(left)]
    left = left[cut[-1] :] if cut else left
    right = text[end : end + _REACH]
    stop = _LIMIT.search(right)
    return left, right[: stop.start()] if stop else right


def _last(pattern: re.Pattern[str], text: str) -> int:
    return max((match.start() for match in pattern.finditer(text)), default=-1)


def future(expression: Expression, context: Context) -> bool:
    """Whether the words around say that the time is still to come."""
    return tense(expression, context) > 0


def tense(expression: Expression, context: Context) -> int:
    """What the words around say: 1 still to come, -1 past, 0 nothing.  The nearest verb before decides, else the
    first behind.
    """
    left, right = _clause(context.text, expression.start, expression.end)
    if right.startswith(("'s", "’s")) or _PERFECT.search(left):
        return -1
    ahead, behind = _last(_FUTURE, left), _last(_PAST, left)
    bound = _BOUND.search(left)
    if bound and (ahead >= 0 or behind >= 0):
        if bound["end"]:
            return -1 if _AUXILIARY.search(left) else 1
        return -1 if behind > max(ahead, _last(_INFINITIVE, left)) else 1
    if ahead >= 0 or behind >= 0:
        if ahead >= behind:
            return 1
        return 0 if _last(_INFINITIVE, left) > behind else -1
    ahead_right, behind_right = _FUTURE.search(right), _PAST.search(right)
    if ahead_right is None and behind_right is None:
        return 1 if bound else 0
    if ahead_right is not None and (behind_right is None or ahead_right.start() <= behind_right.start()):
        return 1
    return -1
