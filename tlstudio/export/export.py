"""The job behind ``tlstudio export``: write, verify in a clean process, and only then call it done."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlstudio.api.errors import DataError, ExportError, StudioError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.api.exporter import ExporterDescriptor, ModelCard
from tlstudio.control import Control
from tlstudio.export.card import make_card
from tlstudio.export.clean_process import Answer, ask
from tlstudio.export.compare import Comparison, Reference, compare
from tlstudio.export.sampling import spread
from tlstudio.export.target import Target, choose_path
from tlstudio.project import Project, SplitData
from tlstudio.registry import Registry

if TYPE_CHECKING:
    from tlstudio.training.restore import LoadedModel

PICTURES, AT_LEAST = 200, 50  # that the file is verified on, where there are so many
_WORK = 1000.0  # multiply-adds in 1e9 of one pass over them; beyond this, large networks get fewer pictures
_BATCH = 16


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
        split, pictures = _pictures(project, loaded)
        if split != "val":
            yield Message(text="There are no validation pictures; the file is verified on training pictures.")
        control.raise_if_stopped()
        yield Progress(done=1, total=4, unit="steps", text=f"Writing {exporter.title}")
        card = make_card(row, loaded, project.dataset(loaded.spec.dataset).task)
        _write(exporter, loaded, card, target)
        control.raise_if_stopped()
        yield Progress(done=2, total=4, unit="steps", text="Asking the model itself")
        paths, reference = yield from _reference(control, loaded, card, pictures, target.scratch / "pixels.npy")
        yield Progress(done=3, total=4, unit="steps", text="Verifying in a clean process")
        answer = yield from ask(control, exporter, target.file, paths, target.scratch)
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
        "images": found.images,
        "split": split,
        "max_logit_difference": found.difference,
        "max_logit_difference_from_files": found.difference_from_files,
        "class_agreement": found.class_agreement,
        "near_ties": found.near_ties,
        "accuracy_before": found.accuracy_before,
        "accuracy_after": found.accuracy_after,
        "seconds": round(time.monotonic() - started, 2),
    }


def _pictures(project: Project, loaded: "LoadedModel") -> tuple[str, SplitData]:
    """Some of the validation split, or of the training split where that is empty."""
    manifest = project.manifest(loaded.spec.dataset, loaded.spec.revision)
    split = "val" if manifest.splits["val"].labels else "train"
    whole = manifest.splits[split]
    affordable = int(_WORK / max(loaded.descriptor.gflops, 0.01))
    chosen = spread(whole.labels, min(PICTURES, max(AT_LEAST, affordable)))
    return split, SplitData(
        paths=[whole.paths[i] for i in chosen],
        labels=[whole.labels[i] for i in chosen],
        hashes=[whole.hashes[i] for i in chosen],
        item_ids=[whole.item_ids[i] for i in chosen],
    )


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


def _reference(
    control: Control, loaded: "LoadedModel", card: ModelCard, pictures: SplitData, pixels_file: Path
) -> Generator[Event, None, tuple[list[str], Reference]]:
    """What the model in memory says, and ``pixels_file`` with the pixels that both are given."""
    from tlstudio.prediction.pixels import read_pixels
    from tlstudio.prediction.torch_model import TorchPredictor
    from tlstudio.training.predict import predict_files

    from_files, kept = yield from predict_files(loaded.model, pictures.paths, loaded.preprocessing, control=control)
    if not kept:
        raise DataError("None of the pictures that the file would be verified on can be read. Nothing was exported.")
    paths = [pictures.paths[position] for position in kept]
    crop, predictor = card.preprocessing.crop, TorchPredictor(loaded.model, card)
    pixels = np.lib.format.open_memmap(pixels_file, mode="w+", dtype=np.uint8, shape=(len(paths), 3, crop, crop))
    rows = []
    for start in range(0, len(paths), _BATCH):
        control.raise_if_stopped()
        some = read_pixels([Path(path) for path in paths[start : start + _BATCH]], card.preprocessing)
        pixels[start : start + len(some)] = some
        rows.append(predictor.logits_of_pixels(some))
    pixels.flush()
    del pixels
    labels = np.array([pictures.labels[position] for position in kept], np.int64)
    reference = Reference(labels, from_files, np.concatenate(rows))
    if not (np.isfinite(from_files).all() and np.isfinite(reference.from_pixels).all()):
        raise ExportError(
            "The model itself gives numbers that are not finite: its training went astray. Nothing was exported."
        )
    return paths, reference


def _judge(card: ModelCard, reference: Reference, answer: Answer) -> Comparison:
    """Raises ``ExportError`` with the numbers where the file does not do what the model does."""
    shape = reference.from_files.shape
    problem = ""
    if answer.card.class_names != card.class_names or answer.card.preprocessing != card.preprocessing:
        problem = "Its card names other classes or another preprocessing than the model's."
    elif answer.from_files.shape != shape or answer.from_pixels.shape != shape:
        problem = f"It answers with {answer.from_files.shape} numbers where the model gives {shape}."
    elif wrong := int((~np.isfinite(answer.from_files) | ~np.isfinite(answer.from_pixels)).any(axis=1).sum()):
        problem = f"For {wrong} of {shape[0]} pictures it gives numbers that are not finite."
    else:
        found = compare(reference, answer.from_files, answer.from_pixels)
        problem = found.problem
    if problem:
        raise ExportError(f"The exported file does not do what the model does, and was removed. {problem}")
    return found
