"""How an outlet stands to a claim: endorses, reports or distances.

It follows from the cue that the outlet chose (`cues`), from what its own words do to that cue (negation, what only may
come true, hedges, scare quotes, "falsely"), and from its comment in the sentence before or after ("That is untrue").
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pipeline.annotate import cues
from pipeline.annotate.lexicons import load
from pipeline.annotate.quotes import SCARE_WORDS

if TYPE_CHECKING:
    from pipeline.annotate.attribution import Attribution

Span = tuple[int, int]

COMMENT = 160  # code points of a neighbouring sentence in which a comment must stand

_LEXICON = load("stance")
_W = _LEXICON.words
_CONFIDENCE = _LEXICON.weights["alignment"]
_SCARE = re.compile(rf"[\"“‘][a-z][\w'’-]{{0,30}}(?: [\w'’-]{{1,30}}){{0,{SCARE_WORDS - 1}}}[\"”’](?!\w)")

_BESIDE = re.compile(r"(?:\w{1,20}ly|without \w{1,20}(?: \w{1,20})?),? ?\Z")


def _any(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(re.escape(phrase) for phrase in phrases)})\b")


_UNTRUE = _any(_LEXICON.phrases["comment_against"])
_TRUE = _any(_LEXICON.phrases["comment_for"])
_UNPROVEN = _any(_LEXICON.phrases["unproven"])


def claim_stance(
    alignment: str | None,
    *,
    voice: str,
    negated: bool = False,
    hedged: bool = False,
    comment: str | None = None,
) -> tuple[str, float | None]:
    """How the outlet stands to a claim, and the probability that this is right.

    alignment: the cue's own ('endorses', 'reports', 'distances'); None without a cue. voice: 'outlet' or 'attributed'.
    negated: `negates` of the outlet's words around the claim. hedged: `withholds_belief` of them. comment: `comment`.
    """
    if comment is not None or hedged:
        found, reason = comment or "distances", "comment" if comment else "hedge"
    elif voice == "outlet":
        found, reason = "endorses", "outlet"
    elif alignment is None or negated:
        found, reason = "reports", "reports"
    else:
        found, reason = alignment, alignment
    return found, _CONFIDENCE.get(reason)


def withholds_belief(frame: str) -> bool:
    """Whether the outlet's own words around a claim hold a hedge ('allegedly', 'falsely') or scare quotes."""
    low = frame.lower()
    return (
        not _W["hedge"].isdisjoint(re.findall(r"[\w-]+", low))
        or _SCARE.search(frame) is not None
        or _UNPROVEN.search(low) is not None
    )


def negates(frame: str) -> bool:
    """Whether the outlet's own words around a claim take the cue back ("did not confirm", "may admit")."""
    words = re.findall(r"n['’]t\b|\w+", frame.lower())
    return any(not _W[group].isdisjoint(words) for group in ("negation", "withholds", "unreal"))


def toward_claims(
    text: str, sentences: Sequence[Span], attributions: Sequence["Attribution"]
) -> list[tuple[str, float | None]]:
    """How the outlet stands to what each attribution reports, and the probability that this is right, in their order.

    sentences: half-open spans of the sentences of `text`, in order.
    """
    starts = [start for start, _ in sentences]

    def held(start: int, end: int) -> range:
        """The sentences that [start, end) touches."""
        return range(max(0, bisect_right(starts, start) - 1), bisect_left(starts, end))

    taken = {
        number
        for each in attributions
        for span in (*each.spans, each.cue, each.source)
        if span is not None
        for number in held(*span)
    }
    found = []
    for each in attributions:
        cue = cues.classify(text[slice(*each.cue)]) if each.cue else None
        own = _own_words(text, each)
        here = held(each.spans[0][0], each.spans[-1][1])
        near = [n for n in (here.stop, here.start - 1) if 0 <= n < len(sentences) and n not in taken]
        said = [comment(text[slice(*sentences[n])]) for n in near] if each.parent is None else []
        found.append(
            claim_stance(
                cue.alignment if cue else None,
                voice="attributed",
                negated=negates(own),
                hedged=withholds_belief(own),
                comment=next(filter(None, said), None),
            )
        )
    return found


def comment(sentence: str) -> str | None:
    """What a sentence of the outlet's, beside a claim, says of it: 'endorses', 'distances', or None."""
    low = sentence[:COMMENT].lower().replace("’", "'")
    return "distances" if _UNTRUE.search(low) else "endorses" if _TRUE.search(low) else None


def _own_words(text: str, each: "Attribution") -> str:
    """The outlet's own words that introduce an attribution: source and cue, and what stands right before them."""
    places = sorted(span for span in (each.cue, each.source) if span is not None)
    if not places:
        return ""
    first = places[0][0]
    beside = _BESIDE.search(text, max(0, first - 45), first)
    return " ".join([beside.group() if beside else "", *(text[start:end] for start, end in places)])
