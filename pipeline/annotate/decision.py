"""One decision from two readings: what the rules see in marks and structure, and what the learned tagger sees in words.

In running text the tagger decides, because it is better at everything it was measured on; the rules decide where the
structure of the page does (labels, turns of a transcript, what is quoted inside a quotation, a relay), name a source
that the tagger leaves open, and add what they are sure of where the tagger sees nothing.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.annotate import cues
from pipeline.annotate.model import Tagged
from pipeline.annotate.quotes import Run

SURE = 0.7
"""Measured share of right bounds from which a rule's attribution is added where the tagger sees none: of 0.5, 0.6, 0.7,
0.8 and 0.9 the best for reported speech and quotations on the 84 articles of PolNeAR train held out from the tagger."""
BESIDE = 0.47
"""Share of right bounds, on the same 84 articles, of what rules add where the tagger sees nothing (18 of 38) or pass on
as another's words (3 of 7): that the tagger does not see it tells more than the rule's own rate. A whole quotation that
is the object of its cue keeps its own: it needs no second reader."""
STRUCTURAL = frozenset(("transcript", "editorial label", "topic before", "nested", "headline"))
_WORD = re.compile(r"\w+")
_LEAD = re.compile(r"that\s+", re.IGNORECASE)
_STOP = re.compile(r"[.!?](?=\W)")
_MORE = re.compile(r",? (?:who|which|that|whose)\b")
_NOT = re.compile(
    r"\b(?:not|never|refrain\w*)\b|n['’]t\b"
    r"|\b(?:declin|refus)\w*\s+to\s+(?:be\s+)?(?:say|tell|comment|explain|discuss|answer|confirm|disclose|name|identify)",
    re.IGNORECASE,
)
_POINTER = re.compile(r"(?:this|that|it|so|them|these|those)", re.IGNORECASE)
_IDIOM = re.compile(r"\bsp(?:eak|oke)\w*\s+(?:volumes|for\s+(?:it|them)sel)", re.IGNORECASE)  # nobody speaks there
_PASSIVE = re.compile(r"\b(?:is|are|was|were|be|been|being|reportedly|according|allegedly)\b", re.IGNORECASE)
_NOBODY = re.compile(r"(?:neither|nobody|no one)\b|(?:I|we)$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]\s")
_EDGE = " \t\n\r\u00a0,;:–—-"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Attribution:
    """One stretch of content with one source.

    spans               the pieces of the content, half-open, in code points; no outer marks, no leading "that"
    mode                direct, indirect or mixed
    cue                 the words that introduce it, or None
    source              the words that name the speaker where the content stands, or None
    parent              index of the attribution it is quoted inside, or None
    via                 who passed it on, outermost first, as written; `Speaker.via` has the names
    relays              their places
    quote_marks         balanced, repaired, or None without marks
    rule                name of the rule that found it
    confidence_span     probability that it is an attribution with these bounds; None where not measured
    confidence_speaker  probability that the source is right, given the bounds; None where not measured
    """

    spans: tuple[Span, ...]
    mode: str
    cue: Span | None
    source: Span | None
    parent: int | None
    via: tuple[str, ...]
    relays: tuple[Span, ...]
    quote_marks: str | None
    rule: str
    confidence_span: float | None
    confidence_speaker: float | None


def decide(text: str, runs: Sequence[Run], ruled: Sequence[Attribution], tagged: Sequence[Tagged]) -> list[Attribution]:
    """The attributions of a text in its order.

    Args:
        text: the cleaned text.
        runs: its stretches in quotation marks.
        ruled: what the rules found, parents as indexes into it.
        tagged: what the tagger found.
    """
    outer = [each for each in ruled if each.parent is None]
    fixed: list[Attribution] = []
    open_: list[Attribution] = []
    for each in outer:
        if each.rule in STRUCTURAL or any(run.continues is not None for run in _outermost(runs, each.spans)):
            fixed.append(each)
        elif each.relays:
            fixed.append(replace(each, confidence_span=BESIDE))
        else:
            open_.append(each)
    settled = _Places(text, fixed)
    learned = [found for one in tagged for found in _attributions(text, runs, one) if not settled.share(found)]
    known = _Places(text, outer)
    learned = [
        replace(each, source=known.source(each) or each.source) if _open(text, each) else each for each in learned
    ]
    covered = _Places(text, learned)
    added = [
        each if each.rule == "quote" else replace(each, confidence_span=BESIDE)
        for each in open_
        if (each.confidence_span or 0) >= SURE and not covered.share(each)
    ]
    decided = sorted([*fixed, *learned, *added], key=lambda each: (each.spans[0][0], -each.spans[-1][1]))
    for each in ruled:
        if each.parent is not None:
            start, end = each.spans[0][0], each.spans[-1][1]
            holders = [i for i, other in enumerate(decided) if other.parent is None and _holds(other, start, end)]
            if holders:
                decided.append(replace(each, parent=holders[0]))
    return _ordered(decided)


def _open(text: str, each: Attribution) -> bool:
    """Whether the source is left to the rules: none is named, or only the pronoun that stands for one."""
    return each.source is None or text[slice(*each.source)].casefold() in ("who", "which", "that")


def _holds(each: Attribution, start: int, end: int) -> bool:
    return any(first <= start and end <= last for first, last in each.spans)


def _ordered(found: list[Attribution]) -> list[Attribution]:
    """The same in the order of the text, parents renumbered."""
    order = sorted(range(len(found)), key=lambda i: (found[i].spans[0][0], -found[i].spans[-1][1]))
    place = {old: new for new, old in enumerate(order)}
    return [replace(found[i], parent=None if (parent := found[i].parent) is None else place[parent]) for i in order]


class _Places:
    """The words of some attributions, for one look-up each: whether another shares a word, and whose source it has."""

    def __init__(self, text: str, found: Sequence[Attribution]) -> None:
        self._text = text
        self._holder = {word: each for each in found for word in _words(text, each.spans)}

    def share(self, each: Attribution) -> bool:
        return any(word in self._holder for word in _words(self._text, each.spans))

    def source(self, each: Attribution) -> Span | None:
        """The source of the attribution that shares its first shared word."""
        for word in _words(self._text, each.spans):
            if word in self._holder:
                return self._holder[word].source
        return None


def _words(text: str, spans: Sequence[Span]) -> Iterator[int]:
    return (word.start() for start, end in spans for word in _WORD.finditer(text, start, end))


def _attributions(text: str, runs: Sequence[Run], one: Tagged) -> Iterator[Attribution]:
    """What the tagger found, without outer marks and a leading 'that'.

    A quotation goes on behind its frame; reported words that go on in another sentence are a statement of their own.
    What begins with the title of a work is none.
    """
    groups: list[list[Span]] = []
    for start, end in one.spans:
        span = _bare(text, runs, start, end)
        if span is None:
            continue
        quoted = any(_outermost(runs, (span,)))
        if groups and (quoted or not _STOP.search(text, groups[-1][-1][1], span[0])):
            groups[-1].append(span)
        else:
            groups.append([span])
    for spans in groups:
        if not any(run.kind == "title" and run.start <= spans[0][0] for run in _outermost(runs, spans[:1])):
            yield _attribution(text, runs, one, tuple(spans))


def _attribution(text: str, runs: Sequence[Run], one: Tagged, spans: tuple[Span, ...]) -> Attribution:
    words = list(_words(text, spans))
    held = [run for run in _outermost(runs, spans) if run.kind != "title"]
    inside = sum(bisect_left(words, run.end) - bisect_left(words, run.start) for run in held)
    return Attribution(
        spans=spans,
        mode="indirect" if not inside else "direct" if inside >= len(words) else "mixed",
        cue=one.cue,
        source=_named(text, one),
        parent=None,
        via=(),
        relays=(),
        quote_marks=None if not held else "balanced" if all(run.balanced for run in held) else "repaired",
        rule="tagger",
        confidence_span=one.content_probability,
        confidence_speaker=one.source_probability,
    )


def _named(text: str, one: Tagged) -> Span | None:
    """The words that name a source, without the clause that tells more of it ("..., who asked not to be named,").

    A lone article names nobody, nor does the "it" of "it was reported".
    """
    source = one.source
    if source is None or text[slice(*source)].casefold() in ("the", "a", "an"):
        return None
    if one.cue and text[slice(*source)].casefold() == "it" and _PASSIVE.search(text[slice(*one.cue)]):
        return None
    start, end = source
    more = _MORE.search(text, start, end)
    end = more.start() if more is not None and more.start() > start else end
    while start < end and text[end - 1] in _EDGE:
        end -= 1
    return (start, end) if start < end else source


def _outermost(runs: Sequence[Run], spans: Sequence[Span]) -> Iterator[Run]:
    """The runs in no other run that share a code point with the hull of the spans."""
    start, end = spans[0][0], spans[-1][1]
    last = bisect_left(runs, end, key=lambda run: run.start)
    first = bisect_right(runs, start, key=lambda run: run.start)
    while first and (runs[first - 1].end > start or runs[first - 1].parent is not None):
        first -= 1
    return (run for run in runs[first:last] if run.end > start and run.parent is None)


def _bare(text: str, runs: Sequence[Run], start: int, end: int) -> Span | None:
    start, end = _trimmed(text, start, end)
    if (lead := _LEAD.match(text, start, end)) is not None:
        start = lead.end()
    for run in _outermost(runs, ((start, end),)):
        if not _WORD.search(text, run.end, end):
            if run.start <= start and run.kind == "title":
                return None
            if run.start <= start or text[max(0, run.start - 2) : run.start].rstrip().endswith(":"):
                start, end = max(start, run.inner_start), min(end, run.inner_end)  # what the marks hold is all of it
                break
    return _trimmed(text, start, end) if start < end and _WORD.search(text, start, end) else None


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start] in _EDGE:
        start += 1
    while start < end and text[end - 1] in " \t\n\r\u00a0":
        end -= 1
    return start, end


def spoken(text: str, attributions: Sequence[Attribution]) -> list[Attribution]:
    """The attributions of words that were said: what somebody wants, or would not say, the outlet states itself.

    So it does with words of its own ("I wrote that ..."), with what nobody is named for ("fears that ...") unless the
    cue is passive, and with a sentence that follows one in which somebody is reported, without saying that it goes on.
    Whatever stands in quotation marks was said.
    """
    kept = []
    for number, each in enumerate(attributions):
        cue = text[slice(*each.cue)] if each.cue else None
        source = text[slice(*each.source)] if each.source else ""
        reported = each.mode == "indirect" and each.rule == "tagger"
        unsaid = (
            cues.classify(cue) is None
            or _NOT.search(cue or "")
            or _IDIOM.search(cue or "")
            or _NOBODY.match(source)
            or _POINTER.fullmatch(text[slice(*each.spans[0])])
            or (not source and not _PASSIVE.search(cue or ""))
            or _apart(text, each)
        )
        if not (reported and unsaid):
            kept.append(number)
    place = {old: new for new, old in enumerate(kept)}
    return [
        replace(each, parent=place.get(each.parent) if each.parent is not None else None)
        for number, each in enumerate(attributions)
        if number in place and (each.parent is None or each.parent in place)
    ]


def _apart(text: str, each: Attribution) -> bool:
    """Whether a sentence ends between the cue and the content."""
    if each.cue is None:
        return True
    start, end = each.spans[0]
    gap = (each.cue[1], start) if each.cue[0] < start else (end, each.cue[0])
    return _SENTENCE_END.search(text, *gap) is not None
