"""What is known of a finished run, read from its files. Called in threads; no Qt here."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import ProjectError

SPLIT_TITLES = {"test": "test", "val": "validation", "train": "training"}

FIGURES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "classification": (
        ("precision", "Precision", "Of what was called this, the share that is"),
        ("recall", "Recall", "Of what is this, the share that was found"),
        ("f1", "F1", "Between precision and recall (harmonic mean)"),
        ("support", "Items", "How many of the split are this"),
    ),
    "multilabel": (
        ("precision", "Precision", "Of what was given this label, the share that has it"),
        ("recall", "Recall", "Of what has this label, the share that was given it"),
        ("f1", "F1", "Between precision and recall (harmonic mean)"),
        ("pr_auc", "PR-AUC", "Average precision over all thresholds"),
        ("support", "Items", "How many of the split have this label"),
    ),
    "regression": (
        ("mae", "MAE", "Mean of the absolute error, in the unit of the values"),
        ("rmse", "RMSE", "Root of the mean squared error: large errors weigh more"),
        ("r2", "R²", "Share of the variance that is explained"),
        ("bias", "Bias", "Mean of prediction minus truth: above zero, it says too much"),
    ),
    "segmentation": (
        ("iou", "IoU", "Pixels that are predicted and true, as a share of those that are either"),
        ("dice", "Dice", "Between precision and recall of the pixels (harmonic mean)"),
        ("share", "True", "Share of all pixels that are this"),
        ("predicted_share", "Predicted", "Share of all pixels that were called this"),
    ),
}
"""What the table says of each class, or number: its key in ``results.json``, its title, what it means."""
WEAKEST = {"classification": "recall", "multilabel": "f1", "regression": "r2", "segmentation": "iou"}


@dataclasses.dataclass(frozen=True)
class Row:
    """One class, or one number. ``None`` where a figure is not defined on the split; ``predicted``: how many items
    were given a label.
    """

    name: str
    values: dict[str, float | None]


@dataclasses.dataclass(frozen=True)
class SplitResults:
    """``confusion`` is int64 ``[truth, prediction]``, of items or of pixels, ``[0, 0]`` where there is none;
    ``metrics`` hold ``name``, ``name_low``, ``name_high``; ``baseline`` what a model without input reaches.
    """

    name: str
    n: int
    metrics: dict[str, float]
    confusion: npt.NDArray[np.int64]
    rows: list[Row]
    task: str = "classification"
    baseline: dict[str, float] = dataclasses.field(default_factory=dict)
    baseline_name: str = ""


@dataclasses.dataclass(frozen=True)
class RunResults:
    """``with_views``: of a split, over how many views of each sample the mean was taken, and what came of it."""

    run_id: int
    class_names: list[str]
    splits: dict[str, SplitResults]
    task: str = "classification"
    with_views: dict[str, tuple[int, SplitResults]] = dataclasses.field(default_factory=dict)


def read_results(run_id: int, folder: Path) -> RunResults:
    """Raises :class:`ProjectError` where the run has no results, or they cannot be read."""
    path = folder / "results.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names = [str(name) for name in content["class_names"]]
        task = str(content.get("task", "classification"))
        splits = {name: _split(name, part, len(names), task) for name, part in content["splits"].items()}
        several = {
            name: (int(part["views"]), _split(name, part, len(names), task))
            for name, part in content.get("with_views", {}).items()
        }
    except FileNotFoundError:
        raise ProjectError(
            f"Run {run_id} has no results yet: {path.name} is not in its folder. They are written when it ends."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(f"The results of run {run_id} in {path} cannot be read: {error}.") from error
    return RunResults(run_id, names, splits, task, several)


def _split(name: str, part: dict[str, Any], classes: int, task: str) -> SplitResults:
    task = str(part.get("task", task))
    keys = [*(key for key, _, _ in FIGURES.get(task, ())), "predicted"]
    rows = [
        Row(str(row["name"]), {key: None if row.get(key) is None else float(row[key]) for key in keys})
        for row in part.get("per_class", part.get("per_target", []))
    ]
    confusion = np.zeros((0, 0), np.int64)
    if "confusion" in part:
        confusion = np.asarray(part["confusion"], dtype=np.int64).reshape(classes, classes)
    return SplitResults(
        name=name,
        n=int(part["n"]),
        metrics=_numbers(part["metrics"]),
        confusion=confusion,
        rows=rows,
        task=task,
        baseline=_numbers(part.get("baseline", {})),
        baseline_name=str(part.get("baseline_name", "")),
    )


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in values.items() if value is not None}
