"""Formats: layouts of data sets on disk."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from tlstudio.api.descriptors import Descriptor
from tlstudio.api.options import Options


@dataclasses.dataclass(frozen=True, slots=True)
class Mask:
    """The file that says of each pixel which class it is; ``offset`` and ``length`` where it is a part of a file.

    ``content``: the mask itself (a PNG whose pixels are class indices, 255 for what does not count), where it was drawn
    from outlines; the importer keeps it in the project. ``path`` then names what it was drawn from.
    """

    path: Path
    offset: int = 0
    length: int = 0
    content: bytes | None = None


Label = str | tuple[str, ...] | tuple[float, ...] | Mask
"""What is to be learnt of one item: a class (str; empty: none is given), several labels (a tuple of names, empty where
none applies), numbers (a tuple of floats, one for each of the data set's targets), or a mask."""


@dataclasses.dataclass(frozen=True, slots=True)
class RawItem:
    """One sample with its label, as the source declares it. ``split`` is train, val, test or empty.

    ``path`` is the sample's file. Of a sample that is a part of a file, ``member`` is its name in there (unique
    within the file), and one of these says what it is: ``offset`` and ``length`` (a range of the file's bytes),
    ``text`` (a text that stands in a table), ``content`` (bytes that the importer keeps in the project, for sources
    whose samples are not files: idx, Parquet).

    ``meta``: named values worth showing and grouping by (columns of a table, in their order).
    ``partner``: the file of the aligned sample in a second modality, where the data set holds pairs.
    """

    path: Path
    label: Label = ""
    split: str = ""
    group: str = ""
    member: str = ""
    offset: int = 0
    length: int = 0
    text: str | None = None
    content: bytes | None = None
    meta: tuple[tuple[str, str], ...] = ()
    partner: Path | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Skipped:
    """Something in the source that is left out, and why (a sentence, which names the row where there is one)."""

    path: Path
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sniffed:
    """What a format sees in a source before it is read. ``sure``: from 0 (not mine) to 1.

    ``modality`` and ``task``: what the data would become; ``sentence`` says in words what was seen; ``columns``: the
    names of a table's columns; ``rows``: its first rows, as text, for a preview; ``options``: values of the format's
    options that seem right (such as which column is what), which the user may change.
    """

    sure: float
    modality: str = "image"
    task: str = "classification"
    sentence: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    options: dict[str, object] = dataclasses.field(default_factory=dict)
    has_splits: bool = False


class DatasetFormat(Protocol):
    """Made by ``factory()``. Opens no sample: that is the importer's work.

    What it can do besides is told by the methods that it has: ``look`` (:class:`Looks`), ``configure``
    (:class:`Configurable`), ``declared`` (:class:`Declares`), ``use_group_column`` (:class:`GroupsByColumn`), ``write``
    (:class:`Writes`).
    """

    def sniff(self, source: Path) -> float:
        """How sure the format is that ``source`` is its own, from 0 (not mine) to 1."""
        ...

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        """Streams the items in a stable order. Raises ``DataError`` where the source as a whole is
        unusable.
        """
        ...


@runtime_checkable
class Looks(Protocol):
    def look(self, source: Path) -> Sniffed:
        """As ``sniff``, and what the data would become (for the task given to ``configure`` before, if any). Takes
        well under a second. Raises ``DataError`` where the source is its own, and unusable.
        """
        ...


@runtime_checkable
class Configurable(Protocol):
    def configure(self, options: Options, task: str) -> None:
        """Before ``read``: the values of the descriptor's ``options``, and the task that the user chose (``auto``:
        the format decides). Raises ``DataError`` where the format cannot give data for that task.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Declared:
    """What a source says of all its labels together. ``class_names``: the classes (or the names of the numbers, for
    regression) in their order; empty: those that the labels use. ``pixels``: of masks, the pixel value of each class;
    empty: 0, 1, 2 ... Pixels of any other value do not count.
    """

    class_names: tuple[str, ...] = ()
    pixels: tuple[int, ...] = ()


@runtime_checkable
class Declares(Protocol):
    def declared(self) -> Declared:
        """After ``read`` has come to its end."""
        ...


@runtime_checkable
class GroupsByColumn(Protocol):
    """What a format with columns can do besides: take the group of an item from one that the user names."""

    def use_group_column(self, source: Path, name: str) -> bool:
        """From now on ``read`` fills ``RawItem.group`` from the column ``name``; false where there is
        none.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class ExportItem:
    """An item of a data set that is written out. ``place`` as in ``tlstudio.places``; ``name``: a safe, unique,
    relative file name with ``/``; ``label`` as in :data:`Label`, masks as absolute places.
    """

    place: str
    name: str
    label: Label
    split: str
    group: str = ""
    text: str | None = None
    meta: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class Writes(Protocol):
    def write(
        self, items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
    ) -> Iterator[int]:
        """Writes a data set with its splits into the empty ``folder``; yields the number of items after each.

        What it writes, it reads again with the same items, labels and splits. Raises ``DataError`` where the format
        cannot hold such data.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class FormatDescriptor(Descriptor):
    """``modality`` and ``task``: what it gives unless ``look`` says something else. ``tasks`` and ``modalities``: all
    that it can give. ``writes``: the tasks that it can write. ``labelled``: false for one whose items have no labels:
    they are all of one class and all in the training split, and it is used only where it is asked for by name.
    """

    modality: str = "image"
    task: str = "classification"
    modalities: tuple[str, ...] = ("image",)
    tasks: tuple[str, ...] = ("classification",)
    writes: tuple[str, ...] = ()
    labelled: bool = True
