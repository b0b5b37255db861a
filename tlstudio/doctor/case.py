"""The data set that is looked over: its items in memory, and everything that the stages share."""

import dataclasses
from collections.abc import Generator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.descriptors import DatasetProfile
from tlstudio.api.events import Event
from tlstudio.api.modality import ModalityDescriptor
from tlstudio.api.task import Task, TaskDescriptor, TaskInfo
from tlstudio.control import Control
from tlstudio.doctor.cache import DoctorCache, digest
from tlstudio.doctor.findings import Finding, FoundItem, Severity, finding, item
from tlstudio.doctor.stages import Stage
from tlstudio.project import DatasetInfo, Project
from tlstudio.project.metas import metas
from tlstudio.project.records import EXCLUDED, FileRecord
from tlstudio.registry import Registry

_FACTS = ("mode", "brightness", "contrast", "peak", "silent", "clipped", "encoding")  # what the stages look at


@dataclasses.dataclass(kw_only=True)
class Case:
    """``records``: the items that runs read, in the order of their ids; every position below counts in it.
    ``excluded``: those that the user has set aside. ``skipped``: sentences about what was not looked at.
    ``likeness``: figures of the comparison with another data set.
    """

    project: Project
    info: DatasetInfo
    task: TaskDescriptor
    modality: ModalityDescriptor
    records: Sequence[FileRecord]
    excluded: Sequence[FileRecord]
    control: Control
    cache: DoctorCache
    skipped: list[str] = dataclasses.field(default_factory=list)
    likeness: dict[str, Any] | None = None

    @classmethod
    def open(cls, project: Project, registry: Registry, dataset: str, control: Control, cache: DoctorCache) -> "Case":
        """Raises ``DataError`` for an unknown data set, or one whose task or modality no plugin knows."""
        info = project.dataset(dataset)
        records = list(project.file_records.files(dataset))
        return cls(
            project=project, info=info, task=registry.task(info.task), modality=registry.modality(info.modality),
            records=[r for r in records if r.split != EXCLUDED], excluded=[r for r in records if r.split == EXCLUDED],
            control=control, cache=cache,
        )  # fmt: skip

    def stage(self, text: str, unit: str = "") -> Stage:
        return Stage(text, self.control, self.cache, unit or self.several)

    def pause(self) -> Generator[Event, None, None]:
        yield from self.stage("").pause()

    @property
    def profile(self) -> DatasetProfile:
        return self.info.profile

    @property
    def one(self) -> str:
        return self.modality.noun[0]

    @property
    def several(self) -> str:
        return self.modality.noun[1]

    def count(self, number: int, verb: tuple[str, str] = ("is", "are")) -> str:
        """``1 picture is``, ``1,200 pictures are``."""
        return f"1 {self.one} {verb[0]}" if number == 1 else f"{number:,} {self.several} {verb[1]}"

    def item(self, position: int, note: str = "", score: float = 0.0) -> FoundItem:
        record = self.records[position]
        return item(record.id, record.path, record.label, note, score)

    def outstanding(
        self, kind: str, severity: Severity, text: str, advice: str, chosen: npt.NDArray[np.bool_],
        values: npt.NDArray[np.float64], score: npt.NDArray[np.float64], note: str,
    ) -> list[Finding]:  # fmt: skip
        """One finding about the items that are ``chosen``, if any: ``note`` is formatted with each one's value."""
        positions = np.flatnonzero(chosen)
        if not len(positions):
            return []
        positions = positions[np.argsort(-score[positions], kind="stable")]
        listed = [self.item(int(p), note.format(float(values[p])), float(score[p])) for p in positions]
        return [finding(kind, severity, f"{self.count(len(listed))} {text}.", advice, listed)]

    @cached_property
    def labels(self) -> list[str]:
        """As they are shown."""
        return [record.label for record in self.records]

    @cached_property
    def values(self) -> list[str]:
        """In the task's own notation."""
        return [record.value or record.label for record in self.records]

    @cached_property
    def splits(self) -> list[str]:
        return [record.split for record in self.records]

    @cached_property
    def hashes(self) -> list[str]:
        return [record.sha256 for record in self.records]

    @cached_property
    def groups(self) -> list[str]:
        return [record.group for record in self.records]

    @cached_property
    def places(self) -> list[str]:
        return [record.place for record in self.records]

    @cached_property
    def targets(self) -> Task:
        names = self.info.class_names
        made: Task = self.task.load()(TaskInfo(class_names=names))
        return made

    @cached_property
    def meta(self) -> dict[str, list[str]]:
        """What reading the samples has told, by name: one value for each item, empty where there is none."""
        at = {record.id: position for position, record in enumerate(self.records)}
        columns: dict[str, list[str]] = {}
        for item_id, pairs in metas(self.project, self.info.name, _FACTS):
            if (position := at.get(item_id)) is not None:
                for name, value in pairs:
                    columns.setdefault(name, [""] * len(at))[position] = value
        return columns

    def numbers(self, name: str) -> npt.NDArray[np.float64] | None:
        """A column of ``meta`` as numbers, whatever their unit, NaN where there is none; ``None`` where no item has
        it. Silence is -100 dBFS.
        """
        column = self.meta.get(name)
        if column is None:
            return None
        return np.array([_number(value) for value in column], np.float64)

    def key(self, *parts: Any) -> str:
        """Names a piece of work on the samples of this data set; what else it depends on are the ``parts``."""
        return digest(*parts, self._content)

    @cached_property
    def _content(self) -> str:
        return digest(self.hashes)


def _number(value: str) -> float:
    if value == "silence":
        return -100.0
    try:
        return float(value.partition(" ")[0])
    except ValueError:
        return float("nan")
