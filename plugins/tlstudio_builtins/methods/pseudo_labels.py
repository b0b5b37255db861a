"""Which samples without labels are given one: confidence, threshold, and a cap for each class. NumPy in float64.

Lee: Pseudo-Label. ICML Workshop 2013; temperature: Guo et al.: On Calibration of Modern Neural Networks. ICML 2017,
section 4.2; caps keep a class that the model is fond of from swallowing the others.
"""

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
_COOLEST, _HOTTEST = 0.05, 20.0  # temperatures that are looked at
_FEW = 10  # validation samples below which no temperature is fitted
LEAST = 10
"""New labels that any class may be given in a round, however few it has."""


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """``[N, C]`` to probabilities ``[N, C]``, each row adding up to 1."""
    z: Floats = np.asarray(logits, np.float64) / temperature
    z -= z.max(1, keepdims=True)
    e = np.exp(z)
    found: Floats = e / e.sum(1, keepdims=True)
    return found


def negative_log_likelihood(logits: npt.ArrayLike, targets: npt.ArrayLike, temperature: float = 1.0) -> float:
    """Mean over ``logits [N, C]`` and classes ``targets [N]``, in nats."""
    z: Floats = np.asarray(logits, np.float64) / temperature
    z = z - z.max(1, keepdims=True)
    of_truth = z[np.arange(len(z)), np.asarray(targets, np.int64)]
    return float((np.log(np.exp(z).sum(1)) - of_truth).mean())


def temperature_of(logits: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The T > 0 that minimises the mean of ``-log softmax(z / T)[y]`` over validation samples ``[N, C]``, ``[N]``.

    1 where there are fewer than ten of them. A model that is never wrong there has no best T (any cooler one is
    better), and is taken as it is, too.
    """
    z, y = np.asarray(logits, np.float64), np.asarray(targets, np.int64)
    if len(y) < _FEW or bool((z.argmax(1) == y).all()):
        return 1.0
    found = minimize_scalar(
        lambda log: negative_log_likelihood(z, y, math.exp(log)),
        bounds=(math.log(_COOLEST), math.log(_HOTTEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return math.exp(float(found.x))


def caps(class_counts: Sequence[int], share: float, least: int = LEAST) -> list[int]:
    """Of each class, how many new labels a round may give: ``max(least, share · n)`` of its ``n`` labelled samples."""
    return [max(least, math.floor(share * count)) for count in class_counts]


def select(
    probabilities: Floats, threshold: float, most: Sequence[int], barred: Collection[int] = ()
) -> tuple[Integers, Integers, Floats]:
    """Which rows of ``probabilities [N, C]`` are labelled: positions (rising), classes and confidences, ``[M]`` each.

    A row is taken whose largest probability is at least ``threshold``, of each class the ``most[c]`` surest (of equals
    the first); rows in ``barred`` never.
    """
    sure, guess = probabilities.max(1), probabilities.argmax(1)
    free = np.ones(len(probabilities), bool)
    free[np.fromiter(barred, np.int64, len(barred))] = False
    chosen: list[int] = []
    for label, cap in enumerate(most):
        rows = np.flatnonzero(free & (guess == label) & (sure >= threshold))
        chosen += rows[np.argsort(-sure[rows], kind="stable")[:cap]].tolist()
    positions = np.array(sorted(chosen), np.int64)
    return positions, guess[positions].astype(np.int64), sure[positions]
