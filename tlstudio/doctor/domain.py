"""Whether two sets of features can be told apart: the area under the curve of a classifier between the domains, and
their maximum mean discrepancy.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tlstudio.api.events import Event
from tlstudio.doctor import crossval
from tlstudio.doctor.reducing import Matrix, principal, standardized
from tlstudio.doctor.stages import Stage

MOST = 5_000  # items of each side
FEWEST = 20
_COLUMNS = 64
_DRAWS = 500
_COMPARED = 500  # items of each side in the discrepancy, which looks at every pair of them


class Shift(NamedTuple):
    """``auc`` with its 95 % interval; ``scores [n + m]``: the probability that an item belongs to the second side, of
    the items at ``positions`` (of the first side, then of the second). ``mmd``: the squared maximum mean discrepancy,
    ``p``: how often as large a one comes of sides that are dealt at random.
    """

    auc: float
    low: float
    high: float
    scores: Matrix
    positions: npt.NDArray[np.int64]
    mmd: float
    p: float


def shift(
    first: Matrix, second: Matrix, bonds: npt.NDArray[np.int64], stage: Stage, key: str = "", seed: int = 0
) -> Generator[Event, None, Shift | None]:
    """``bonds [n + m]``: equal numbers belong together. ``None`` where a side has too few items."""
    if min(len(first), len(second)) < FEWEST:
        return None
    generator = np.random.default_rng(seed)
    mine = np.sort(generator.permutation(len(first))[:MOST])
    theirs = np.sort(generator.permutation(len(second))[:MOST])
    positions = np.concatenate([mine, theirs + len(first)])
    features = standardized(principal(np.concatenate([first[mine], second[theirs]]), _COLUMNS))
    side = np.repeat(np.array([0, 1]), [len(mine), len(theirs)])
    folds = crossval.deal([str(s) for s in side], bonds[positions])
    rows = yield from crossval.probabilities(features, side, folds, stage, key, balanced=True)
    scores = rows[:, 1]
    low, high = _interval(scores[side == 0], scores[side == 1], generator)
    found = auc(scores[side == 0], scores[side == 1])
    some = [generator.permutation(np.flatnonzero(side == s))[:_COMPARED] for s in (0, 1)]
    return Shift(found, low, high, scores, positions, *discrepancy(features[some[0]], features[some[1]], generator))


def auc(negative: Matrix, positive: Matrix) -> float:
    """The probability that a positive's score exceeds a negative's; ties count half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / (2 * max(1, len(negative))))


def discrepancy(first: Matrix, second: Matrix, generator: np.random.Generator) -> tuple[float, float]:
    """The unbiased estimate of MMD² (Gretton et al.: A Kernel Two-Sample Test. JMLR 2012, equation 3), and p by
    permutation. The kernel is exp(-d² / 2σ²) with the median distance as σ. ``[n, D]``, ``[m, D]``, n and m above 1.
    """
    rows = np.concatenate([first, second]).astype(np.float64)
    sizes = np.square(rows).sum(1)
    distances = np.maximum(sizes[:, None] + sizes - 2 * rows @ rows.T, 0)
    apart = distances[np.triu_indices(len(rows), 1)]
    kernel = np.exp(-distances / (2 * max(float(np.median(apart)), 1e-12)))
    np.fill_diagonal(kernel, 0)
    members = np.zeros((1 + _DRAWS, len(rows)))
    members[0, : len(first)] = 1
    for row in members[1:]:
        row[generator.permutation(len(rows))[: len(first)]] = 1
    n, m = len(first), len(second)
    inside = ((members @ kernel) * members).sum(1)
    outside = (((1 - members) @ kernel) * (1 - members)).sum(1)
    between = (kernel.sum() - inside - outside) / 2
    values = inside / (n * (n - 1)) + outside / (m * (m - 1)) - 2 * between / (n * m)
    return float(values[0]), float((values >= values[0] - 1e-12).mean())


def _interval(negative: Matrix, positive: Matrix, generator: np.random.Generator) -> tuple[float, float]:
    draws = [
        auc(
            negative[generator.integers(0, len(negative), len(negative))],
            positive[generator.integers(0, len(positive), len(positive))],
        )
        for _ in range(_DRAWS)
    ]
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)
