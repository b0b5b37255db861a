"""A metric of a split as a function of sums over its items: what makes a paired bootstrap one matrix product."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.evaluation.bootstrap import mean_where, share_of
from tlstudio.evaluation.per_item import THRESHOLD, sigmoid

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Sums:
    """``rows``: ``[N, K]`` numbers, or bool, of each item; ``of`` makes metrics ``[R]`` of sums ``[R, K]`` over N
    draws.
    """

    rows: npt.NDArray[Any]
    of: Callable[[Floats], Floats]

    @property
    def value(self) -> float:
        """Of all items, each counted once."""
        return float(self.of(self.rows.sum(0, keepdims=True, dtype=np.float64))[0])

    def taken(self, positions: npt.NDArray[np.int64]) -> "Sums":
        """The same of some items."""
        return Sums(self.rows[positions], self.of)


def sums_of(metric: str, task: str, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Sums | None:
    """``outputs`` and ``targets`` as of :func:`tlstudio.evaluation.evaluate_predictions`; ``None`` for a metric that
    is no function of sums, as areas under curves are.
    """
    outputs = np.nan_to_num(np.asarray(outputs, np.float64))
    match task:
        case "classification":
            hot = np.arange(outputs.shape[1]) == np.asarray(targets)[:, None]
            given = np.arange(outputs.shape[1]) == outputs.argmax(1)[:, None]
            return _of_labels(metric, given, hot, one_class=True)
        case "multilabel":
            return _of_labels(metric, sigmoid(outputs) >= THRESHOLD, np.asarray(targets) > 0.5, one_class=False)
        case "regression":
            return _of_numbers(metric, outputs, np.asarray(targets, np.float64))
        case "segmentation":
            return _of_pixels(metric, outputs)
    return None


def _of_labels(
    metric: str, given: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_], *, one_class: bool
) -> Sums | None:
    count = len(truth)
    if metric == "accuracy":
        return Sums((given == truth).all(1)[:, None], lambda sums: sums[:, 0] / count)
    rows = np.concatenate([given & truth, truth, given], 1)

    def of(sums: Floats) -> Floats:
        right, positive, predicted = np.split(sums, 3, axis=1)
        present = positive > 0
        match metric:
            case "f1_macro":
                each = share_of(2 * right, positive + predicted)
            case "precision_macro":
                each = share_of(right, predicted)
            case _:
                each = share_of(right, positive)
        if metric == "balanced_accuracy" and not one_class:
            negative = count - positive
            each = (each + share_of(negative - (predicted - right), negative)) / 2
            present = present & (negative > 0)
        return mean_where(each, present)

    known = metric in ("balanced_accuracy", "f1_macro", "precision_macro", "recall_macro")
    return Sums(rows, of) if known else None


def _of_numbers(metric: str, outputs: Floats, truth: Floats) -> Sums | None:
    error, centred, count = outputs - truth, truth - truth.mean(0), len(truth)
    if metric == "mae":
        return Sums(np.abs(error), lambda sums: sums.mean(1) / count)
    if metric == "rmse":
        return Sums(error**2, lambda sums: np.sqrt(sums / count).mean(1))
    if metric != "r2":
        return None

    def of(sums: Floats) -> Floats:
        square, mean, mean_square = np.split(sums / count, 3, axis=1)
        variance = mean_square - mean**2
        varies = variance > 1e-12 * np.maximum(centred.var(0), 1e-300)
        return mean_where(1 - share_of(square, variance), varies)

    return Sums(np.concatenate([error**2, centred, centred**2], 1), of)


def _of_pixels(metric: str, confusions: Floats) -> Sums | None:
    """``confusions`` ``[N, C, C]``: pixels of each sample by (truth, prediction)."""
    right = np.diagonal(confusions, axis1=1, axis2=2)
    rows = np.concatenate([right, confusions.sum(2), confusions.sum(1)], 1)

    def of(sums: Floats) -> Floats:
        hits, truth, predicted = np.split(sums, 3, axis=1)
        match metric:
            case "miou":
                return mean_where(share_of(hits, truth + predicted - hits), truth > 0)
            case "dice":
                return mean_where(share_of(2 * hits, truth + predicted), truth > 0)
        return share_of(hits.sum(1), truth.sum(1))

    return Sums(rows, of) if metric in ("miou", "dice", "accuracy") else None
