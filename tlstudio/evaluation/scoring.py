"""Outputs and targets of a split to everything that the results page, the report and the command line show."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.metric import MetricDescriptor
from tlstudio.api.task import TaskDescriptor, TaskInfo
from tlstudio.evaluation import baseline, intervals
from tlstudio.evaluation.of_task import OfTask, of_task

Outputs = npt.NDArray[np.float32]
Targets = npt.NDArray[Any]


def evaluate_predictions(
    outputs: Outputs,
    targets: Targets,
    *,
    task: TaskDescriptor,
    info: TaskInfo,
    metrics: Sequence[MetricDescriptor],
    seed: int = 0,
    train_items: int = 0,
) -> dict[str, Any]:
    """One split's entry of ``results.json``; N at least 1.

    ``outputs`` and ``targets``: float ``[N, C]`` before the softmax and int64 ``[N]`` (classification), ``[N, C]``
    before the sigmoid and 0 or 1 (multilabel), ``[N, T]`` in the user's units and likewise (regression), pixels of
    each sample by (truth, prediction) ``[N, C, C]`` and ``[N]``, ignored (segmentation). ``info`` is of the training
    split, which has ``train_items``. Any other task is scored by its metrics alone.

    ``metrics`` maps each name to its value and ``name_low``, ``name_high`` to the ends of its 95 % interval; a metric
    that is not defined on this split, or that raised, is missing, and ``notes`` says why. ``baseline`` has the same
    metrics for a model that looks at nothing, which ``baseline_name`` describes.
    """
    outputs, targets = np.asarray(outputs, np.float32), np.asarray(targets)
    notes: list[str] = []
    flat = outputs.reshape(len(outputs), -1)
    if wrong := int((~np.isfinite(flat)).any(axis=1).sum()):
        notes.append(f"For {wrong} of {len(targets)} items the model gives numbers that are not finite.")
        outputs = np.nan_to_num(outputs)
    found = of_task(task.id, outputs, targets, info, np.random.default_rng(seed))
    wanted = [descriptor for descriptor in metrics if task.id in descriptor.tasks]
    values = _values(wanted, outputs, targets, task.id, found, notes)
    name, without_input = baseline.outputs_of(task.id, targets, outputs, info, train_items)
    reached: dict[str, float] = {}
    if without_input is not None:
        reached = _values(wanted, without_input, targets, task.id, None, [])
    return {
        "task": task.id,
        "n": len(targets),
        "metrics": values,
        "interval": found.interval,
        "baseline": reached,
        "baseline_name": name,
        **found.details,
        "notes": notes,
    }


def _values(
    metrics: Sequence[MetricDescriptor],
    outputs: Outputs,
    targets: Targets,
    task: str,
    found: OfTask | None,
    notes: list[str],
) -> dict[str, float]:
    """``found``: where intervals come from; ``None`` for values alone."""
    import torch

    rows, labels = torch.from_numpy(np.ascontiguousarray(outputs)), torch.from_numpy(np.ascontiguousarray(targets))
    size = outputs.shape[-1]
    values: dict[str, float] = {}
    for descriptor in metrics:
        try:
            metric = descriptor.make(size, task)
            metric.update(rows, labels)
            value = float(metric.compute())
            if not math.isfinite(value):
                notes.append(f"{descriptor.title} is not defined on this split.")
                continue
            values[descriptor.id] = value
            if found is None:
                continue
            interval = found.intervals.get(descriptor.id) if descriptor.standard else None
            if interval is None:
                interval = intervals.generic(
                    metric,
                    rows,
                    labels,
                    lambda drawn: (rows[torch.from_numpy(drawn)], labels[torch.from_numpy(drawn)]),
                    found.random,
                )
        except Exception as error:  # noqa: BLE001 - a plugin's metric may raise anything; the others are told
            values.pop(descriptor.id, None)
            notes.append(f"The metric '{descriptor.id}' failed: {error}.")
            continue
        if interval is not None:
            # The percentile bootstrap of a biased statistic may miss the value itself by a little.
            values[f"{descriptor.id}_low"] = min(interval[0], value)
            values[f"{descriptor.id}_high"] = max(interval[1], value)
    return values
