"""The best linear head on frozen features: multinomial logistic regression by L-BFGS, L2 chosen on validation."""

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from tlstudio.api import SolveData, TrainingError
from tlstudio.training.modules import StandardizedLinear

STRENGTHS = tuple(10 ** (exponent / 2) for exponent in range(2, -11, -1))  # 10 down to 1e-5, 13 values


def fit_logistic(head: StandardizedLinear, data: SolveData, l2: float = 0.0) -> Iterator[dict[str, Any]]:
    """Fits ``head`` in place, which holds the best solution so far at every yield.

    Yields ``l2, train_loss, train_accuracy, val_loss, val_accuracy, best``.

    Minimises mean cross-entropy + λ/2 ‖W‖². With ``l2`` 0 it goes from strong to weak, each start being the last
    solution, and keeps the λ of the lowest validation loss; it ends when three weaker ones in a row were worse.
    Without validation samples λ is 0.01.
    """
    features, targets = data.train
    validated = len(data.val[1]) > 0
    strengths = (l2,) if l2 else STRENGTHS if validated else (0.01,)
    present = torch.unique(targets)
    if len(present) < 2:
        raise TrainingError("The training split holds a single class; there is nothing to tell apart.")
    head.fit_scale(features)
    standardized = ((features - head.mean) / head.std).double().numpy()
    model = LogisticRegression(solver="lbfgs", warm_start=True, max_iter=500, tol=1e-4)
    best_loss, worse = float("inf"), 0
    for strength in strengths:
        model.C = 1 / (strength * len(targets))
        with warnings.catch_warnings():
            # 500 iterations are near enough for a strength so weak that it does not converge: validation decides.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(standardized, targets.numpy())
        candidate = StandardizedLinear(features.shape[1], head.linear.out_features)
        candidate.load_state_dict({**head.state_dict(), **_linear(model, present, head.linear.out_features)})
        values = {"l2": strength, **_scores(candidate, data.train, "train")}
        loss = values["train_loss"]
        if validated:
            values |= _scores(candidate, data.val, "val")
            loss = values["val_loss"]
        better = loss < best_loss
        worse = 0 if better else worse + 1
        if better:
            best_loss = loss
            head.load_state_dict(candidate.state_dict())
        yield {**values, "best": better}
        if worse >= 3:
            break


def _linear(model: LogisticRegression, present: torch.Tensor, classes: int) -> dict[str, torch.Tensor]:
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


@torch.inference_mode()
def _scores(head: StandardizedLinear, data: tuple[torch.Tensor, torch.Tensor], name: str) -> dict[str, float]:
    logits = head(data[0])
    return {
        f"{name}_loss": float(F.cross_entropy(logits, data[1])),
        f"{name}_accuracy": float((logits.argmax(1) == data[1]).float().mean()),
    }
