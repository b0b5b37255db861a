"""What every plugin contribution has in common."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

from tlstudio.api.errors import PluginError
from tlstudio.api.options import NoOptions, Options


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetProfile:
    """What can be known of a data set without opening its files; ``supports`` decides on it."""

    items: int
    train_items: int
    val_items: int
    test_items: int
    classes: int
    smallest_class: int
    largest_class: int


Supports = Callable[[str, str, DatasetProfile | None], str | None]


def supports_everything(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    return None


def images_only(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    """Classification of pictures; the reason why not for anything else."""
    if modality != "image":
        return f"It works on pictures, and this data set holds {modality}."
    if task != "classification":
        return f"It learns classes, and the task of this data set is {task}."
    return None


def takes_pictures(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    """Any task with pictures, and with what becomes pictures; the reason why not for anything else."""
    if modality not in ("image", "audio", "video"):
        return f"It works on pictures, and this data set holds {modality}."
    return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Descriptor:
    """Data about one contribution of a plugin. Cheap to make: no torch, no files, no network.

    ``factory`` names the implementation as ``"package.module:attribute"``; it is imported on first use, in the
    process that does the work. ``supports(task, modality, profile)`` answers ``None``, or the reason why not as a
    sentence, which the window shows beside the greyed-out choice.
    """

    id: str
    title: str
    description: str
    factory: str
    options: type[Options] = NoOptions
    supports: Supports = supports_everything

    def load(self) -> Any:
        """Imports the factory. Raises :class:`PluginError` where it cannot be imported."""
        module_name, _, attribute = self.factory.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except Exception as error:
            raise PluginError(f"'{self.id}' could not be loaded from {self.factory}: {error}.") from error
