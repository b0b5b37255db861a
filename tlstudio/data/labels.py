"""From the labels that a source declares to the values of a task, and to what they have in common."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tlstudio.api.dataset_format import Declared, Label, Mask
from tlstudio.api.errors import DataError
from tlstudio.api.task import Task, TaskDescriptor, TaskInfo

_MANY_VALUES = 64  # of the pixels of masks; more are no classes


class Labelling:
    """Of one import. ``names``: of the classes (or numbers) where the data set is there already."""

    def __init__(self, descriptor: TaskDescriptor, names: Sequence[str] = ()) -> None:
        self._descriptor = descriptor
        self._names = tuple(names)
        self._task: Task = descriptor.load()(TaskInfo(class_names=self._names))
        self._counted = bool(names)
        self._known: dict[str, str] = {}

    def value(self, label: Label, place_of: Callable[[Mask], Mask]) -> str:
        """Raises :class:`DataError` with a sentence for what is no label of this task. ``place_of`` makes the file of
        a mask relative to the data set.
        """
        if isinstance(label, str):
            if label not in self._known:
                self._known[label] = self._task.value(label)
            return self._known[label]
        if isinstance(label, Mask):
            return self._task.value(place_of(label))
        if not self._counted and self._descriptor.id == "regression":  # the first row says how many numbers there are
            self._task = self._descriptor.load()(TaskInfo(class_names=tuple(map(str, range(len(label))))))
            self._counted = True
        return self._task.value(label)


def class_names(task: str, values: Iterable[str], declared: Declared, pixels: set[int]) -> tuple[list[str], list[str]]:
    """The names of the classes (or numbers) of an import, and sentences about those that nothing belongs to.

    ``values``: every value there is, ``pixels``: every value in the masks. Raises :class:`DataError`.
    """
    import json

    if task == "segmentation":
        return _mask_classes(declared, pixels), []
    if task == "regression":
        numbers = max((len(json.loads(value)) for value in values), default=1)
        if len(declared.class_names) == numbers:
            return list(declared.class_names), []
        return (["value"] if numbers == 1 else [f"value {n}" for n in range(1, numbers + 1)]), []
    used = set(values) if task == "classification" else {name for value in values for name in json.loads(value)}
    names = [name for name in declared.class_names if name in used]
    names += sorted(used.difference(names), key=natural)
    return names, [name for name in declared.class_names if name not in used]


def pixel_values(names: Sequence[str], declared: Declared, pixels: set[int]) -> list[int]:
    """The pixel value of each class, in their order."""
    if declared.pixels:
        return list(declared.pixels)
    return list(range(len(names))) if declared.class_names else _mask_values(pixels)


def _mask_classes(declared: Declared, pixels: set[int]) -> list[str]:
    if declared.class_names:
        return list(declared.class_names)
    values = list(declared.pixels) or _mask_values(pixels)
    if values in ([0, 255], [0, 1]):
        return ["background", "foreground"]
    return ["background" if value == 0 else f"class {value}" for value in values]


def _mask_values(pixels: set[int]) -> list[int]:
    """0 to the largest; 255 means nothing beside small values, and the foreground beside 0."""
    if pixels <= {0, 255}:
        return [0, 255]
    rest = sorted(pixels - {255})
    if rest[-1] < _MANY_VALUES:
        return list(range(rest[-1] + 1))
    if len(pixels) > _MANY_VALUES:
        raise DataError(
            f"The masks have {len(pixels)} different pixel values up to {max(pixels)}, which cannot all be classes. A "
            "mask needs one value for each class, 0, 1, 2 and so on; were they saved as JPEG? Save them as PNG."
        )
    return sorted(pixels)


def natural(label: str) -> tuple[Any, ...]:
    """A key that sorts numbers within names by their value."""
    return [_part(part) for part in re.split(r"(\d+)", label)], label


def _part(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdecimal() else (1, 0, text.casefold())
