"""Counts into scores, and spans into pairs: what every evaluation shares. All figures are percentages.

Spans match as sets of word tokens, one to one, best intersection over union first: `exact` 1, `relaxed` at least 0.8.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RELAXED = 0.8
WORD = re.compile(r"\w+")

Scores = dict[str, Any]
Row = Mapping[str, Any]


def f1(right_of_predicted: int, predicted: int, right_of_gold: int, gold: int) -> Scores:
    """Precision, recall and F1 from counts; 0 where there is nothing to count."""
    precision = right_of_predicted / predicted if predicted else 0.0
    recall = right_of_gold / gold if gold else 0.0
    both = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": percent(precision), "recall": percent(recall), "f1": percent(both), "gold": gold}


def labels(pairs: Iterable[tuple[set[str], set[str]]], names: Sequence[str]) -> Scores:
    """F1 of each label and their mean (macro-F1), from (gold, predicted) label sets."""
    hits, said, held = Counter[str](), Counter[str](), Counter[str]()
    for gold, predicted in pairs:
        hits.update(gold & predicted)
        said.update(predicted)
        held.update(gold)
    each = {name: f1(hits[name], said[name], hits[name], held[name])["f1"] for name in names if held[name]}
    return {"macro_f1": round(sum(each.values()) / len(each), 1) if each else 0.0, "labels": each}


def matches(gold: Sequence[frozenset[int]], predicted: Sequence[frozenset[int]], floor: float) -> list[tuple[int, int]]:
    """One-to-one pairs (gold, predicted) of token sets, best intersection over union first, none below `floor`."""
    holders = defaultdict(list)
    for j, tokens in enumerate(predicted):
        for token in tokens:
            holders[token].append(j)
    candidates = []
    for i, tokens in enumerate(gold):
        for j, shared in Counter(j for token in tokens for j in holders[token]).items():
            overlap = shared / (len(tokens) + len(predicted[j]) - shared)
            if overlap >= floor:
                candidates.append((-overlap, i, j))
    return one_to_one(candidates)


def one_to_one(candidates: Iterable[tuple[Any, ...]]) -> list[tuple[int, int]]:
    """Pairs (the last two of each candidate), least candidate first, each index used once."""
    pairs, firsts, seconds = [], set(), set()
    for *_, i, j in sorted(candidates):
        if i not in firsts and j not in seconds:
            firsts.add(i)
            seconds.add(j)
            pairs.append((i, j))
    return pairs


def tokens_of(text: str, spans: Iterable[Sequence[int]]) -> frozenset[int]:
    """The word tokens in the spans, by their first code point."""
    return frozenset(word.start() for start, end in spans for word in WORD.finditer(text, start, end))


def percent(share: float) -> float:
    """A share of 1 as a percentage, to one decimal."""
    return round(100 * share, 1)


def surname(name: str | None) -> str:
    """The last capitalised word before the first comma or bracket, folded: what two forms of a name have in common."""
    from pipeline.link import name_key

    head = re.split(r"[,(—–]", name or "")[0]
    capitals = [word for word in re.findall(r"[\w’'-]+", head) if word[0].isupper()]
    return name_key((capitals or [head])[-1]).rpartition(" ")[2]
