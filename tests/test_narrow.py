"""Taking inner units out of an encoder."""

import numpy as np

from pipeline.train.narrow import solve

RANDOM = np.random.default_rng(7)


def error(inputs: np.ndarray, outputs: np.ndarray, kept: np.ndarray, weights: np.ndarray) -> float:
    """Squared distance from the outputs, as a part of theirs."""
    given = inputs[:, kept] @ weights[:-1] + weights[-1]
    return float(((given - outputs) ** 2).sum() / ((outputs - outputs.mean(0)) ** 2).sum())


def test_units_that_others_can_replace_go_first_and_nothing_is_lost() -> None:
    """Six units of which three are mixtures of the rest: with three left the outputs are the same."""
    own = RANDOM.normal(size=(4000, 3))
    inputs = np.concatenate([own, own @ RANDOM.normal(size=(3, 3))], 1)
    outputs = inputs @ RANDOM.normal(size=(6, 5)) + RANDOM.normal(size=5)

    kept, weights = solve([(inputs[:2500], outputs[:2500]), (inputs[2500:], outputs[2500:])], 3)

    assert len(kept) == 3
    assert error(inputs, outputs, kept, weights) < 1e-3


def test_what_stays_is_fitted_to_what_went() -> None:
    """Where something is lost, the weights solved anew come nearer than the old ones, and than those of other units."""
    inputs = RANDOM.normal(size=(4000, 64)) @ RANDOM.normal(size=(64, 64))
    old = RANDOM.normal(size=(64, 8))
    outputs = inputs @ old

    kept, weights = solve([(inputs, outputs)], 48)

    fitted = error(inputs, outputs, kept, weights)
    assert fitted < 0.25 * error(inputs, outputs, kept, np.r_[old[kept], np.zeros((1, 8))])
    others = [np.sort(RANDOM.permutation(64)[:48]) for _ in range(20)]
    refitted = [np.linalg.lstsq(np.c_[inputs[:, o], np.ones(4000)], outputs, rcond=None)[0] for o in others]
    assert fitted < min(error(inputs, outputs, o, w) for o, w in zip(others, refitted, strict=True))
