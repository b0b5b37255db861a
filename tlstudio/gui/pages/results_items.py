"""What a run said of each item of a split, and which of them are meant. Called in threads; no Qt here."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import ProjectError, StudioError
from tlstudio.api.task import Task, TaskDescriptor, TaskInfo
from tlstudio.evaluation import columns, load_predictions
from tlstudio.evaluation.per_item import THRESHOLD, iou_of, sigmoid
from tlstudio.project import Project
from tlstudio.registry import Registry

MOST = 500  # items that are shown of a choice
FOUND, MISSED, ADDED = "found", "missed", "added"


@dataclasses.dataclass(frozen=True)
class Shot:
    """One item with what was said of it. ``path``: its place; ``probability``: of what was said, 0 to 1; ``sure``:
    the same, or the error, in words; ``row``: where it lies in the split's arrays; ``text``: the beginning of a text.
    """

    item_id: int
    path: str
    sha256: str
    truth: str
    predicted: str
    probability: float
    right: bool = True
    sure: str = ""
    row: int = 0
    text: str = ""

    @property
    def spoken(self) -> str:
        beside = f", {self.sure}" if self.sure else ""
        return f"{self.truth}, predicted {self.predicted}{beside}" if self.truth else f"{self.predicted}{beside}"


@dataclasses.dataclass(frozen=True)
class SplitItems:
    """``outputs`` and ``targets`` as in :func:`tlstudio.evaluation.evaluate_predictions`; the rest one entry a row."""

    task: str
    class_names: tuple[str, ...]
    dataset: str
    outputs: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    ids: list[int]
    predicted: list[str]
    right: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    truth: list[str]
    places: list[str]
    hashes: list[str]
    values: list[str] = dataclasses.field(default_factory=list)
    root: Path = Path()
    pixels: tuple[int, ...] = ()

    # ---- which rows, the most telling first

    def of_cell(self, truth: int, predicted: int) -> npt.NDArray[np.int64]:
        """Of a cell of the confusion matrix: the surest first; of pixels, the pictures with most of them."""
        if self.task == "segmentation":
            pixels = self.outputs[:, truth, predicted] / np.maximum(self.outputs.sum((1, 2)), 1)
            rows = np.flatnonzero(pixels > 0)
            return rows[np.argsort(-pixels[rows], kind="stable")]
        rows = np.flatnonzero((self.targets == truth) & (self.outputs.argmax(1) == predicted))
        return rows[np.argsort(-self.confidence[rows], kind="stable")]

    def of_label(self, label: int, kind: str) -> npt.NDArray[np.int64]:
        """Items that have a label and were given it (found), or not (missed), or were given it without (added)."""
        share = sigmoid(self.outputs[:, label])
        has, given = self.targets[:, label] > 0.5, share >= THRESHOLD
        rows = np.flatnonzero({FOUND: has & given, MISSED: has & ~given, ADDED: ~has & given}[kind])
        return rows[np.argsort(-np.abs(share[rows] - THRESHOLD), kind="stable")]

    def worst(self) -> npt.NDArray[np.int64]:
        """All, the worst first: the least right, and among equals the surest."""
        if self.task == "regression":
            return np.argsort(-self.errors().max(1), kind="stable")
        return np.lexsort((-self.confidence, self.right))

    def errors(self) -> npt.NDArray[np.float64]:
        """Of numbers: how far each is off, ``[N, T]``, in deviations of the true values."""
        spread = self.targets.std(0, dtype=np.float64)
        error: npt.NDArray[np.float64] = np.abs(self.outputs - self.targets) / np.where(spread > 0, spread, 1)
        return error

    # ---- what is shown of them

    def shots(self, rows: Sequence[int] | npt.NDArray[np.int64], label: int = -1) -> list[Shot]:
        """``label``: of several, the one that is looked at."""
        return [self._shot(int(row), label) for row in rows[:MOST]]

    def _shot(self, row: int, label: int) -> Shot:
        probability, sure = float(self.confidence[row]), ""
        if self.task == "classification":
            sure = _percent(probability)
        elif self.task == "multilabel" and label >= 0:
            probability = float(sigmoid(self.outputs[row, label]))
            sure = _percent(probability)
        elif self.task == "regression" and len(self.class_names) == 1:
            sure = f"{self.outputs[row, 0] - self.targets[row, 0]:+.3g}"
        predicted = self.predicted[row]
        if self.task == "segmentation":
            predicted = f"IoU {iou_of(self.outputs[row])[0]:.2f}"
        return Shot(
            item_id=self.ids[row],
            path=self.places[row],
            sha256=self.hashes[row],
            truth=self.truth[row],
            predicted=predicted,
            probability=probability,
            right=bool(self.right[row] >= (0.999 if self.task in ("classification", "multilabel") else 0.5)),
            sure=sure,
            row=row,
        )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share > 0.995 else f"{100 * share:.0f} %"


def read_items(project: Project, registry: Registry, run_id: int, split: str) -> SplitItems:
    """Raises :class:`ProjectError` where the run's predictions cannot be read."""
    run = project.run(run_id)
    try:
        stored = load_predictions(project.run_dir(run_id), split)
        manifest = project.manifest(run.dataset, run.revision)
        descriptor: TaskDescriptor = registry.task(manifest.task)
        info = TaskInfo(class_names=manifest.class_names)
        task: Task = descriptor.load()(info)
        if not {"predicted", "right", "confidence"} <= stored.keys():
            stored |= _columns(stored["outputs"], stored["targets"], descriptor, info)
    except StudioError as error:
        raise ProjectError(f"The predictions of run {run_id} cannot be read. {error}") from error
    part = manifest.splits[split]
    where = {item_id: position for position, item_id in enumerate(part.item_ids)}
    ids = [int(number) for number in stored["item_ids"]]
    kept = [row for row, number in enumerate(ids) if number in where]
    positions = [where[ids[row]] for row in kept]
    words = descriptor.label != "mask"
    return SplitItems(
        task=descriptor.id,
        class_names=manifest.class_names,
        dataset=run.dataset,
        outputs=stored["outputs"][kept],
        targets=stored["targets"][kept],
        ids=[ids[row] for row in kept],
        predicted=[str(stored["predicted"][row]) for row in kept],
        right=stored["right"][kept],
        confidence=stored["confidence"][kept],
        truth=[task.show(part.values[p]) if words and part.values else "" for p in positions],
        places=[part.paths[p] for p in positions],
        hashes=[part.hashes[p] for p in positions],
        values=[part.values[p] for p in positions] if part.values else [""] * len(positions),
        root=manifest.root,
        pixels=tuple(int(value) for value in manifest.encoding.get("pixels", ())),
    )


def _columns(
    outputs: npt.NDArray[Any], targets: npt.NDArray[Any], descriptor: TaskDescriptor, info: TaskInfo
) -> dict[str, npt.NDArray[Any]]:
    """For runs that were scored by an earlier version."""
    made = columns(outputs, targets, task=descriptor, info=info)
    return {"predicted": np.array(made["predicted"]), "right": made["right"], "confidence": made["confidence"]}


def with_texts(project: Project, items: SplitItems, shots: list[Shot]) -> list[Shot]:
    """The same with the beginnings of their texts."""
    captions = {item.id: item.caption for item in project.items_of(items.dataset, [shot.item_id for shot in shots])}
    return [dataclasses.replace(shot, text=captions.get(shot.item_id, "")) for shot in shots]
