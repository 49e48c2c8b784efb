"""How a sentence speaks of a target: a learned head on the states that the encoder computes anyway.

The head reads the words of one sentence from the hidden states after `model.LOWER` layers on, pools the tokens of each
target and of the sentence, and gives three probabilities, tempered so that they come true as often as they say on
news that it never saw. `pipeline.train` makes the file.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.annotate import model

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Span = tuple[int, int]

LABELS = ("negative", "neutral", "positive")
LONGEST = 256  # tokens of one sentence that are read; of a longer one those around the target's first mention


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
    parts = [reading.tokens(stretch) for stretch in stretches]
    starts = np.concatenate([tokens.starts for tokens, _, _ in parts])
    ends = np.concatenate([tokens.ends for tokens, _, _ in parts])
    states = np.concatenate([lower for _, lower, _ in parts])
    if len(starts) > LONGEST:
        middle = int(np.searchsorted(starts, min((start for spans in targets for start, _ in spans), default=0)))
        first = max(0, min(middle - LONGEST // 2, len(starts) - LONGEST))
        starts, ends, states = (column[first : first + LONGEST] for column in (starts, ends, states))
    shares = np.zeros((len(targets), 2, len(starts)), np.float32)
    for row, spans in enumerate(targets):
        for start, end in spans:
            shares[row, 0, (ends > start) & (starts < end)] = 1
    held = shares[:, 0].sum(1)
    if not held.any():
        return [None] * len(targets)
    shares[:, 0] /= np.maximum(held, 1)[:, None]
    shares[:, 1] = 1 / len(starts)
    session, temperature = head()
    (scores,) = session.run(["scores"], {"states": states[None].astype(np.float32), "shares": shares})
    scores = np.exp((scores - scores.max(1, keepdims=True)) / temperature)
    scores /= scores.sum(1, keepdims=True)
    return [Polarity(*row) if found else None for row, found in zip(scores.tolist(), held, strict=True)]


@cache
def head() -> tuple["InferenceSession", float]:
    """The session, and by what scores are divided to become probabilities."""
    model.verify(model.FOLDER)
    session = model.session((model.FOLDER / "polarity.onnx").read_bytes())
    return session, json.loads(session.get_modelmeta().custom_metadata_map["temperature"])
