"""What is known before anything is trained: labels, imbalance, other data sets, earlier runs, the machine."""

import dataclasses
import os
import shutil
import sys
from pathlib import Path

from tlstudio.advising.likeness import Likeness, between_splits, measured
from tlstudio.api.task import TaskDescriptor
from tlstudio.project import DatasetInfo, Project, Run
from tlstudio.registry import Registry


@dataclasses.dataclass(frozen=True)
class Machine:
    """``gpu``: whether there seems to be one that training can use."""

    gpu: bool
    cores: int

    @classmethod
    def here(cls) -> "Machine":
        """By what the system shows, without loading torch."""
        nvidia = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
        apple = sys.platform == "darwin" and os.uname().machine == "arm64"
        return cls(nvidia or apple, max(1, os.cpu_count() or 1))

    @property
    def words(self) -> str:
        return "a GPU" if self.gpu else f"{self.cores} processor core{'s' if self.cores > 1 else ''} and no GPU"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Situation:
    """``labels``: training items of the rarest class, those of the average class where a class has none; of a task
    without classes a tenth of the training items. ``imbalance``: the largest class by the smallest, 0 without classes.
    ``pools``: data sets without labels of the same modality; ``sources``: with the same classes; ``others``: of another
    modality, with labels. ``likeness``: to sources by name, where the doctor has compared the two;
    ``shift``: its sentence where training and test differ.
    """

    info: DatasetInfo
    task: TaskDescriptor
    labels: int
    per_class: bool
    imbalance: float
    train: int
    val: int
    test: int
    pools: tuple[DatasetInfo, ...]
    sources: tuple[DatasetInfo, ...]
    others: tuple[DatasetInfo, ...]
    runs: tuple[Run, ...]
    machine: Machine
    likeness: dict[str, Likeness]
    shift: str

    @property
    def noun(self) -> str:
        """Of the items, in the plural."""
        return {"image": "pictures", "audio": "sounds", "text": "texts", "video": "videos"}.get(
            self.info.modality, "items"
        )

    @classmethod
    def of(cls, project: Project, registry: Registry, dataset: str, machine: Machine | None = None) -> "Situation":
        info = project.dataset(dataset)
        task = registry.task(info.task)
        train = info.split_counts.get("train", 0)
        counts = [n for n in (split.get("train", 0) for split in info.class_split_counts.values()) if n]
        per_class = task.label == "class" or (task.classes and bool(counts))
        labels = min(counts) if per_class and counts else train // 10
        others = [other for other in project.datasets() if other.name != info.name]
        alike = [other for other in others if other.modality == info.modality]
        sources = tuple(
            other for other in alike if other.task == info.task and set(other.class_names) == set(info.class_names)
        )
        return cls(
            info=info,
            task=task,
            labels=labels,
            per_class=per_class and bool(counts),
            imbalance=max(counts) / min(counts) if task.label == "class" and counts else 0.0,
            train=train,
            val=info.split_counts.get("val", 0),
            test=info.split_counts.get("test", 0),
            pools=tuple(
                other for other in alike if registry.task(other.task).label == "class" and len(other.class_names) < 2
            ),
            sources=sources,
            others=tuple(other for other in others if other.modality != info.modality and len(other.class_names) > 1),
            runs=tuple(project.runs()),
            machine=machine or Machine.here(),
            likeness=measured(project, info, sources),
            shift=between_splits(project, info),
        )
