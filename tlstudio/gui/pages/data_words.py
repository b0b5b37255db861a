"""What a data set's samples and labels are called, and how they are shown as numbers."""

import dataclasses
import functools
import json
from typing import TYPE_CHECKING, Any

from tlstudio.api import TaskInfo
from tlstudio.api.errors import StudioError
from tlstudio.gui import text

if TYPE_CHECKING:
    import numpy.typing as npt

    from tlstudio.api.modality import Modality
    from tlstudio.api.task import Task
    from tlstudio.project import DatasetInfo, Item
    from tlstudio.registry import Registry

KEYS = "1234567890abcdefghijklmnopqrstuvwxyz"
"""One for each of the first classes."""
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test", "excluded": "excluded"}
_ICONS = {"image": "image", "audio": "sound", "text": "text", "video": "film"}


@dataclasses.dataclass(frozen=True)
class Kind:
    """``noun``: one and several samples; ``label``: what one label is called; ``classes``: its names are classes."""

    modality: str = "image"
    task: str = "classification"
    noun: tuple[str, str] = ("item", "items")
    label: str = "class"
    classes: bool = True

    @property
    def icon(self) -> str:
        return _ICONS.get(self.modality, "file")

    @property
    def keyed(self) -> bool:
        """Whether a key stands for a class."""
        return self.task in ("classification", "multilabel")

    @property
    def names(self) -> tuple[str, str]:
        """One and several of the names that the task learns."""
        if self.task == "multilabel":
            return ("label", "labels")
        return ("class", "classes") if self.classes else ("number", "numbers")

    def count(self, number: int) -> str:
        return text.plural(number, *self.noun)

    def orders(self) -> list[tuple[str, str]]:
        """What the items can be sorted by, in words."""
        measures = {
            "image": [("pixels", "pixels"), ("width", "width"), ("height", "height")],
            "video": [("pixels", "pixels"), ("width", "width"), ("height", "height")],
            "audio": [("width", "duration"), ("height", "sample rate")],
            "text": [("width", "length")],
        }.get(self.modality, [])
        return [
            ("id", "as imported"), ("path", "name"), ("label", self.label), ("split", "split"), ("group", "group"),
            *measures, ("bytes", "file size"), ("suspicion", "suspicion"), ("confidence", "confidence"),
        ]  # fmt: skip

    def size(self, item: "Item") -> str:
        if self.modality == "audio":
            return f"{item.width / 1000:.2f} s" if item.width else ""
        if self.modality == "text":
            return text.plural(item.width, "character") if item.width else ""
        return f"{item.width:,} × {item.height:,}" if item.width else ""


def kind_of(registry: "Registry", dataset: "DatasetInfo") -> Kind:
    """Also where the plugin of its modality or task is not there any more."""
    kind = Kind(dataset.modality, dataset.task, classes=dataset.task != "regression")
    try:
        modality = registry.modality(dataset.modality)
        kind = dataclasses.replace(kind, noun=modality.noun)
        task = registry.task(dataset.task)
        return dataclasses.replace(kind, label=task.label, classes=task.classes)
    except StudioError:
        return kind


def task_of(registry: "Registry", dataset: "DatasetInfo", extra: tuple[str, ...] = ()) -> "Task":
    """The task with the data set's names. Raises ``PluginError`` or ``UsageError`` where it is not there."""
    made: Task = registry.task(dataset.task).load()(TaskInfo(class_names=(*dataset.class_names, *extra)))
    return made


@functools.lru_cache(maxsize=8)
def _modality(factory: type) -> "Modality":
    made: Modality = factory()
    return made


@dataclasses.dataclass(frozen=True)
class Previewer:
    """``Modality.preview``, whose plugin is loaded by the first call, in the thread that wants a preview; without the
    plugin there is none.
    """

    modality: str
    registry: "Registry" = dataclasses.field(compare=False, repr=False)

    def __call__(self, content: bytes, size: int) -> "npt.NDArray[Any] | None":
        try:
            made = _modality(self.registry.modality(self.modality).load())
        except StudioError:
            return None
        return made.preview(content, size)


def labels_in(value: str) -> tuple[str, ...]:
    """The names in a value of several labels."""
    try:
        found = json.loads(value)
    except ValueError:
        return ()
    return tuple(str(name) for name in found) if isinstance(found, list) else ()


def numbers_in(value: str) -> tuple[float, ...]:
    try:
        found = json.loads(value)
    except ValueError:
        return ()
    return tuple(float(n) for n in found if isinstance(n, int | float)) if isinstance(found, list) else ()


def bytes_text(number: int) -> str:
    """``812 B``, ``12 kB``, ``3.4 MB``."""
    if number < 1000:
        return f"{number} B"
    size = float(number)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000 or unit == "GB":
            return f"{size:.1f} {unit}" if size < 10 else f"{size:,.0f} {unit}"
    return f"{number:,} B"
