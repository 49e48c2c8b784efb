"""How a sentence speaks of a target: a learned encoder of its own, which sees the words of that sentence alone.

Its first layer reads the sentence once, the others once for each target, whose tokens are marked. It gives three
probabilities, fitted so that they come true as often as they say on news that it never saw. What it says depends on
the words that it is given, not on what stands around them. `pipeline.train` makes the file.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.annotate import model

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Span = tuple[int, int]

LABELS = ("negative", "neutral", "positive")
LONGEST = 256  # tokens read at once, special ones included; of a longer sentence those around the first mention


class Polarity(NamedTuple):
    """Probabilities of the three ways in which a sentence can speak of a target; they add up to 1."""

    negative: float
    neutral: float
    positive: float


def polarities(
    reading: model.Reading, stretches: Sequence[Span], targets: Sequence[Sequence[Span]]
) -> list[Polarity | None]:
    """How a sentence speaks of each target, given the spans of its mentions in it; None where no token holds one.

    `stretches` are the parts of the sentence that count, in order: all of it, or what one voice says.
    """
    ids, held = inputs([reading.words(stretch) for stretch in stretches], targets)
    found: list[Polarity | None] = [None] * len(targets)
    known = np.flatnonzero(held.any(1))
    if len(known):
        shares = scores(ids, held[known])
        shares = np.exp(shares - shares.max(1, keepdims=True))
        for number, row in zip(known.tolist(), (shares / shares.sum(1, keepdims=True)).tolist(), strict=True):
            found[number] = Polarity(*row)
    return found


def inputs(parts: Sequence[model.Tokens], targets: Sequence[Sequence[Span]]) -> tuple[np.ndarray, np.ndarray]:
    """The ids of a sentence, given in parts, with the special tokens; and which of them each target's mentions hold."""
    ids, starts, ends = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "starts", "ends"))
    limit = LONGEST - 2
    if len(ids) > limit:
        middle = int(np.searchsorted(starts, min((start for spans in targets for start, _ in spans), default=0)))
        first = max(0, min(middle - limit // 2, len(ids) - limit))
        ids, starts, ends = (column[first : first + limit] for column in (ids, starts, ends))
    held = np.zeros((len(targets), len(ids) + 2), bool)
    for row, spans in enumerate(targets):
        for start, end in spans:
            held[row, 1:-1] |= (ends > start) & (starts < end)
    return np.concatenate([[model.CLS], ids, [model.SEP]]), held


def scores(ids: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The logarithms of the probabilities of `LABELS`, up to a constant, for each row of `held`, (targets, LABELS)."""
    return head().run(["scores"], {"ids": ids[None], "held": held.astype(np.float32)})[0]


@cache
def head() -> "InferenceSession":
    """The session of the encoder."""
    model.verify(model.FOLDER)
    return model.session((model.FOLDER / "polarity.onnx").read_bytes())
