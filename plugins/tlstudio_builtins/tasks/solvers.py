"""The best linear head on frozen features, its strength of L2 chosen on validation.

All minimise mean loss + λ/2 ‖W‖² on standardised features.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F

from tlstudio.api import SolveData, TrainingError
from tlstudio.training.modules import StandardizedLinear

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

STRENGTHS = tuple(10 ** (exponent / 2) for exponent in range(2, -11, -1))  # 10 down to 1e-5, 13 values
_DEFAULT = 0.01  # without validation samples
_ENOUGH = 3  # weaker ones in a row that were worse end the search

Targets = tuple[torch.Tensor, torch.Tensor]
Fit = Callable[[float], dict[str, torch.Tensor]]
Scores = Callable[[torch.Tensor, torch.Tensor], dict[str, float]]


def fit_logistic(
    head: StandardizedLinear, data: SolveData, l2: float = 0.0, weights: torch.Tensor | None = None,
    prior: torch.Tensor | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Multinomial logistic regression by L-BFGS; fits ``head`` in place, which holds the best solution so far.

    Yields ``l2, train_loss, train_accuracy, val_loss, val_accuracy, best``. With ``l2`` 0 it goes from strong to weak,
    each start being the last solution, and keeps the λ of the lowest validation loss; it ends when three weaker ones
    in a row were worse. Without validation samples λ is 0.01.

    ``weights [C]``: of each class. ``prior [C]``: ``log π``, which is taken from the biases at the end; since biases
    are not penalised that is the same as training with adjusted logits.
    """
    from sklearn.exceptions import ConvergenceWarning  # here: it is as much to import as half of torch
    from sklearn.linear_model import LogisticRegression

    features, targets = data.train
    present = torch.unique(targets)
    if len(present) < 2:
        raise TrainingError("The training split holds a single class; there is nothing to tell apart.")
    head.fit_scale(features)
    standardized = head.standardize(features).double().numpy()
    model = LogisticRegression(solver="lbfgs", warm_start=True, max_iter=500, tol=1e-4)
    sample_weights = None if weights is None else weights[targets].double().numpy()
    if sample_weights is not None:
        sample_weights *= len(sample_weights) / sample_weights.sum()

    def fit(strength: float) -> dict[str, torch.Tensor]:
        model.C = 1 / (strength * len(targets))
        with warnings.catch_warnings():
            # 500 iterations are near enough for a strength so weak that it does not converge: validation decides.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(standardized, targets.numpy(), sample_weights)
        return _linear(model, present, head.linear.out_features)

    def scores(outputs: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
        accuracy = float((outputs.argmax(1) == truth).float().mean())
        return {"loss": float(F.cross_entropy(outputs, truth)), "accuracy": accuracy}

    yield from _search(head, data, l2, fit, scores, prior)


def fit_labels(
    head: StandardizedLinear, data: SolveData, l2: float = 0.0, weights: torch.Tensor | None = None
) -> Iterator[dict[str, Any]]:
    """A logistic regression for each label, all at once by L-BFGS; ``weights [C]``: of samples that carry the label.

    Yields ``l2, train_loss, val_loss, best``; otherwise as :func:`fit_logistic`.
    """
    from scipy.optimize import minimize

    features, targets = data.train
    head.fit_scale(features)
    x = head.standardize(features).double()
    x = torch.cat([x, torch.ones(len(x), 1, dtype=torch.float64)], 1)
    y = targets.double()
    heavy = None if weights is None else weights.double()
    solution = np.zeros((y.shape[1], x.shape[1]))

    def fit(strength: float) -> dict[str, torch.Tensor]:
        def loss_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
            w = torch.from_numpy(flat.reshape(solution.shape)).requires_grad_(True)
            loss = F.binary_cross_entropy_with_logits(x @ w.T, y, pos_weight=heavy, reduction="sum") / len(y)
            loss = loss + strength / 2 * (w[:, :-1] ** 2).sum()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            assert w.grad is not None
            return float(loss.detach()), w.grad.numpy().reshape(-1)

        found = minimize(
            loss_and_slope, solution.reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": 300, "gtol": 1e-4}
        )
        solution[:] = found.x.reshape(solution.shape)
        w = torch.from_numpy(solution.copy()).float()
        return {"linear.weight": w[:, :-1].contiguous(), "linear.bias": w[:, -1].contiguous()}

    def scores(outputs: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
        return {"loss": float(F.binary_cross_entropy_with_logits(outputs, truth, pos_weight=weights))}

    yield from _search(head, data, l2, fit, scores)


def fit_ridge(head: StandardizedLinear, data: SolveData, l2: float = 0.0) -> Iterator[dict[str, Any]]:
    """Ridge regression of the standardised numbers, from one singular value decomposition.

    Yields ``l2, train_loss, val_loss`` (mean squared error in units of the training split's variance), ``best``.
    """
    features, targets = data.train
    head.fit_scale(features)
    scale, shift = (torch.tensor(part or [default]) for part, default in zip(head.scaling(), (1.0, 0.0), strict=True))
    x = head.standardize(features).double()
    y = ((targets - shift) / scale).double()
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    centre = y.mean(0)
    projected = u.T @ (y - centre)

    def fit(strength: float) -> dict[str, torch.Tensor]:
        w = (vh.T * (s / (s**2 + strength * len(y)))) @ projected
        return {"linear.weight": w.T.contiguous().float(), "linear.bias": (centre - x.mean(0) @ w).float()}

    def scores(outputs: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
        return {"loss": float((((outputs - truth) / scale) ** 2).mean())}

    yield from _search(head, data, l2, fit, scores)


@torch.no_grad()
def _evaluate(head: StandardizedLinear, data: Targets, scores: Scores, name: str) -> dict[str, float]:
    return {f"{name}_{key}": value for key, value in scores(head(data[0]), data[1]).items()}


def _search(
    head: StandardizedLinear, data: SolveData, l2: float, fit: Fit, scores: Scores, prior: torch.Tensor | None = None
) -> Iterator[dict[str, Any]]:
    validated = len(data.val[1]) > 0
    strengths = (l2,) if l2 else STRENGTHS if validated else (_DEFAULT,)
    candidate = StandardizedLinear(head.linear.in_features, head.linear.out_features, *head.scaling())
    best_loss, worse = float("inf"), 0
    for strength in strengths:
        candidate.load_state_dict({**head.state_dict(), **fit(strength)})
        values = {"l2": strength, **_evaluate(candidate, data.train, scores, "train")}
        if validated:
            values |= _evaluate(candidate, data.val, scores, "val")
        loss = values["val_loss" if validated else "train_loss"]
        better = loss < best_loss
        worse = 0 if better else worse + 1
        if better:
            best_loss = loss
            head.load_state_dict(candidate.state_dict())
            if prior is not None:
                with torch.no_grad():
                    head.linear.bias.sub_(prior)
        yield {**values, "best": better}
        if worse >= _ENOUGH:
            break


def _linear(model: "LogisticRegression", present: torch.Tensor, classes: int) -> dict[str, torch.Tensor]:
    """scikit-learn's coefficients as those of a linear layer; classes without a training sample stay far below."""
    coefficients = torch.from_numpy(model.coef_).float()
    intercept = torch.from_numpy(model.intercept_).float()
    if len(present) == 2:  # one row for two classes: logit of the second against the first
        coefficients = torch.cat([-coefficients, coefficients]) / 2
        intercept = torch.cat([-intercept, intercept]) / 2
    weight = torch.zeros(classes, coefficients.shape[1])
    bias = torch.full((classes,), -20.0)
    weight[present], bias[present] = coefficients, intercept
    return {"linear.weight": weight, "linear.bias": bias}
