"""The decoding of the tagger, fitted to articles that its weights never saw; its probabilities and figures."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.annotate import model
from pipeline.errors import PipelineError
from pipeline.evaluate.calibration import calibration_error
from pipeline.evaluate.counts import RELAXED, matches
from pipeline.train.examples import Example

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

_WORD = re.compile(r"\w+")

Scored = tuple[Example, list[tuple[model.Tokens, np.ndarray, np.ndarray]]]
"""An annotated article, and of each chunk the tokens, their tag scores and their link vectors."""


@dataclass(slots=True)
class Judged:
    """What a tagger found in some articles, one entry an attribution, with the verdicts.

    tagged  the attributions
    right   whether content is right: as a whole, relaxed
    named   whether the source is right, None where the content is not
    hits    pieces that match a piece of the gold, relaxed; beside it those with the right source
    gold    pieces of the gold
    """

    tagged: list[model.Tagged]
    right: list[bool]
    named: list[bool | None]
    hits: list[tuple[int, int, int]]
    gold: int

    def f1(self, threshold: float) -> tuple[float, float]:
        """Relaxed F1 of pieces, and with the right source, in percent, of what is at least so probable."""
        kept = [hit for one, hit in zip(self.tagged, self.hits, strict=True) if one.content_probability >= threshold]
        pieces, hits, named = (sum(column) for column in zip(*kept, strict=True)) if kept else (0, 0, 0)
        return 200 * hits / (pieces + self.gold), 200 * named / (pieces + self.gold)


def scored(session: "InferenceSession", tokenizer: "Tokenizer", examples: Iterable[Example]) -> list[Scored]:
    """Annotated articles with what the encoder says of them, before any decoding."""
    return [
        (
            one,
            [
                (tokens, *model.forward(session, tokens)[:2])
                for tokens in model.encode(tokenizer, one.text, one.lines, one.quoted)
            ],
        )
        for one in examples
    ]


def judged(decoding: model.Decoding, articles: Iterable[Scored]) -> Judged:
    """What the tagger finds in annotated articles, and what of it is right."""
    result = Judged([], [], [], [], 0)
    for one, chunks in articles:
        found = [tagged for chunk in chunks for tagged in model.decode(one.text, *chunk, decoding)]

        def words(spans: Iterable[Sequence[int]], text: str = one.text) -> frozenset[int]:
            return frozenset(word.start() for start, end in spans for word in _WORD.finditer(text, start, end))

        def same(tagged: model.Tagged, quote: dict[str, Any]) -> bool:
            spans = quote["speaker_spans"] or []
            if tagged.source is None:
                return not spans
            return any(start < tagged.source[1] and tagged.source[0] < end for start, end in spans)

        whole = {
            j: i
            for i, j in matches(
                [words(quote["spans"]) for quote in one.quotes], [words(t.spans) for t in found], RELAXED
            )
        }
        gold = [(words([span]), quote) for quote in one.quotes for span in quote["spans"]]
        said = [(words([span]), j) for j, tagged in enumerate(found) for span in tagged.spans]
        pairs = matches([tokens for tokens, _ in gold], [tokens for tokens, _ in said], RELAXED)
        hits, named = Counter[int](), Counter[int]()
        for i, j in pairs:
            hits[said[j][1]] += 1
            named[said[j][1]] += same(found[said[j][1]], gold[i][1])
        for j, tagged in enumerate(found):
            result.tagged.append(tagged)
            result.right.append(j in whole)
            result.named.append(same(tagged, one.quotes[whole[j]]) if j in whole else None)
            result.hits.append((len(tagged.spans), hits[j], named[j]))
        result.gold += len(gold)
    return result


def fitted(articles: Sequence[Scored]) -> model.Decoding:
    """The decoding that is best on held-out articles by the sum of both F1, its probabilities fitted to them.

    PipelineError where nothing that was found is right.
    """
    best, top = model.Decoding(), -1.0
    for outside in (-1.5, -1.0, -0.5, 0.0):
        tried = model.Decoding(outside=outside)
        seen = judged(tried, articles)
        named = [
            (one.evidence[1], right) for one, right in zip(seen.tagged, seen.named, strict=True) if right is not None
        ]
        if not named:
            raise PipelineError("none of the held-out articles' attributions was found: too little was trained")
        content = logistic([one.evidence[0] for one in seen.tagged], seen.right)
        tried = replace(tried, content=content, source=logistic(*zip(*named, strict=True)))
        seen = judged(tried, articles)
        for threshold in np.arange(0.0, 0.6, 0.02).round(2).tolist():
            both = sum(seen.f1(threshold))
            if both > top:
                top, best = both, replace(tried, threshold=threshold)
    return best


def logistic(evidence: Sequence[Sequence[float]], right: Sequence[bool], ridge: float = 1.0) -> tuple[float, ...]:
    """Weights of a logistic regression, the constant last, by Newton's method."""
    x = np.c_[np.asarray(evidence, float), np.ones(len(evidence))]
    y = np.asarray(right, float)
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(len(weights))
        weights += np.linalg.solve(hessian, x.T @ (y - p) - ridge * weights)
    return tuple(weights.round(4).tolist())


def report(decoding: model.Decoding, articles: Sequence[Scored]) -> dict[str, float]:
    """Figures on articles that nothing was fitted to."""
    seen = judged(decoding, articles)
    content, both = seen.f1(0.0)
    named = [
        (one.source_probability, right) for one, right in zip(seen.tagged, seen.named, strict=True) if right is not None
    ]
    return {
        "articles": len(articles),
        "content_relaxed_f1": round(content, 1),
        "content_and_source_f1": round(both, 1),
        "content_calibration_error": round(
            calibration_error([t.content_probability for t in seen.tagged], seen.right), 3
        ),
        "source_calibration_error": round(calibration_error(*zip(*named, strict=True)), 3),
    }
