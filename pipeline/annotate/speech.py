"""Whether a sentence passes on what somebody says: one probability from its words and what attribution found there.

Attribution finds who said which words; this head weighs that evidence with the sentence's hidden states in the one
encoder pass of the document. Four pools attend to the tokens that matter, a small layer joins them with the evidence.
`pipeline.train.speech` makes the weights.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from pipeline.annotate.article import Article
from pipeline.annotate.decision import spoken
from pipeline.annotate.model import FOLDER, Reading, Span
from pipeline.annotate.pinned import pinned
from pipeline.annotate.quotes import quoted_runs

if TYPE_CHECKING:
    from pipeline.annotate.attribution import Attribution

DIGEST = "0d0ff3e36b2bae915b7e43961ed2d5e0ffc211b2b43e0df9fbf0327231b29a70"
"""SHA-256 of `speech.npz` in `FOLDER`; `pipeline.train.speech` prints it."""
LONGEST = 96  # tokens of one sentence that are read
EVIDENCE = 25  # columns of `evidence`


@dataclass(frozen=True, slots=True)
class Head:
    """The learned weights; travels in `speech.npz`. States are lower and upper side by side, (tokens, 2 * WIDTH).

    centre, scale  of the evidence, (EVIDENCE,)
    look           states -> how much each pool attends to a token, constants in the last row, (2 * WIDTH + 1, pools)
    take           states -> what a pool takes of it, likewise, (2 * WIDTH + 1, taken)
    join           pools in a row and evidence -> inner layer, likewise, (pools * taken + EVIDENCE + 1, inner)
    tell           inner layer -> log odds, likewise, (inner + 1,)
    cut            log odds from which a sentence is said to pass something on
    """

    centre: np.ndarray
    scale: np.ndarray
    look: np.ndarray
    take: np.ndarray
    join: np.ndarray
    tell: np.ndarray
    cut: np.ndarray

    def logit(self, states: np.ndarray, found: np.ndarray) -> float:
        """The log odds of one sentence, from its tokens' states and its row of evidence."""
        states = states[:LONGEST].astype(np.float32)
        if not len(states):
            states = np.zeros((1, len(self.look) - 1), np.float32)
        weight = states @ self.look[:-1] + self.look[-1]
        weight = np.exp(weight - weight.max(0))
        pools = (weight / weight.sum(0)).T @ gelu(states @ self.take[:-1] + self.take[-1])
        joined = np.concatenate([pools.ravel(), (found - self.centre) / self.scale])
        inner = np.maximum(0, joined @ self.join[:-1] + self.join[-1])
        return float(inner @ self.tell[:-1] + self.tell[-1])


def gelu(x: np.ndarray) -> np.ndarray:
    """The Gaussian error linear unit, in its usual approximation by tanh."""
    return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def load(content: bytes) -> Head:
    """The head of a weights file."""
    with np.load(BytesIO(content), allow_pickle=False) as kept:
        return Head(**{name: kept[name].astype(np.float32) for name in Head.__slots__})


@cache
def _head() -> Head:
    return load(pinned(FOLDER / "speech.npz", DIGEST))


def passed_on(
    article: Article, attributions: Sequence["Attribution"], sentences: Sequence[Span], reading: Reading
) -> list[float]:
    """The probability of each sentence that it passes on what somebody says, so shifted that 0.5 is the best cut.

    attributions: all of the article, before `decision.spoken`. sentences: all, in order. reading: `read(article)`.
    StoreError where the weights are missing or changed.
    """
    head = _head()
    found = evidence(article, attributions, sentences)
    logits = [head.logit(states(reading, span), row) for span, row in zip(sentences, found, strict=True)]
    return [float(1 / (1 + np.exp(head.cut - logit))) for logit in logits]


def states(reading: Reading, span: Span) -> np.ndarray:
    """Lower and upper hidden states of a span's tokens, side by side."""
    return np.hstack(reading.states(span))


def evidence(article: Article, attributions: Sequence["Attribution"], sentences: Sequence[Span]) -> np.ndarray:
    """What attribution found in each sentence and where it stands, (sentences, EVIDENCE).

    For contents, cues, sources and quotations: the share of the sentence's code points that they hold, and whether they
    hold any. Then the confidence of the contents, the place in the document, and the length.
    """
    told = spoken(article.text, attributions)
    marked = [
        _marks(article, (span for each in attributions for span in each.spans)),
        _marks(article, (span for each in told for span in each.spans)),
        _marks(article, (span for each in attributions if each.mode != "indirect" for span in each.spans)),
        _marks(article, (each.cue for each in attributions if each.cue)),
        _marks(article, (each.source for each in attributions if each.source)),
        _marks(article, ((run.start, run.end) for run in quoted_runs(article) if run.parent is None)),
        _marks(article, (each.cue for each in told if each.cue)),
        _marks(article, (each.source for each in told if each.source)),
    ]
    sure = np.zeros(len(article.text) + 1, np.float32)
    for each in told:
        for start, end in each.spans:
            sure[start:end] = np.maximum(sure[start:end], each.confidence_span or 0)
    rows = np.zeros((len(sentences), EVIDENCE), np.float32)
    count = len(sentences)
    for number, (start, end) in enumerate(sentences):
        within = [mark[start:end] for mark in marked] if start < end else []
        rows[number] = [
            *([mark.mean() for mark in within] or [0.0] * 8),
            *([mark.any() for mark in within] or [0.0] * 8),
            sure[start : end or 1].max(initial=0),
            sure[start:end].mean() if start < end else 0,
            min(number, 10),
            number == 0,
            number == 1,
            number / count,
            np.log1p(count),
            np.log1p(end - start),
            number == count - 1,
        ]
    return rows


def _marks(article: Article, spans: Iterable[Span]) -> np.ndarray:
    """Which code points of the text the spans hold."""
    found = np.zeros(len(article.text) + 1, bool)
    for start, end in spans:
        found[start:end] = True
    return found
