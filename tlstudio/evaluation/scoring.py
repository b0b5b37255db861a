"""Logits and targets of a split to everything that the results page, the report and the command line show."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.metric import MetricDescriptor
from tlstudio.evaluation import intervals


def evaluate_predictions(
    logits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.int64],
    class_names: Sequence[str],
    metrics: Sequence[MetricDescriptor],
    seed: int = 0,
) -> dict[str, Any]:
    """One split's entry of ``results.json``.

    ``logits`` ``[N, C]``, ``targets`` ``[N]`` in ``0..C-1``, N at least 1. ``metrics`` maps each name to its value and
    ``name_low``, ``name_high`` to the ends of its 95 % interval; a metric that is not defined on this split, or that
    raised, is missing, and ``notes`` says why.
    """
    import torch

    classes = len(class_names)
    values: dict[str, float] = {}
    notes: list[str] = []
    if wrong := int((~np.isfinite(logits)).any(axis=1).sum()):
        notes.append(f"For {wrong} of {len(targets)} pictures the model gives numbers that are not finite.")
        logits = np.nan_to_num(logits)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (targets, logits.argmax(1)), 1)
    random = np.random.default_rng(seed)
    known = intervals.of_confusion(confusion, random) | intervals.of_curves(_softmax(logits), targets, random)
    known["accuracy"] = intervals.wilson(int(np.trace(confusion)), len(targets))
    rows, labels = torch.from_numpy(np.ascontiguousarray(logits)), torch.from_numpy(np.ascontiguousarray(targets))
    for descriptor in metrics:
        try:
            metric = descriptor.load()(classes)
            metric.update(rows, labels)
            value = float(metric.compute())
            if not math.isfinite(value):
                notes.append(f"{descriptor.title} is not defined on this split.")
                continue
            interval = known.get(descriptor.id) if descriptor.standard else None
            if interval is None:
                interval = intervals.generic(
                    metric,
                    rows,
                    labels,
                    lambda drawn: (rows[torch.from_numpy(drawn)], labels[torch.from_numpy(drawn)]),
                    random,
                )
        except Exception as error:  # noqa: BLE001 - a plugin's metric may raise anything; the others are told
            notes.append(f"The metric '{descriptor.id}' failed: {error}.")
            continue
        values[descriptor.id] = value
        if interval is not None:
            # The percentile bootstrap of a biased statistic may miss the value itself by a little.
            values[f"{descriptor.id}_low"] = min(interval[0], value)
            values[f"{descriptor.id}_high"] = max(interval[1], value)
    return {
        "n": len(targets),
        "metrics": values,
        "interval": "95 %: Wilson for accuracy, percentile bootstrap over pictures for the others",
        "confusion": confusion.tolist(),
        "per_class": _per_class(confusion, class_names),
        "notes": notes,
    }


def _per_class(confusion: npt.NDArray[np.int64], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Precision is 0 for a class that is never predicted; recall and F1 of a class without pictures are None."""
    right, truth, predicted = np.diag(confusion), confusion.sum(1), confusion.sum(0)
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


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    exponentials = np.exp(shifted)
    shares: npt.NDArray[np.float64] = exponentials / exponentials.sum(1, keepdims=True)
    return shares
