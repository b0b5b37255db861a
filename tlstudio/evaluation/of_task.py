"""What is known of a split by its task: intervals of the standard metrics, and figures of each class or number."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.task import TaskInfo
from tlstudio.evaluation import bootstrap, intervals
from tlstudio.evaluation.per_item import THRESHOLD, sigmoid, softmax

Floats = npt.NDArray[np.float64]
_BOOTSTRAP = "95 %: percentile bootstrap over items"


@dataclasses.dataclass(frozen=True)
class OfTask:
    """``details`` go into the entry of ``results.json``; ``random`` has drawn what ``intervals`` needed."""

    intervals: dict[str, intervals.Interval]
    interval: str
    details: dict[str, Any]
    random: np.random.Generator


def of_task(
    task: str, outputs: npt.NDArray[Any], targets: npt.NDArray[Any], info: TaskInfo, random: np.random.Generator
) -> OfTask:
    """``outputs`` finite, and otherwise as in :func:`tlstudio.evaluation.evaluate_predictions`."""
    match task:
        case "classification":
            return _classes(outputs, targets, info, random)
        case "multilabel":
            return _labels(sigmoid(outputs), targets > 0.5, info, random)
        case "regression":
            return _numbers(outputs.astype(np.float64), targets.astype(np.float64), info, random)
        case "segmentation":
            return _pixels(outputs.astype(np.float64), info, random)
    return OfTask({}, _BOOTSTRAP, {}, random)


def _classes(
    outputs: npt.NDArray[Any], targets: npt.NDArray[np.int64], info: TaskInfo, random: np.random.Generator
) -> OfTask:
    classes = outputs.shape[1]
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (targets, outputs.argmax(1)), 1)
    known = intervals.of_confusion(confusion, random) | intervals.of_curves(softmax(outputs), targets, random)
    known["accuracy"] = intervals.wilson(int(np.trace(confusion)), len(targets))
    rows = _per_class(np.diag(confusion), confusion.sum(1), confusion.sum(0), info.class_names)
    words = "95 %: Wilson for accuracy, percentile bootstrap over items for the others"
    return OfTask(known, words, {"confusion": confusion.tolist(), "per_class": rows}, random)


def _labels(shares: Floats, truth: npt.NDArray[np.bool_], info: TaskInfo, random: np.random.Generator) -> OfTask:
    given = shares >= THRESHOLD
    known = bootstrap.of_labels(given, truth, random) | intervals.of_positives(shares, truth, random)
    exact = (given == truth).all(1)
    known["accuracy"] = intervals.wilson(int(exact.sum()), len(exact))
    rows = _per_class((given & truth).sum(0), truth.sum(0), given.sum(0), info.class_names)
    for index, row in enumerate(rows):
        row["pr_auc"] = _average_precision(shares[:, index], truth[:, index])
        row["predicted"] = int(given[:, index].sum())
    together = truth.T.astype(np.int64) @ truth.astype(np.int64)
    words = "95 %: Wilson for accuracy, percentile bootstrap over items for the others"
    return OfTask(known, words, {"per_class": rows, "together": together.tolist(), "threshold": THRESHOLD}, random)


def _numbers(outputs: Floats, truth: Floats, info: TaskInfo, random: np.random.Generator) -> OfTask:
    error = outputs - truth
    variance = truth.var(0)
    rows = [
        {
            "name": name,
            "mae": float(np.abs(error[:, i]).mean()),
            "rmse": float(np.sqrt((error[:, i] ** 2).mean())),
            "r2": float(1 - (error[:, i] ** 2).mean() / variance[i]) if variance[i] > 0 else None,
            "bias": float(error[:, i].mean()),
            "mean": float(truth[:, i].mean()),
        }
        for i, name in enumerate(info.class_names)
    ]
    return OfTask(bootstrap.of_numbers(outputs, truth, random), _BOOTSTRAP, {"per_target": rows}, random)


def _pixels(confusions: Floats, info: TaskInfo, random: np.random.Generator) -> OfTask:
    whole = confusions.sum(0)
    right, truth, predicted = np.diag(whole), whole.sum(1), whole.sum(0)
    total = max(float(truth.sum()), 1.0)
    rows = [
        {
            "name": name,
            "iou": float(right[i] / (truth[i] + predicted[i] - right[i])) if truth[i] else None,
            "dice": float(2 * right[i] / (truth[i] + predicted[i])) if truth[i] else None,
            "share": float(truth[i] / total),
            "predicted_share": float(predicted[i] / total),
        }
        for i, name in enumerate(info.class_names)
    ]
    details = {"per_class": rows, "confusion": np.rint(whole).astype(np.int64).tolist()}
    return OfTask(bootstrap.of_pixels(confusions, random), _BOOTSTRAP, details, random)


def _per_class(
    right: npt.NDArray[Any], truth: npt.NDArray[Any], predicted: npt.NDArray[Any], class_names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Precision is 0 for a class that is never predicted; recall and F1 of a class without items are None."""
    return [
        {
            "name": name,
            "precision": float(right[i] / predicted[i]) if predicted[i] else 0.0,
            "recall": float(right[i] / truth[i]) if truth[i] else None,
            "f1": float(2 * right[i] / (truth[i] + predicted[i])) if truth[i] else None,
            "support": int(truth[i]),
        }
        for i, name in enumerate(class_names)
    ]


def _average_precision(scores: Floats, positive: npt.NDArray[np.bool_]) -> float | None:
    """The area under the precision-recall curve, by steps; ``None`` without a positive, or without another."""
    if not positive.any() or positive.all():
        return None
    once = np.ones((1, len(scores)), np.uint8)
    return float(intervals.Curve(scores, positive).areas(once)[1][0])
