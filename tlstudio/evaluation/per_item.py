"""What was predicted of each item: in words, how right that is, and with what confidence."""

from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from tlstudio.api.task import TaskDescriptor, TaskInfo

THRESHOLD = 0.5  # of a label's probability, from which on it is given
_SEPARATOR = ", "


class Columns(TypedDict):
    """Lists of one entry for each item; ``right`` and ``confidence`` between 0 and 1."""

    predicted: list[str]
    right: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]


def columns(outputs: npt.NDArray[Any], targets: npt.NDArray[Any], *, task: TaskDescriptor, info: TaskInfo) -> Columns:
    """``outputs`` and ``targets`` as in :func:`tlstudio.evaluation.evaluate_predictions`.

    ``right``: 1 or 0 for classes; the share of the labels that are given or true which are both; for numbers 1 at no
    error, a half where the error is the standard deviation of the training values; the pixel's mean IoU for masks.
    ``confidence``: the predicted class's probability; the least sure label's distance from the threshold, doubled;
    0 for numbers and masks, which come without.
    """
    outputs = np.nan_to_num(np.asarray(outputs, np.float64))
    kind = task.id
    if kind == "multilabel":
        return _labels(outputs, np.asarray(targets) > 0.5, info)
    if kind == "regression":
        return _numbers(outputs, np.asarray(targets, np.float64), info)
    if kind == "segmentation":
        return _masks(outputs)
    best = outputs.argmax(1) if outputs.shape[1] else np.zeros(len(outputs), np.int64)
    shares = softmax(outputs)
    return {
        "predicted": [info.class_names[index] for index in best],
        "right": (best == targets).astype(np.float32),
        "confidence": shares[np.arange(len(best)), best].astype(np.float32),
    }


def _labels(outputs: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_], info: TaskInfo) -> Columns:
    shares = sigmoid(outputs)
    given = shares >= THRESHOLD
    either = (given | truth).sum(1)
    names = info.class_names
    return {
        "predicted": [_SEPARATOR.join(names[i] for i in np.flatnonzero(row)) or "none" for row in given],
        "right": np.where(either > 0, (given & truth).sum(1) / np.maximum(either, 1), 1).astype(np.float32),
        "confidence": (2 * np.abs(shares - THRESHOLD).min(1, initial=THRESHOLD)).astype(np.float32),
    }


def _numbers(outputs: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], info: TaskInfo) -> Columns:
    spread = np.array(info.std or truth.std(0), np.float64)
    error = (np.abs(outputs - truth) / np.where(spread > 0, spread, 1)).mean(1)
    return {
        "predicted": [_SEPARATOR.join(f"{number:.4g}" for number in row) for row in outputs],
        "right": np.clip(1 - error / 2, 0, 1).astype(np.float32),
        "confidence": np.zeros(len(outputs), np.float32),
    }


def _masks(outputs: npt.NDArray[np.float64]) -> Columns:
    found = np.array([iou_of(confusion)[0] for confusion in outputs], np.float32)
    return {
        "predicted": [f"IoU {value:.2f}" for value in found],
        "right": found,
        "confidence": np.zeros(len(outputs), np.float32),
    }


def iou_of(confusion: npt.NDArray[Any]) -> tuple[float, npt.NDArray[np.float64]]:
    """Mean over the classes that occur, and of each class (not a number where it does not), of ``[C, C]``."""
    right, truth = np.diag(confusion).astype(np.float64), confusion.sum(1).astype(np.float64)
    union = truth + confusion.sum(0) - right
    each = np.where(truth > 0, right / np.where(union > 0, union, 1), np.nan)
    return (float(np.nanmean(each)) if (truth > 0).any() else 1.0), each


def softmax(outputs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    shifted = outputs.astype(np.float64) - outputs.max(1, keepdims=True)
    exponentials = np.exp(shifted)
    shares: npt.NDArray[np.float64] = exponentials / exponentials.sum(1, keepdims=True)
    return shares


def sigmoid(outputs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(outputs.astype(np.float64), -700, 700)))
    return shares
