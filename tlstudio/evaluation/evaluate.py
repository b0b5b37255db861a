"""The job behind ``tlstudio evaluate``."""

import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Message
from tlstudio.control import Control
from tlstudio.evaluation.files import load_predictions, load_results, save_predictions, write_results
from tlstudio.evaluation.scoring import evaluate_predictions
from tlstudio.project import SPLITS, Project
from tlstudio.registry import Registry


def evaluate_job(
    control: Control, project: str, run: int, split: str = "test"
) -> Generator[Event, None, dict[str, Any]]:
    """Scores a run's best model on ``split``.

    What the run itself predicted at its end is used where it is there: the same model gives the same numbers. Where
    it is damaged, the pictures are predicted again, and a damaged ``results.json`` is written anew. Raises
    ``UsageError`` for an unknown split, ``DataError`` for an empty one, ``TrainingError`` for a run without a model.
    """
    if split not in SPLITS:
        raise UsageError(f"There is no split '{split}'. There are: {', '.join(SPLITS)}.")
    from tlstudio.training import restore
    from tlstudio.training.predict import predict_files

    with Project.open(project) as opened:
        registry = Registry.discover()
        folder = opened.run(run).dir
        loaded = restore.load_model(opened, registry, run)
        manifest = opened.manifest(loaded.spec.dataset, loaded.spec.revision)
        part = manifest.splits[split]
        if not part.labels:
            raise DataError(f"The {split} split of '{loaded.spec.dataset}' holds no pictures.")
        stored = _stored(folder, split, len(loaded.class_names))
        if stored:
            logits, targets = stored
        else:
            logits, kept = yield from predict_files(loaded.model, part.paths, loaded.preprocessing, control=control)
            if not kept:
                raise DataError(f"None of the pictures of the {split} split could be read.")
            targets = np.array([part.labels[position] for position in kept], np.int64)
            save_predictions(folder, split, logits, targets, [part.item_ids[position] for position in kept])
        entry = evaluate_predictions(logits, targets, loaded.class_names, registry.metrics())
        for note in entry["notes"]:
            yield Message(level="warning", text=note)
        results = _results(folder)
        results["class_names"] = list(loaded.class_names)
        results["splits"][split] = entry
        write_results(folder, results)
        row = opened.run(run)
        opened.update_run(run, metrics={**row.metrics, split: entry["metrics"]})
    return {"run": run, "split": split, **entry, "model_sha256": _sha256(folder / restore.MODEL_FILE)}


def _stored(folder: Path, split: str, classes: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Logits ``[N, C]`` and targets ``[N]`` of an earlier evaluation; ``None`` where there are none to rely on."""
    try:
        stored = load_predictions(folder, split)
    except DataError:
        return None
    logits, targets = stored["logits"], stored["targets"]
    fits = logits.ndim == 2 and len(logits) > 0 and logits.shape == (len(targets), classes)
    return (logits, targets) if fits and targets.min() >= 0 and targets.max() < classes else None


def _results(folder: Path) -> dict[str, Any]:
    try:
        return load_results(folder)
    except DataError:
        (folder / "results.json").unlink(missing_ok=True)
        return load_results(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
