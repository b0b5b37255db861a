"""What is known of a finished run, read from its files. Called in threads; no Qt here."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import ProjectError
from tlstudio.project import Project

SPLIT_TITLES = {"test": "test", "val": "validation", "train": "training"}


@dataclasses.dataclass(frozen=True)
class ClassRow:
    """Shares between 0 and 1; ``support`` is the number of pictures that truly are of this class."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclasses.dataclass(frozen=True)
class SplitResults:
    """``confusion`` is int64 ``[truth, prediction]``; ``metrics`` hold ``name``, ``name_low``, ``name_high``."""

    name: str
    n: int
    metrics: dict[str, float]
    confusion: npt.NDArray[np.int64]
    classes: list[ClassRow]


@dataclasses.dataclass(frozen=True)
class RunResults:
    run_id: int
    class_names: list[str]
    splits: dict[str, SplitResults]


@dataclasses.dataclass(frozen=True)
class Shot:
    """One picture with what was said of it. ``probability`` is that of the predicted class, 0 to 1."""

    item_id: int
    path: str
    sha256: str
    truth: str
    predicted: str
    probability: float


def read_results(run_id: int, folder: Path) -> RunResults:
    """Raises :class:`ProjectError` where the run has no results, or they cannot be read."""
    path = folder / "results.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names = [str(name) for name in content["class_names"]]
        splits = {name: _split(name, part, len(names)) for name, part in content["splits"].items()}
    except FileNotFoundError:
        raise ProjectError(
            f"Run {run_id} has no results yet: {path.name} is not in its folder. They are written when it ends."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(f"The results of run {run_id} in {path} cannot be read: {error}.") from error
    return RunResults(run_id, names, splits)


def _split(name: str, part: dict[str, Any], classes: int) -> SplitResults:
    rows = [
        ClassRow(str(r["name"]), float(r["precision"]), float(r["recall"]), float(r["f1"]), int(r["support"]))
        for r in part.get("per_class", [])
    ]
    confusion = np.asarray(part["confusion"], dtype=np.int64).reshape(classes, classes)
    values = {key: float(value) for key, value in part["metrics"].items() if value is not None}
    return SplitResults(name, int(part["n"]), values, confusion, rows)


def read_shots(project: Project, run_id: int, split: str, truth: int, predicted: int, most: int = 500) -> list[Shot]:
    """The pictures of one cell of the confusion matrix, the surest mistakes first.

    Raises :class:`ProjectError` where the run's predictions cannot be read.
    """
    run = project.run(run_id)
    path = project.run_dir(run_id) / "predictions" / f"{split}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            logits, targets, item_ids = stored["logits"], stored["targets"], stored["item_ids"]
    except (OSError, ValueError, KeyError) as error:
        raise ProjectError(f"The predictions of run {run_id} in {path} cannot be read: {error}.") from error
    guesses = logits.argmax(axis=1)
    hits = np.flatnonzero((targets == truth) & (guesses == predicted))
    shifted = logits[hits] - logits[hits].max(axis=1, keepdims=True)
    sure = 1.0 / np.exp(shifted).sum(axis=1)
    order = np.argsort(-sure, kind="stable")[:most]
    manifest = project.manifest(run.dataset, run.revision)
    data = manifest.splits[split]
    where = {item_id: position for position, item_id in enumerate(data.item_ids)}
    names = manifest.class_names
    shots = []
    for index in order:
        item_id = int(item_ids[hits[index]])
        position = where.get(item_id)
        if position is not None:
            shots.append(
                Shot(
                    item_id,
                    data.paths[position],
                    data.hashes[position],
                    names[truth],
                    names[predicted],
                    float(sure[index]),
                )
            )
    return shots
