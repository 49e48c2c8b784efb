"""Taking heads and inner units out of an encoder."""

import numpy as np
import pytest

from pipeline.train.narrow import solve

RANDOM = np.random.default_rng(7)


def error(inputs: np.ndarray, outputs: np.ndarray, kept: np.ndarray, weights: np.ndarray) -> float:
    """Squared distance from the outputs, as a part of theirs."""
    given = inputs[:, kept] @ weights[:-1] + weights[-1]
    return float(((given - outputs) ** 2).sum() / ((outputs - outputs.mean(0)) ** 2).sum())


@pytest.mark.parametrize("size", [1, 4])
def test_blocks_that_others_can_replace_go_first_and_nothing_is_lost(size: int) -> None:
    """Six blocks of which three are mixtures of the rest: with three left the outputs are the same."""
    own = RANDOM.normal(size=(4000, 3 * size))
    inputs = np.concatenate([own, own @ RANDOM.normal(size=(3 * size, 3 * size))], 1)
    outputs = inputs @ RANDOM.normal(size=(6 * size, 5)) + RANDOM.normal(size=5)

    kept, weights = solve([(inputs[:2500], outputs[:2500]), (inputs[2500:], outputs[2500:])], size, 3)

    assert len(kept) == 3 * size
    assert error(inputs, outputs, kept, weights) < 1e-3


def test_what_stays_is_fitted_to_what_went() -> None:
    """Where something is lost, the weights solved anew come nearer than the old ones of what stays."""
    inputs = RANDOM.normal(size=(4000, 64)) @ RANDOM.normal(size=(64, 64))
    old = RANDOM.normal(size=(64, 8))
    outputs = inputs @ old

    kept, weights = solve([(inputs, outputs)], 1, 48)

    fitted = error(inputs, outputs, kept, weights)
    assert fitted < 0.25 * error(inputs, outputs, kept, np.r_[old[kept], np.zeros((1, 8))])
    others = [np.sort(RANDOM.permutation(64)[:48]) for _ in range(20)]
    refitted = [np.linalg.lstsq(np.c_[inputs[:, o], np.ones(4000)], outputs, rcond=None)[0] for o in others]
    assert fitted < min(error(inputs, outputs, o, w) for o, w in zip(others, refitted, strict=True))
