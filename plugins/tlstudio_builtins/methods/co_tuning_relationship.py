"""The category relationship p(y_s | y_t) of Co-Tuning, and its loss. K classes of the source, C of the target."""

import math
import warnings

import numpy as np
import torch

TEMPERATURES = tuple(2 ** (quarter / 4) for quarter in range(-8, 9))  # 1/4 to 4
STRENGTHS = tuple(10.0**exponent for exponent in range(4, -5, -1))  # C of scikit-learn, as in the authors' code
MOST = 10_000  # samples that are enough to choose a temperature, or to fit a linear classifier
_AT_ONCE = 4096
_WIDEST = 100.0  # of the factor by which a classifier's logits are calibrated

Labelled = tuple[torch.Tensor, torch.Tensor]
"""Logits ``[N, K]`` of the source's classes and labels ``[N]`` of the target's, 0 to C - 1."""


def probabilities(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """``softmax(z / T)`` of each row, float64 ``[N, K]``."""
    return (logits.double() / temperature).softmax(1)


def source_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the source head's softmax against ``wanted [N, K]``, rows of the relationship, as the mean over
    a batch (You et al. 2020, section 3); in float32 at least.
    """
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return -(wanted * precise.log_softmax(1)).sum(1).mean()


def direct(logits: torch.Tensor, labels: torch.Tensor, classes: int, temperature: float) -> torch.Tensor:
    """p(y_s | y_t), ``[C, K]``: the mean of the source's probabilities over each class of the target (section 3). A
    class without samples gets the mean over all.
    """
    total = torch.zeros(classes, logits.shape[1], dtype=torch.float64)
    for start in range(0, len(labels), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        total.index_add_(0, labels[rows], probabilities(logits[rows], temperature))
    counts = torch.bincount(labels, minlength=classes)[:, None]
    return torch.where(counts > 0, total / counts.clamp_min(1), total.sum(0) / len(labels))


def reverse(fit: Labelled, held: Labelled, classes: int, temperature: float) -> torch.Tensor:
    """p(y_s | y_t), ``[C, K]``, by Bayes' rule from p(y_t | y_s) and the mean p(y_s) of ``fit`` (section 3).

    p(y_t | y_s) is a softmax regression without intercept from the source's probabilities to the labels, asked about
    each source class alone. Its logits are scaled for the lowest loss on ``held``, and its strength is the one with the
    highest accuracy there, of several the one with the lowest loss. Without ``held`` it is 1, and nothing is scaled.
    """
    fit, held = _some(*fit), _some(*held)
    given, asked = probabilities(fit[0], temperature), probabilities(held[0], temperature)
    marginal = given.mean(0)
    best, highest = torch.zeros(classes, given.shape[1], dtype=torch.float64), (-1.0, 0.0)
    for strength in STRENGTHS if len(held[1]) else (1.0,):
        weight = _regression(given.numpy(), fit[1].numpy(), classes, strength)
        factor, accuracy, loss = _calibrated(asked @ weight.T, held[1])
        if (accuracy, -loss) > highest:
            best, highest = weight * factor, (accuracy, -loss)
    absent = torch.bincount(fit[1], minlength=classes) == 0
    joint = best.T.masked_fill(absent, -math.inf).softmax(1) * marginal[:, None]
    joint[:, absent] = marginal[:, None]
    return joint.T / joint.sum(0)[:, None]


def held_out_loss(fit: Labelled, held: Labelled, classes: int, temperature: float) -> float:
    """Mean of ``-log Σ_s p(y_t | y_s) p(y_s | x)`` over ``held``, where p(y_t | y_s) is what :func:`direct` says of
    ``fit``, turned round: how well the source's classes, so calibrated, tell those of the target (as LEEP does, Nguyen
    et al. 2020, equation 2, but on samples that were not fitted).
    """
    share = torch.bincount(fit[1], minlength=classes).double() / len(fit[1])
    joint = direct(*fit, classes, temperature) * share[:, None]
    told = probabilities(held[0], temperature) @ (joint / joint.sum(0).clamp_min(1e-300)).T
    return float(-told.gather(1, held[1][:, None]).clamp_min(1e-12).log().mean())


def best_temperature(fit: Labelled, held: Labelled, classes: int) -> float:
    """The one of ``TEMPERATURES`` with the lowest :func:`held_out_loss`; 1 where nothing is held out."""
    if not len(fit[1]) or not len(held[1]):
        return 1.0
    fit, held = _some(*fit), _some(*held)
    return min(TEMPERATURES, key=lambda temperature: held_out_loss(fit, held, classes, temperature))


def _some(logits: torch.Tensor, labels: torch.Tensor) -> Labelled:
    step = max(1, -(-len(labels) // MOST))
    return logits[::step], labels[::step]


def _regression(given: np.ndarray, labels: np.ndarray, classes: int, strength: float) -> torch.Tensor:
    """Weights ``[C, K]``; those of a class that does not occur are 0."""
    from sklearn.exceptions import ConvergenceWarning  # here: it is as much to import as half of torch
    from sklearn.linear_model import LogisticRegression

    weight = torch.zeros(classes, given.shape[1], dtype=torch.float64)
    present = np.unique(labels)
    if len(present) < 2:
        return weight
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is held out decides
        model.fit(given, labels)
    found = torch.from_numpy(model.coef_)
    weight[torch.from_numpy(present)] = torch.cat([-found, found]) / 2 if len(present) == 2 else found
    return weight


def _calibrated(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float, float]:
    """The factor on ``logits [N, C]`` with the lowest cross-entropy (Guo et al. 2017, section 4.2), accuracy, and that
    cross-entropy.
    """
    if not len(labels):
        return 1.0, 0.0, 0.0
    from scipy.optimize import minimize_scalar

    def loss(exponent: float) -> float:
        return float(torch.nn.functional.cross_entropy(logits * math.exp(exponent), labels))

    widest = math.log(_WIDEST)
    found = minimize_scalar(loss, bounds=(-widest, widest), method="bounded")
    return math.exp(float(found.x)), float((logits.argmax(1) == labels).double().mean()), float(found.fun)
