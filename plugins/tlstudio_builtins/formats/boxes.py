"""Objects in pictures as labels of whole pictures: the largest, which kinds there are, how many of each."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tlstudio.api import DataError, Label
from tlstudio.places import readable

TASKS = ("classification", "multilabel", "regression", "segmentation")


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """``area`` in any unit that is the same within a picture."""

    name: str
    area: float


def label_of(task: str, boxes: Sequence[Box], names: Sequence[str]) -> Label:
    """The largest object's class, all classes, or the count of each of ``names``. Raises ``DataError``."""
    if task == "multilabel":
        return tuple(dict.fromkeys(box.name for box in boxes))
    if task == "regression":
        counts = Counter(box.name for box in boxes)
        return tuple(float(counts[name]) for name in names)
    if not boxes:
        raise DataError("It has no object, so it has no class.")
    return max(boxes, key=lambda box: box.area).name


def usual_task(pictures: Sequence[Sequence[Box]]) -> str:
    """One kind in every picture is a class; otherwise the kinds are labels."""
    return "classification" if all(len({box.name for box in boxes}) == 1 for boxes in pictures) else "multilabel"


def check_task(task: str, allowed: Sequence[str], what: str, source: Path) -> str:
    """Raises ``DataError`` where what lies in ``source`` cannot give labels for the task."""
    if task not in (*allowed, "auto"):
        possible = ", ".join(allowed)
        raise DataError(f"{what} in {readable(source)} cannot give data for {task}; they can for {possible}.")
    return task


SEES = {
    "classification": "the class of the largest object",
    "multilabel": "which kinds of objects there are",
    "regression": "how many objects of each kind there are",
    "segmentation": "the class of each pixel",
}
