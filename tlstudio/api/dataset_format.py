"""Formats: layouts of data sets on disk."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from tlstudio.api.descriptors import Descriptor


@dataclasses.dataclass(frozen=True, slots=True)
class RawItem:
    """One file with its label, as the source declares it. ``split`` is train, val, test or empty."""

    path: Path
    label: str
    split: str = ""
    group: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Skipped:
    """Something in the source that is left out, and why (a sentence)."""

    path: Path
    reason: str


class DatasetFormat(Protocol):
    """Made by ``factory()``. Opens no picture: that is the importer's work."""

    def sniff(self, source: Path) -> float:
        """How sure the format is that ``source`` is its own, from 0 (not mine) to 1."""
        ...

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        """Streams the items in a stable order. Raises ``DataError`` where the source as a whole is
        unusable.
        """
        ...


@runtime_checkable
class GroupsByColumn(Protocol):
    """What a format with columns can do besides: take the group of an item from one that the user names."""

    def use_group_column(self, source: Path, name: str) -> bool:
        """From now on ``read`` fills ``RawItem.group`` from the column ``name``; false where there is
        none.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class FormatDescriptor(Descriptor):
    modality: str = "image"
    task: str = "classification"
