"""Confident learning: which labels are probably wrong, from out-of-fold probabilities.

Northcutt, Jiang, Chuang: Confident learning: estimating uncertainty in dataset labels. JAIR 70, 2021. An item counts
as class j where its probability reaches the mean probability that the items labelled j have of being j; items that
count as another class than they are labelled are the off-diagonal of the confident joint.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tlstudio.doctor.reducing import Matrix

Ints = npt.NDArray[np.int64]
FEWEST = 5  # items of a class, below which nothing is said of their labels
_SURE = 0.8


class Suspects(NamedTuple):
    """Ranked, the most suspicious first. ``positions`` of items, the class that each ``looks`` like, its
    ``suspicion`` 0 to 1 (1/2: as probable as the given one), and the probabilities of ``given`` and ``other``.
    """

    positions: Ints
    looks: Ints
    suspicion: npt.NDArray[np.float64]
    given: Matrix
    other: Matrix


def suspicion(probabilities: Matrix, labels: Ints) -> npt.NDArray[np.float64]:
    """Of every item, ``(1 - margin) / 2``: margin is the probability of its label less the largest of the others."""
    rows = np.arange(len(labels))
    given = probabilities[rows, labels].astype(np.float64)
    others = probabilities.astype(np.float64)
    others[rows, labels] = -np.inf
    largest = others.max(1) if others.shape[1] > 1 else np.zeros(len(labels))
    return (1.0 - (given - largest)) / 2.0


def thresholds(probabilities: Matrix, labels: Ints) -> npt.NDArray[np.float64]:
    """Of each class, the mean of its probability among the items labelled so; above 1 where there are none."""
    count = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    items = np.bincount(labels, minlength=count)
    return np.where(items > 0, np.bincount(labels, own, minlength=count) / np.maximum(items, 1), 2.0)


def suspects(probabilities: Matrix, labels: Ints) -> Suspects:
    """The off-diagonal of the confident joint, without the items whose label is still the most probable one.

    ``probabilities [N, C]``, ``labels [N]``. No threshold is above ``_SURE``: where a data set is easy to learn, the
    mean is so high that wrong labels stay below it.
    """
    reached = probabilities >= np.minimum(thresholds(probabilities, labels), _SURE)[None, :]
    looks = np.where(reached, probabilities, -1.0).argmax(1)
    enough = np.bincount(labels, minlength=probabilities.shape[1]) >= FEWEST
    wrong = reached.any(1) & (looks != labels) & (probabilities.argmax(1) != labels) & enough[labels]
    return _ranked(np.flatnonzero(wrong), looks, suspicion(probabilities, labels), probabilities, labels)


def _ranked(
    positions: Ints, looks: Ints, score: npt.NDArray[np.float64], probabilities: Matrix, labels: Ints
) -> Suspects:
    positions = positions[np.argsort(-score[positions], kind="stable")]
    return Suspects(
        positions, looks[positions], score[positions],
        probabilities[positions, labels[positions]], probabilities[positions, looks[positions]],
    )  # fmt: skip


def robust_z(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distance from the median in units of 1.4826 times the median absolute deviation, column by column."""
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
    scale = np.where(spread > 0, spread, np.maximum(values.std(axis=0), 1e-12))
    return np.asarray((values - middle) / scale)
