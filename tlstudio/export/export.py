"""The job behind ``tlstudio export``: write, verify in a clean process, and only then call it done."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlstudio.api.errors import ExportError, StudioError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.api.exporter import ExporterDescriptor, ModelCard
from tlstudio.control import Control
from tlstudio.export.card import make_card
from tlstudio.export.clean_process import Answer, ask
from tlstudio.export.compare import Comparison, Reference, compare
from tlstudio.export.reference import Material
from tlstudio.export.target import Target, choose_path
from tlstudio.project import Project
from tlstudio.registry import Registry

if TYPE_CHECKING:
    from tlstudio.training.restore import LoadedModel


def export_job(
    control: Control, project: str, run: int, format: str, out: str, overwrite: bool = False
) -> Generator[Event, None, dict[str, Any]]:
    """Writes the best model of ``run`` to ``out``; returns what ``tlstudio export --json`` prints.

    Raises ``ExportError`` where the file cannot be written or does not do what the model does; nothing is left then.
    """
    with Project.open(project) as opened:
        return (yield from export_run(control, opened, Registry.discover(), run, format, Path(out), overwrite))


def export_run(
    control: Control,
    project: Project,
    registry: Registry,
    run: int,
    format: str,
    out: Path,
    overwrite: bool = False,
) -> Generator[Event, None, dict[str, Any]]:
    """:func:`export_job` with the plugins of ``registry``."""
    from tlstudio.training import restore

    started = time.monotonic()
    exporter = registry.exporter(format)
    row = project.run(run)
    path = choose_path(out.expanduser().absolute(), exporter, registry.exporters(), project.path)
    with Target(path, overwrite) as target:
        yield Progress(done=0, total=4, unit="steps", text="Loading the model")
        loaded = restore.load_model(project, registry, run)
        subject = loaded.subject
        if why_not := exporter.supports(subject.task.id, subject.modality.id, None):
            raise ExportError(f"This model cannot be written as {exporter.title}. {why_not}")
        material = Material(project, registry, loaded)
        if material.split != "val":
            nouns = subject.modality.noun[1]
            yield Message(text=f"There are no validation {nouns}; the file is verified on training {nouns}.")
        control.raise_if_stopped()
        yield Progress(done=1, total=4, unit="steps", text=f"Writing {exporter.title}")
        card = make_card(row, loaded)
        _write(exporter, loaded, card, target)
        control.raise_if_stopped()
        yield Progress(done=2, total=4, unit="steps", text="Asking the model itself")
        paths, reference = yield from material.ask(control, card, target.scratch / "inputs.npy")
        yield Progress(done=3, total=4, unit="steps", text="Verifying in a clean process")
        answer = yield from ask(control, exporter, target.file, paths, target.scratch, subject.modality.noun[1])
        found = _judge(card, reference, answer)
        control.raise_if_stopped()
        size = sum(file.stat().st_size for file in target.file.parent.iterdir())
        files = target.publish()
        yield Progress(done=4, total=4, unit="steps", text="Verified")
    return {
        "run": run,
        "format": exporter.id,
        "path": str(path),
        "files": [str(file) for file in files],
        "size_bytes": size,
        "verified": True,
        "split": material.split,
        "task": subject.task.id,
        "modality": subject.modality.id,
        **_figures(found, material.metric),
        "seconds": round(time.monotonic() - started, 2),
    }


def _figures(found: Comparison, metric: str) -> dict[str, Any]:
    """Of the verification; for classes also under the names that scripts know."""
    figures: dict[str, Any] = {
        "images": found.samples,
        "max_difference": found.difference,
        "max_relative_difference": found.relative,
        "max_difference_from_files": found.difference_from_files,
        "agreement": found.agreement,
        "near_ties": found.near_ties,
        "metric": metric,
        "metric_before": found.before,
        "metric_after": found.after,
    }
    if found.reference.task == "classification":
        figures["max_logit_difference"] = found.difference
        figures["max_logit_difference_from_files"] = found.difference_from_files
        figures["class_agreement"] = found.agreement
        if metric == "accuracy":
            figures["accuracy_before"], figures["accuracy_after"] = found.before, found.after
    return figures


def _write(exporter: ExporterDescriptor, loaded: "LoadedModel", card: ModelCard, target: Target) -> None:
    try:
        exporter.load()().export(loaded.model, card, target.file)
    except StudioError:
        raise
    except OSError as error:
        raise ExportError(f"{target.path} could not be written: {error.strerror or error}.") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(". ")
        raise ExportError(f"The model could not be written as {exporter.title}: {reason}.") from error
    target.check()


def _judge(card: ModelCard, reference: Reference, answer: Answer) -> Comparison:
    """Raises ``ExportError`` with the numbers where the file does not do what the model does."""
    shape = reference.from_files.shape
    problem = ""
    if not _same_card(answer.card, card):
        problem = "Its card names other classes or another preprocessing than the model's."
    elif answer.from_files.shape != shape or answer.from_inputs.shape != shape:
        problem = f"It answers with {answer.from_files.shape} numbers where the model gives {shape}."
    elif wrong := int((~np.isfinite(answer.from_files + answer.from_inputs)).reshape(shape[0], -1).any(axis=1).sum()):
        problem = f"For {wrong} of {shape[0]} {reference.noun[1]} it gives numbers that are not finite."
    else:
        found = compare(reference, answer.from_files, answer.from_inputs)
        problem = found.problem
    if problem:
        raise ExportError(f"The exported file does not do what the model does, and was removed. {problem}")
    return found


def _same_card(one: ModelCard, other: ModelCard) -> bool:
    names = ("class_names", "preprocessing", "task", "modality", "parameters")
    return all(getattr(one, name) == getattr(other, name) for name in names)
