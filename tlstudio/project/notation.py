"""How the labels of a data set are written down: its task's notation, and what the project keeps of each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tlstudio.api.dataset_format import Label
from tlstudio.api.errors import DataError
from tlstudio.api.task import Task, TaskInfo
from tlstudio.project.lookup import OWN

_FIRST_NUMBERS = 1e300  # beyond it, nothing is gained by sorting


class Target(NamedTuple):
    """A value, in words, a number to sort by, and the names of the classes in it."""

    value: str
    shown: str
    rank: float
    classes: tuple[str, ...]


class Notation:
    """Of one task, for data with these classes (or names of numbers)."""

    def __init__(self, task: str, class_names: Sequence[str]) -> None:
        from tlstudio.registry import Registry

        self._id = task
        self.counts_classes = task in ("classification", "multilabel")
        self._position = {name: position for position, name in enumerate(class_names)}
        descriptor = Registry.discover().task(task)
        self._task: Task = descriptor.load()(TaskInfo(class_names=tuple(class_names)))

    def of(self, label: Label) -> str:
        """The value of a label. Raises :class:`DataError` with a sentence that does not name the item."""
        return self._task.value(label)

    def target(self, value: str) -> Target:
        """Raises :class:`DataError` for what is no value of the task, or has a class that is not known."""
        if self._id == "classification":
            return self._checked(Target(value, value, float(self._position.get(value, 0)), (value,)))
        try:
            parsed = json.loads(value)
        except ValueError:
            raise DataError(f"'{value}' is no {self._id} label in the project's notation.") from None
        if isinstance(parsed, dict):
            if not isinstance(parsed.get("mask"), str):
                raise DataError(f"'{value}' names no mask.")
            return Target(value, self._task.show(value), 0.0, ())
        label: Label = tuple(parsed) if isinstance(parsed, list) else parsed
        canonical = self._task.value(label)
        again = json.loads(canonical) if canonical.startswith("[") else [canonical]
        names = tuple(name for name in again if isinstance(name, str)) if self.counts_classes else ()
        first = again[0] if again and isinstance(again[0], float) else 0.0
        rank = max(-_FIRST_NUMBERS, min(_FIRST_NUMBERS, first))
        return self._checked(Target(canonical, self._task.show(canonical), rank, names))

    def _checked(self, target: Target) -> Target:
        for name in target.classes:
            if name not in self._position:
                listed = ", ".join(list(self._position)[:20])
                raise DataError(f"The data set has no class '{name}'. Add it first, or choose of: {listed}.")
        return target


def masks_own(folder: Path, value: str, *, out: bool) -> str:
    """The value of a mask that the project keeps itself: with its absolute path (``out``), or as it is kept."""
    kept, absolute = f'"mask": "{OWN}', f'"mask": {json.dumps(f"{folder}/", ensure_ascii=False)[:-1]}'
    return value.replace(kept, absolute, 1) if out else value.replace(absolute, kept, 1)
