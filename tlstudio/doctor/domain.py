"""Whether two sets of features can be told apart: the area under the curve of a classifier between the domains."""

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


class Shift(NamedTuple):
    """``auc`` with its 95 % interval; ``scores [n + m]``: the probability that an item belongs to the second side, of
    the items at ``positions`` (of the first side, then of the second).
    """

    auc: float
    low: float
    high: float
    scores: Matrix
    positions: npt.NDArray[np.int64]


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
    return Shift(auc(scores[side == 0], scores[side == 1]), low, high, scores, positions)


def auc(negative: Matrix, positive: Matrix) -> float:
    """The probability that a positive's score exceeds a negative's; ties count half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / (2 * max(1, len(negative))))


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
