"""How an outlet stands to the persons, organisations and countries that a document speaks of.

Stance is read from the outlet's own voice alone, sentence by sentence, and added up for each target, with an interval.
It is what the text expresses toward the target, not belief, truth or quality. What others say of the target is added up
apart: whom an outlet quotes is a finding of its own.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pipeline.annotate.alignment import claim_stance, negates, withholds_belief
from pipeline.annotate.article import Article
from pipeline.annotate.lexicons import load
from pipeline.annotate.model import Reading
from pipeline.annotate.parse import Tree
from pipeline.annotate.polarity import Leaning, Pair, polarity, rules
from pipeline.annotate.targets import Target
from pipeline.annotate.voice import Voices, tokens, voices

if TYPE_CHECKING:
    from pipeline.annotate.attribution import Attribution

__all__ = ["Stance", "assess", "claim_stance", "interval", "negates", "withholds_belief"]

Span = tuple[int, int]

ENOUGH = 3  # sentences in the outlet's voice from which a target is assessed
AGREEING = 2  # sentences of one sign that a polarity needs
PRIOR = 3  # neutral sentences added to every target: shrinks the score by n / (n + 3)
SLACK = 0.05  # calibration error of one reading that the interval allows for
SHOWN = 12  # spans of evidence of one row at most

_CONFIDENCE = load("stance").weights["confidence"]


@dataclass(frozen=True, slots=True)
class Stance:
    """One row of `stances` without its keys; fields as in the schema, `evidence` as half-open spans."""

    target: str
    target_kind: str
    polarity: str
    score: float | None
    score_low: float | None
    score_high: float | None
    sentences_outlet: int
    sentences_attributed: int
    sentences_negative: int | None
    sentences_positive: int | None
    evidence: tuple[Span, ...]
    quote_selection: float | None
    confidence: float | None


def assess(
    article: Article,
    t: Tree,
    attributions: Sequence["Attribution"],
    targets: Sequence[Target],
) -> list[Stance]:
    """The outlet's stance in one article toward each target, in the order of `targets`.

    t: `parse(article.text)`. attributions: what the article reports others to have said; they tell what others say of
    a target. What the outlet itself says is told sentence by sentence and read by itself, so that it stays the same
    whatever is quoted around it.
    """
    if not targets:
        return []
    voice = voices(article, t, [each for each in attributions if each.mode == "direct"])
    heard_voice = voices(article, t, attributions)
    pairs = [(list(_own(t, voice, target)), list(_others(t, heard_voice, target))) for target in targets]
    told = [pair for own, _ in pairs if len(own) >= ENOUGH for pair in own]
    read = iter(polarity(t, told, _alone(article, t, told)))
    heard = iter(polarity(t, [pair for _, others in pairs if len(others) >= ENOUGH for pair in others], None))
    found = []
    for target, (own, others) in zip(targets, pairs, strict=True):
        leanings = [next(read) for _ in own] if len(own) >= ENOUGH else None
        quoted = [next(heard) for _ in others] if len(others) >= ENOUGH else None
        counts = {"sentences_outlet": len(own), "sentences_attributed": len(others)}
        found.append(Stance(target=target.name, target_kind=target.kind, **counts, **_told(leanings, quoted, t)))
    return found


def _alone(article: Article, t: Tree, pairs: Sequence[Pair]) -> Reading | None:
    """What the outlet says of its targets, as the encoder reads it without the rest; None where that is nothing."""
    spans: list[Span] = []
    for first, last in sorted({run for pair in pairs for run in _runs(pair)}):
        if not spans or t.start[first] >= spans[-1][1]:
            spans.append((t.start[first], t.end[last]))
    return Reading(article.text, spans, ()) if spans else None


def _runs(pair: Pair) -> Iterator[tuple[int, int]]:
    """First and last token of each run of a sentence's tokens that count."""
    kept = [i for i in pair.sentence if i not in pair.hidden]
    for _, run in groupby(enumerate(kept), key=lambda place: place[1] - place[0]):
        tokens = [i for _, i in run]
        yield tokens[0], tokens[-1]


