"""Scores of frozen features without training a network: evidence of a linear model, spread between classes, and what
the classes that a backbone was trained on say of the labels.

Rows are samples: features ``[N, D]``, targets ``[N, K]`` (one-hot for classes; the caller centres them).
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DIMENSIONS = 256  # features are reduced to these many principal components before the evidence is taken
_GRID, _REFINEMENTS = 121, 60


def prepared(features: npt.NDArray[np.float32], dimensions: int = DIMENSIONS) -> Floats:
    """Centred, scaled to unit variance (constant features dropped), and reduced to the principal ``dimensions``."""
    wide = features.astype(np.float64)
    wide = wide - wide.mean(0)
    spread = wide.std(0)
    kept = spread > 1e-9 * max(float(spread.max(initial=0.0)), 1e-300)
    wide = wide[:, kept] / spread[kept]
    if min(wide.shape) <= dimensions:
        return np.asarray(wide, np.float64)
    _, vectors = np.linalg.eigh(wide.T @ wide)
    reduced: Floats = wide @ vectors[:, ::-1][:, :dimensions]
    return reduced


def log_evidence(features: Floats, targets: Floats) -> Floats:
    """LogME (You et al. 2021, section 4): the log evidence per sample of ``y = F w + noise``, ``w ~ N(0, 1/a)``,
    ``noise ~ N(0, 1/b)``, at the best ``a`` and ``b``; one value for each column of ``targets``: ``[K]``.

    ``(k/2) log a + (N/2) log b - 1/2 sum_{i<=k} log(a + b s_i²) - b/2 |Fm - y|² - a/2 |m|² - N/2 log 2 pi``, by N, with
    k the rank of F (the released code takes D instead, which is wrong where N < D). For a fixed ratio ``a/b`` the best
    ``b`` is known in closed form, so that one number is searched: on a grid, then by golden section.
    """
    count = len(features)
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    rank = int((singular > max(features.shape) * np.finfo(np.float64).eps * max(singular.max(initial=0), 1e-300)).sum())
    squares = singular[:rank] ** 2
    found = []
    for target in targets.T:
        inside = (left[:, :rank].T @ target) ** 2
        outside = max(0.0, float(target @ target - inside.sum()))
        profile = functools.partial(_profile, squares=squares, inside=inside, outside=outside, count=count)
        found.append(_best(profile, squares))
    return np.array(found)


def _profile(ratios: Floats, squares: Floats, inside: Floats, outside: float, count: int) -> Floats:
    """Evidence per sample at each ``a/b`` (``[R]``), with the best ``b`` for it."""
    shrunk = ratios[:, None] / (ratios[:, None] + squares)
    misfit = np.maximum((inside * shrunk).sum(1) + outside, 1e-300)
    logs = np.log1p(squares / ratios[:, None]).sum(1)
    evidence: Floats = 0.5 * (np.log(count / misfit) - 1.0 - math.log(2 * math.pi) - logs / count)
    return evidence


def _best(profile: Callable[[Floats], Floats], squares: Floats) -> float:
    low, high = math.log(max(squares.min(initial=1.0), 1e-12)) - 14.0, math.log(squares.max(initial=1.0)) + 14.0
    grid = np.linspace(low, high, _GRID)
    values = profile(np.exp(grid))
    place = int(values.argmax())
    low, high = grid[max(0, place - 1)], grid[min(_GRID - 1, place + 1)]
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(_REFINEMENTS):
        inner = np.array([high - golden * (high - low), low + golden * (high - low)])
        first, second = profile(np.exp(inner))
        low, high = (low, inner[1]) if first > second else (inner[0], high)
    return float(max(profile(np.exp(np.array([(low + high) / 2])))[0], values.max()))


def h_score(features: Floats, labels: npt.NDArray[np.int64]) -> float:
    """``tr((cov F)⁻¹ (1 - α) cov E[F | y])`` with the Ledoit-Wolf shrunk covariance and its shrinkage α (Ibrahim,
    Ponomareva, Mazumder 2021, equation 4): how much of the spread lies between classes.
    """
    from sklearn.covariance import ledoit_wolf

    centred = features - features.mean(0)
    covariance, alpha = ledoit_wolf(centred, assume_centered=True)
    means = np.zeros_like(centred)
    for label in np.unique(labels):
        means[labels == label] = centred[labels == label].mean(0)
    between = means.T @ means / len(means)
    return float((1 - alpha) * np.trace(np.linalg.solve(covariance, between)))


def transrate(features: Floats, labels: npt.NDArray[np.int64], epsilon: float = 1e-4) -> float:
    """``R(F, ε) - Σ_y n_y/N R(F_y, ε)`` with the coding rate ``R(F, ε) = ½ log det(I + FᵀF / (N ε))`` of the centred
    features, in nats (Huang et al. 2022, section 3): how much the features say of the labels. With classes of one size
    it is what the authors' listing computes.
    """
    centred = features - features.mean(0)
    parts = [centred[labels == label] for label in np.unique(labels)]
    within = sum(len(part) / len(centred) * _coding_rate(part, epsilon) for part in parts)
    return _coding_rate(centred, epsilon) - within


def _coding_rate(rows: Floats, epsilon: float) -> float:
    gram = rows.T @ rows if rows.shape[0] >= rows.shape[1] else rows @ rows.T  # of one determinant
    return 0.5 * float(np.linalg.slogdet(np.eye(len(gram)) + gram / (len(rows) * epsilon))[1])


def leep(source: Floats, labels: npt.NDArray[np.int64]) -> float:
    """Mean over the items of ``log Σ_z P(y|z) θ(x)_z`` (Nguyen et al. 2020, equation 2): how well the labels follow
    from the probabilities ``source`` ``[N, Z]`` that the backbone's own classifier gives; 0 is the most. ``P(y|z)`` is
    the empirical one, of ``P(y, z) = 1/N Σ_{i: y_i = y} θ(x_i)_z``.
    """
    known, rows = np.unique(labels, return_inverse=True)
    joint = np.stack([source[rows == row].sum(0) for row in range(len(known))]) / len(source)
    alone = joint.sum(0)
    given = joint / np.where(alone > 0, alone, 1)
    expected = (given[rows] * source).sum(1)
    return float(np.log(np.maximum(expected, np.finfo(np.float64).tiny)).mean())


def nce(source: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> float:
    """``-H(Y|Z)``, the negative conditional entropy in nats of the labels given the classes ``source`` ``[N]`` that the
    backbone's own classifier takes the items for (Tran, Nguyen, Hassner 2019, equation 4); 0 is the most.
    """
    _, rows = np.unique(labels, return_inverse=True)
    _, columns = np.unique(source, return_inverse=True)
    joint = np.zeros((int(rows.max()) + 1, int(columns.max()) + 1))
    np.add.at(joint, (rows, columns), 1 / len(labels))
    there, at = joint > 0, np.nonzero(joint)[1]
    return float((joint[there] * np.log(joint[there] / joint.sum(0)[at])).sum())


def neighbours(
    known: npt.NDArray[np.float32], targets: Floats, asked: npt.NDArray[np.float32], count: int, temperature: float
) -> Floats:
    """Mean of the targets ``[N, K]`` of the ``count`` nearest by cosine, weighted by ``exp(cosine / temperature)``:
    ``[M, K]`` for ``asked`` ``[M, D]`` (Wu et al. 2018, section 3.4).
    """
    alike = _unit(asked) @ _unit(known).T
    count = min(count, len(known))
    nearest = np.argpartition(-alike, count - 1, axis=1)[:, :count]
    cosines = np.take_along_axis(alike, nearest, 1)
    weights = np.exp((cosines - cosines.max(1, keepdims=True)) / temperature)
    weights /= weights.sum(1, keepdims=True)
    means: Floats = (weights[:, :, None] * targets[nearest]).sum(1)
    return means


def _unit(rows: npt.NDArray[np.float32]) -> Floats:
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: Floats = wide / np.where(lengths > 0, lengths, 1)
    return unit
