"""Whether probabilities come true as often as they say, and how far scores would move with other rows."""

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.evaluate.counts import Scores, percent

BINS = 10  # of equal width
DRAWS = 2000  # of the bootstrap
SEED = 7


def calibration(judged: Iterable[tuple[float | None, bool]]) -> Scores:
    """Expected calibration error of (probability, came true): the mean distance of both, bin by bin.

    `error`, `mean` and `right` are shares of 1; `unmeasured` counts what carries no probability and enters nothing.
    """
    rows = list(judged)
    told = [(probability, true) for probability, true in rows if probability is not None]
    if not told:
        return {"error": None, "mean": None, "right": None, "judged": 0, "unmeasured": len(rows)}
    said, true = zip(*told, strict=True)
    return {
        "error": round(calibration_error(said, true), 3),
        "mean": round(float(np.mean(said)), 3),
        "right": round(float(np.mean(true)), 3),
        "judged": len(told),
        "unmeasured": len(rows) - len(told),
    }


def calibration_error(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error: distance of mean probability and share right, mean over the bins by what they hold.

    0 where there are no rows.
    """
    said, true = np.asarray(probabilities, float), np.asarray(right, float)
    slots = np.minimum((said * BINS).astype(int), BINS - 1)
    apart = np.bincount(slots, said, BINS) - np.bincount(slots, true, BINS)
    return float(np.abs(apart).sum()) / max(1, len(said))


def macro_f1_interval(pairs: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """95 % interval of the macro-F1 of (gold, predicted) labels, in percent: percentile bootstrap over the rows.

    Labels without gold among the rows drawn do not count, as in `counts.labels`. Drawing rows is drawing cells of the
    confusion matrix.
    """
    names = sorted({name for pair in pairs for name in pair})
    confusion = np.zeros((len(names), len(names)))
    for gold, said in pairs:
        confusion[names.index(gold), names.index(said)] += 1
    drawn = np.random.default_rng(SEED).multinomial(len(pairs), confusion.ravel() / len(pairs), DRAWS)
    drawn = drawn.reshape(DRAWS, *confusion.shape)
    held, hits = drawn.sum(2), np.diagonal(drawn, axis1=1, axis2=2)
    each = 2 * hits / np.maximum(1, held + drawn.sum(1))
    low, high = np.quantile((each * (held > 0)).sum(1) / (held > 0).sum(1), (0.025, 0.975))
    return percent(float(low)), percent(float(high))
