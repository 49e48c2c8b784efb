"""Whose words the tokens of a document are: the outlet's own, or those of somebody whom it quotes or reports.

The outlet answers for what it says itself, for its headlines, and for the words that it puts in scare quotes. It does
not answer for quotations, for what it reports that others say, believe or fear, and for what they praise or condemn
("Solt hailed the accord", "their criticism of the accord").
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pipeline.annotate import cues
from pipeline.annotate.article import Article
from pipeline.annotate.lexicons import load
from pipeline.annotate.parse import Tree
from pipeline.annotate.quotes import SCARE_WORDS, quoted_runs

if TYPE_CHECKING:
    from pipeline.annotate.attribution import Attribution

Span = tuple[int, int]

_W = load("stance").words
_OBJECTS = frozenset(("dobj", "oprd", "ccomp", "prep", "dative", "obj"))
_SUBJECTS = frozenset(("nsubj", "nsubjpass"))


@dataclass(frozen=True, slots=True)
class Voices:
    """The tokens of a document by voice, as indexes into its tree.

    sentences  the tokens of each sentence
    quoted     inside quotation marks, scare quotes and titles of works excepted
    scare      inside scare quotes: the outlet's own distance to the words
    foreign    words that the outlet does not answer for: `quoted`, what it reports, and what others evaluate
    praised    the part of `foreign` that is only somebody's praise, in the outlet's words
    frame      sources and cues: words of the outlet's that only tell who speaks
    """

    sentences: list[range]
    quoted: frozenset[int]
    scare: frozenset[int]
    foreign: frozenset[int]
    praised: frozenset[int]
    frame: frozenset[int]


def voices(article: Article, t: Tree, attributions: Sequence["Attribution"]) -> Voices:
    """Tell the voices of a document apart; `attributions` are what it reports others to have said."""
    quoted, scare = marked(article, t)
    praise, report = [], []
    for each in attributions:
        praises = each.cue is not None and not _W["praises"].isdisjoint(article.text[slice(*each.cue)].lower().split())
        (praise if praises else report).extend(each.spans)
    reported, praised = tokens(t, report), set(tokens(t, praise))
    told = tokens(t, (span for each in attributions for span in (each.cue, each.source) if span is not None))
    judged, speaking = set(praised), set[int]()
    watched = _watched()
    for i, word in enumerate(t.low):
        if word in watched and i not in quoted:
            held = list(_judged(t, i))
            judged.update(held)
            if word in _W["praises"]:
                praised.update(held)
            speaking.update(_speaking(t, i))
    return Voices(
        sentences=t.sentences(),
        quoted=quoted,
        scare=scare,
        foreign=quoted | reported | judged,
        praised=frozenset(praised) - quoted - reported,
        frame=told | speaking,
    )


@cache
def _watched() -> frozenset[str]:
    """The words that may part voices: verbs of saying, believing, praising and blaming, and nouns of evaluation."""
    return frozenset(cues.lexicon()).union(
        {"according"}, *(_W[group] for group in ("praises", "blames", "believes", "evaluation"))
    )


def marked(article: Article, t: Tree) -> tuple[frozenset[int], frozenset[int]]:
    """Tokens inside quotations and longer titles, and inside scare quotes: at most `quotes.SCARE_WORDS` words."""
    runs = quoted_runs(article)
    long = (run for run in runs if run.kind == "speech" or article.text.count(" ", run.start, run.end) >= SCARE_WORDS)
    quoted = tokens(t, ((run.start, run.end) for run in long))
    return quoted, tokens(t, ((run.start, run.end) for run in runs if run.kind == "phrase")) - quoted


def tokens(t: Tree, spans: Iterable[Span]) -> frozenset[int]:
    """The tokens that share a code point with any of the spans."""
    return frozenset().union(*(range(bisect_right(t.end, start), bisect_left(t.start, end)) for start, end in spans))


def _judged(t: Tree, i: int) -> Iterator[int]:
    """A word by which somebody in the text evaluates or believes something, and what is evaluated or believed."""
    word = t.low[i]
    if t.tag[i].startswith("VB"):
        if word in _W["praises"] or word in _W["blames"]:
            yield i
            passive = any(t.dep[kid] in ("nsubjpass", "auxpass") for kid in t.kids[i])
            for kid in t.kids[i]:
                if t.dep[kid] in _OBJECTS or (passive and t.dep[kid] == "nsubjpass"):
                    yield from range(t.left[kid], t.right[kid] + 1)
        elif word in _W["believes"] or word in cues.lexicon():
            cue = cues.lexicon().get(word)
            held = ("ccomp", "dobj") if cue is not None and "obj" in cue.complements else ("ccomp",)
            if any(t.dep[kid] in _SUBJECTS and t.low[kid] not in _W["outlet"] for kid in t.kids[i]):
                for kid in t.kids[i]:
                    if t.dep[kid] in held:
                        yield from range(t.left[kid], t.right[kid] + 1)
    elif word in _W["evaluation"] and t.tag[i].startswith("NN"):
        yield i
        for kid in t.kids[i]:
            if t.dep[kid] in ("prep", "acl") and t.low[kid] not in ("by", "from"):
                yield from range(t.left[kid], t.right[kid] + 1)


def _speaking(t: Tree, i: int) -> Iterator[int]:
    """The subject of a verb of saying and the verb, whether or not anything follows that was said."""
    if t.low[i] in cues.lexicon() and t.tag[i].startswith("VB"):
        for kid in t.kids[i]:
            if t.dep[kid] == "nsubj" or (t.dep[kid] == "agent" and t.low[kid] == "by"):
                yield i
                yield from range(t.left[kid], t.right[kid] + 1)
    elif t.low[i] == "according":
        yield from range(t.left[i], t.right[i] + 1)
