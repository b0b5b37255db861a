"""What is learnt, of what: the task and the modality of a run, with everything that their plugins must know.

It is made from the data when a run starts, lies beside the model (``model.json``), and is made from there whenever the
model is used.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tlstudio.api.backbone import BackboneDescriptor, Preprocessing
from tlstudio.api.errors import DataError
from tlstudio.api.modality import Facts, Modality, ModalityDescriptor, Samples
from tlstudio.api.task import Objective, Task, TaskDescriptor, TaskInfo
from tlstudio.data import masks
from tlstudio.project import Manifest, SplitData
from tlstudio.registry import Registry

SIDE, SMALLEST_SIDE = 512, 64  # of the square that a picture with a mask is fitted into, in pixels
_LOOKED_AT = 64  # masks whose pixels are counted
_ASKED = 10_000  # samples that the modality's parameters rest on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """``parameters``: of the modality, JSON-able. ``encoding``: ``{"pixels": [...]}``, the value of each class in a
    mask, in class order.
    """

    task: TaskDescriptor
    modality: ModalityDescriptor
    info: TaskInfo
    preprocessing: Preprocessing
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    encoding: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def pixels(self) -> bool:
        """Whether targets are masks."""
        return self.task.label == "mask"

    def make_task(self) -> Task:
        task: Task = self.task.load()(self.info)
        return task

    def make_modality(self) -> Modality:
        modality: Modality = self.modality.load()()
        return modality

    def make_samples(self) -> Samples:
        samples: Samples = self.modality.load_samples()(self.preprocessing, self.parameters)
        return samples

    def make_objective(self, settings: Mapping[str, Any]) -> Objective:
        objective: Objective = self.task.load_objective()(self.info, dict(settings))
        return objective

    def masks_of(self, split: SplitData, root: Path) -> "masks.MaskReader | None":
        if not self.pixels or not split.values:
            return None
        return masks.MaskReader(split.values, root, self.encoding.get("pixels", ()))

    def targets_of(self, split: SplitData) -> torch.Tensor:
        """As the task encodes them; zeros where masks come with the samples, -1 where there are no labels."""
        if not split.values:
            return torch.full((len(split.paths),), -1, dtype=torch.int64)
        return torch.from_numpy(self.make_task().encode(split.values))

    def example(self, batch: int) -> torch.Tensor:
        """Inputs of the right shape and type, after normalisation: for measuring, and for export."""
        side = self.parameters.get("side") or self.preprocessing.crop
        if "length" in self.parameters:
            return torch.ones(batch, int(self.parameters["length"]), dtype=torch.int64)
        if "frames" in self.parameters:
            return torch.zeros(batch, int(self.parameters["frames"]), 3, side, side)
        return torch.zeros(batch, 3, side, side)

    def description(self) -> dict[str, Any]:
        """JSON-able; see :func:`from_description`."""
        return {
            "task": self.task.id,
            "modality": self.modality.id,
            "info": dataclasses.asdict(self.info),
            "preprocessing": dataclasses.asdict(self.preprocessing),
            "parameters": self.parameters,
            "encoding": self.encoding,
        }


def from_description(description: Mapping[str, Any], registry: Registry) -> Subject:
    """From ``model.json``; those of earlier versions say only what classes there are."""
    values = dict(description["preprocessing"])
    preprocessing = Preprocessing(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})
    info = description.get("info", {"class_names": description["class_names"]})
    return Subject(
        task=registry.task(description.get("task", "classification")),
        modality=registry.modality(description.get("modality", "image")),
        info=TaskInfo(**{name: tuple(value) for name, value in info.items()}),
        preprocessing=preprocessing,
        parameters=dict(description.get("parameters", {})),
        encoding=dict(description.get("encoding", {})),
    )


def of_manifest(
    manifest: Manifest, registry: Registry, descriptor: BackboneDescriptor, preprocessing: Preprocessing
) -> Subject:
    """What the training split says. Raises ``DataError`` where a mask of it cannot be read."""
    task, modality = registry.task(manifest.task), registry.modality(manifest.modality)
    train = manifest.splits["train"]
    encoding = dict(getattr(manifest, "encoding", {}))
    pixels = task.label == "mask"
    facts = [Facts(train.widths[i], train.heights[i]) for i in _spread(range(len(train.widths)), _ASKED)]
    parameters: dict[str, Any] = {"side": _side(facts)} if pixels else modality.load()().parameters(facts)
    if pixels:
        info = TaskInfo(class_names=manifest.class_names, class_counts=_pixel_counts(manifest, encoding))
    else:
        info = _info(task, manifest)
    return Subject(
        task=task, modality=modality, info=info, preprocessing=preprocessing, parameters=parameters, encoding=encoding
    )


def _info(task: TaskDescriptor, manifest: Manifest) -> TaskInfo:
    train, names = manifest.splits["train"], manifest.class_names
    if task.label == "class":
        counts = Counter(train.values)
        return TaskInfo(class_names=names, class_counts=tuple(counts[name] for name in names))
    encoded = task.load()(TaskInfo(class_names=names)).encode(train.values)
    if task.classes:
        return TaskInfo(class_names=names, class_counts=tuple(int(n) for n in encoded.sum(0)))
    mean, std = encoded.mean(0, dtype=np.float64), encoded.std(0, dtype=np.float64)
    std = np.where(std > 1e-9 * np.maximum(np.abs(mean), 1e-9), std, 1.0)
    return TaskInfo(class_names=names, mean=tuple(mean.tolist()), std=tuple(std.tolist()))


def _pixel_counts(manifest: Manifest, encoding: Mapping[str, Any]) -> tuple[int, ...]:
    train = manifest.splits["train"]
    reader = masks.MaskReader(train.values, manifest.root, encoding.get("pixels", ()))
    counts = np.zeros(len(manifest.class_names), np.int64)
    for position in _spread(range(len(train.values)), _LOOKED_AT):
        try:
            found = np.bincount(reader.read(position).reshape(-1), minlength=256)
        except DataError:
            continue  # it is named when it is its turn in training
        counts += found[: len(counts)]
    return tuple(int(n) for n in counts)


def _side(facts: Sequence[Facts]) -> int:
    """The longer side of the usual picture, as a multiple of 32, within bounds."""
    longer = sorted(max(fact.width, fact.height) for fact in facts)
    usual = longer[len(longer) // 2] if longer else SIDE
    return max(SMALLEST_SIDE, min(SIDE, -(-usual // 32) * 32))


def _spread(positions: Sequence[int], most: int) -> list[int]:
    step = max(1, -(-len(positions) // most))
    return list(positions[::step])
