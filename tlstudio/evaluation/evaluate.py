"""The job behind ``tlstudio evaluate``."""

import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Message
from tlstudio.control import Control
from tlstudio.evaluation.files import load_predictions, load_results, save_predictions, write_results
from tlstudio.evaluation.per_item import columns
from tlstudio.evaluation.scoring import evaluate_predictions
from tlstudio.project import SPLITS, Project
from tlstudio.registry import Registry

if TYPE_CHECKING:
    from tlstudio.training.subject import Subject

Arrays = tuple[np.ndarray, np.ndarray]


def evaluate_job(
    control: Control, project: str, run: int, split: str = "test", views: int = 1
) -> Generator[Event, None, dict[str, Any]]:
    """Scores a run's best model on ``split``.

    What the run itself predicted at its end is used where it is there: the same model gives the same numbers. Where
    it is damaged, the samples are predicted again, and a damaged ``results.json`` is written anew. Raises
    ``UsageError`` for an unknown split, ``DataError`` for an empty one, ``TrainingError`` for a run without a model.
    """
    if split not in SPLITS:
        raise UsageError(f"There is no split '{split}'. There are: {', '.join(SPLITS)}.")
    from tlstudio.prediction import several_views
    from tlstudio.prediction.split_views import outputs_of_views
    from tlstudio.training import restore
    from tlstudio.training.evaluating import outputs_of_split

    with Project.open(project) as opened:
        registry = Registry.discover()
        folder = opened.run(run).dir
        loaded = restore.load_model(opened, registry, run)
        subject = loaded.subject
        manifest = opened.manifest(loaded.spec.dataset, loaded.spec.revision)
        part, noun = manifest.splits[split], subject.modality.noun[1]
        if not part.paths:
            raise DataError(f"The {split} split of '{loaded.spec.dataset}' holds no {noun}.")
        stored = _stored(folder, split, subject) if views == 1 else None
        if views > 1:
            sights = several_views.sights(
                views,
                modality=subject.modality.id,
                task=subject.task.id,
                parameters=subject.parameters,
                flip_safe=loaded.descriptor.flip_safe,
            )
            views = len(sights)
            found = yield from outputs_of_views(loaded.model, part, subject, manifest.root, sights, control)
            if not found.kept:
                raise DataError(f"None of the {noun} of the {split} split could be read.")
            outputs, targets = found.outputs.numpy(), found.targets.numpy()
        elif stored:
            outputs, targets = stored
        else:
            found = yield from outputs_of_split(loaded.model, part, subject, manifest.root, control=control)
            if not found.kept:
                raise DataError(f"None of the {noun} of the {split} split could be read.")
            outputs, targets = found.outputs.numpy(), found.targets.numpy()
            item_ids = [part.item_ids[position] for position in found.kept]
            words = columns(outputs, targets, task=subject.task, info=subject.info)
            save_predictions(folder, split, outputs, targets, item_ids, **words)
        entry = evaluate_predictions(
            outputs,
            targets,
            task=subject.task,
            info=subject.info,
            metrics=registry.metrics(),
            train_items=len(manifest.splits["train"].paths),
        )
        for note in entry["notes"]:
            yield Message(level="warning", text=note)
        results = _results(folder)
        results["task"], results["class_names"] = subject.task.id, list(subject.info.class_names)
        if views > 1:
            results.setdefault("with_views", {})[split] = {"views": views, **entry}
            write_results(folder, results)
        else:
            results["splits"][split] = entry
            write_results(folder, results)
            row = opened.run(run)
            opened.update_run(run, metrics={**row.metrics, split: entry["metrics"]})
    return {"run": run, "split": split, "views": views, **entry, "model_sha256": _sha256(folder / restore.MODEL_FILE)}


def _stored(folder: Path, split: str, subject: "Subject") -> Arrays | None:
    """Outputs and targets of an earlier evaluation; ``None`` where there are none to rely on."""
    try:
        stored = load_predictions(folder, split)
    except DataError:
        return None
    outputs, targets, wide = stored["outputs"], stored["targets"], len(subject.info.class_names)
    if subject.pixels:
        fits = outputs.ndim == 3 and outputs.shape[1:] == (wide, wide)
    elif subject.task.label == "class":
        fits = outputs.ndim == 2 and outputs.shape[1] == wide and targets.ndim == 1 and targets.dtype.kind == "i"
        fits = fits and len(targets) > 0 and targets.min() >= 0 and targets.max() < wide
    else:
        fits = outputs.ndim == 2 and outputs.shape == targets.shape and outputs.shape[1] == wide
    return (outputs, targets) if fits and len(outputs) == len(targets) > 0 else None


def _results(folder: Path) -> dict[str, Any]:
    try:
        return load_results(folder)
    except DataError:
        (folder / "results.json").unlink(missing_ok=True)
        return load_results(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