def _mentioning(t: Tree, voice: Voices, target: Target) -> Iterator[tuple[range, frozenset[int]]]:
    """Each sentence with the tokens that mention the target; a repeated headline counts once."""
    named: dict[int, set[int]] = {}
    for i in tokens(t, target.mentions):
        named.setdefault(t.sentence[i], set()).add(i)
    seen: set[tuple[str, ...]] = set()
    for number, here in sorted(named.items()):
        sentence = voice.sentences[number]
        words = tuple(t.low[sentence.start : sentence.stop])
        if words not in seen:
            seen.add(words)
            yield sentence, frozenset(here)


def _own(t: Tree, voice: Voices, target: Target) -> Iterator[Pair]:
    """Sentences in which the outlet itself speaks of the target, not only of who says something.

    A hostile name inside what somebody praises is the outlet's: who praises does not call it that.
    """
    for sentence, here in _mentioning(t, voice, target):
        hidden = voice.foreign.intersection(sentence)
        person = target.kind == "person"
        pair = Pair(sentence, here - voice.foreign, hidden, voice.scare.intersection(sentence), person)
        if pair.target - voice.frame or any(True for _ in rules(t, pair)):
            yield pair
        elif praised := here & voice.praised:
            named = frozenset(i for i, kind, sign in rules(t, Pair(sentence, praised)) if kind == "naming" and sign < 0)
            if named := named & voice.praised:
                yield Pair(sentence, praised, hidden - praised - named, person=person)


def _others(t: Tree, voice: Voices, target: Target) -> Iterator[Pair]:
    """Sentences in which somebody else speaks of the target."""
    for sentence, here in _mentioning(t, voice, target):
        if not here.isdisjoint(voice.foreign):
            yield Pair(sentence, here & voice.foreign, frozenset(sentence) - voice.foreign)


def _told(own: Sequence[Leaning] | None, others: Sequence[Leaning] | None, t: Tree) -> dict[str, Any]:
    """What the sentences of the outlet and of others add up to; None stands for fewer than `ENOUGH`."""
    selection = round(sum(one.balance for one in others) / len(others), 6) if others else None
    if own is None:
        nothing = dict.fromkeys(("score", "score_low", "score_high", "sentences_negative", "sentences_positive"))
        return {"polarity": "insufficient", "evidence": (), "confidence": None, "quote_selection": selection, **nothing}
    negative = sum(one.sign < 0 for one in own)
    positive = sum(one.sign > 0 for one in own)
    score, low, high = interval([one.balance for one in own])
    if negative >= AGREEING and positive >= AGREEING:
        polarity = "mixed"
    elif negative >= AGREEING and high < 0:
        polarity = "negative"
    elif positive >= AGREEING and low > 0:
        polarity = "positive"
    else:
        polarity = "neutral"
    decided = {"negative": (-1,), "positive": (1,)}.get(polarity, (-1, 1))
    words = [word for one in own if one.sign in decided for word in one.evidence]
    words.sort(key=lambda word: (-word[1], word[0]))
    return {
        "polarity": polarity,
        "score": score,
        "score_low": low,
        "score_high": high,
        "sentences_negative": negative,
        "sentences_positive": positive,
        "evidence": tuple((t.start[i], t.end[i]) for i, _ in words[:SHOWN]),
        "quote_selection": selection,
        "confidence": _CONFIDENCE.get(polarity),
    }


def interval(signs: Sequence[float]) -> tuple[float, float, float]:
    """Score and its 95 % interval from what each sentence expresses: positive less negative probability, in [-1, 1].

    The score is their mean after `PRIOR` sentences that express nothing are added: the mean shrunk by n / (n + PRIOR).
    The interval is that of the bootstrap over the sentences, in its normal limit, which needs no chance: 1.96 standard
    errors to both sides, shrunk likewise. No sentence is taken to be read better than to `SLACK`.
    """
    n = len(signs)
    mean = sum(signs) / n
    spread = math.sqrt(sum((sign - mean) ** 2 for sign in signs) / n + SLACK * SLACK)
    shrunk, half = n / (n + PRIOR), 1.96 * spread / math.sqrt(n)
    low, high = max(-1.0, mean - half), min(1.0, mean + half)
    return round(mean * shrunk, 6), round(low * shrunk, 6), round(high * shrunk, 6)
