"""At the end of a run, in the same look at each split: the controls of a method that offers some."""

import dataclasses
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tlstudio.api.controls import Controls
from tlstudio.api.events import Event
from tlstudio.api.tools import Outputs
from tlstudio.evaluation import columns, evaluate_predictions
from tlstudio.evaluation import controls as comparing
from tlstudio.project import SplitData
from tlstudio.registry import Registry
from tlstudio.training.evaluating import Collected
from tlstudio.training.predict import predict_samples
from tlstudio.training.preparation import Prepared
from tlstudio.training.reading import make_reading
from tlstudio.training.sides import take

OWN = "model"  # id of the model itself in the table


def score(
    run: Prepared,
    folder: Path,
    registry: Registry,
    split: str,
    found: Collected,
    scored: dict[str, Any],
    select_by: str,
) -> Generator[Event, None, None]:
    """Writes the split's entry of ``controls.json``: for the model and each control its metric with interval, for each
    control the paired difference; the verdict. ``found``: what the model itself predicted, ``scored``: its figures.
    """
    method: Any = run.method
    asked: Controls = yield from method.controls(_look(run, run.manifest.splits[split]))
    kept = {position: row for row, position in enumerate(found.kept)}
    pairs = [(row, kept[p]) for row, p in enumerate(asked.indices.tolist()) if p in kept]
    if not pairs:
        return
    theirs, ours = (np.array(side) for side in zip(*pairs, strict=True))
    task, info = run.subject.task, run.subject.info
    targets = found.targets.numpy()[ours]
    model = found.outputs.numpy()[ours]
    own = columns(model, targets, task=task, info=info)
    entries = [{"id": OWN, "title": "The model", "kind": OWN, **_value(scored["metrics"], select_by)}]
    rows = []
    for row in asked.rows:
        outputs = row.outputs.numpy()[theirs]
        other = columns(outputs, targets, task=task, info=info)
        compared = comparing.compare(
            row.id,
            row.title,
            row.kind,
            (own["right"], other["right"]),
            (own["predicted"], other["predicted"]),
        )
        rows.append(compared)
        entries.append({**_scored(outputs, targets, run, registry, select_by), **dataclasses.asdict(compared)})
    holds, sentence = comparing.verdict(rows, asked.claim)
    comparing.write(
        folder,
        split,
        {
            "n": len(pairs),
            "metric": select_by,
            "rows": entries,
            "holds": holds,
            "sentence": sentence,
            "values": asked.values,
        },
    )


def _scored(
    outputs: np.ndarray, targets: np.ndarray, run: Prepared, registry: Registry, select_by: str
) -> dict[str, float | None]:
    chosen = [metric for metric in registry.metrics() if metric.id == select_by]
    subject = run.subject
    found = evaluate_predictions(outputs, targets, task=subject.task, info=subject.info, metrics=chosen)
    return _value(found["metrics"], select_by)


def _value(metrics: dict[str, float], select_by: str) -> dict[str, float | None]:
    """``value``, ``value_low``, ``value_high`` of the metric by which the run chooses."""
    return {f"value{end}": metrics.get(f"{select_by}{end}") for end in ("", "_low", "_high")}


def _look(run: Prepared, split: SplitData) -> Callable[..., Generator[Event, None, Outputs]]:
    def look(module: nn.Module, most: int = 0) -> Generator[Event, None, Outputs]:
        step = max(1, -(-len(split.paths) // most)) if most else 1
        positions = list(range(0, len(split.paths), step))
        part = take(split, positions)
        run.runtime.place(module)
        rows, kept = yield from predict_samples(
            module,
            part.paths,
            run.subject,
            make_reading(run.subject, None, run.manifest.root),
            runtime=run.runtime,
        )
        read = torch.tensor(kept, dtype=torch.int64)
        indices = torch.tensor(positions, dtype=torch.int64)[read]
        return Outputs(torch.from_numpy(rows), torch.full((len(kept),), -1, dtype=torch.int64), indices)

    return look
