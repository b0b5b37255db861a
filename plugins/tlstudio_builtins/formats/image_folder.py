"""``image-folder``: the subfolders are the classes."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from tlstudio.api import DataError, ExportItem, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.folders import (
    NOUNS,
    Walker,
    holds,
    listing,
    modality_of_all,
    modality_of_name,
    peek,
    subfolders,
    why_not,
)
from tlstudio_builtins.formats.writing import copy_item, safe_folders

_PREVIEWED = 8


class ImageFolder:
    """A :class:`tlstudio.api.DatasetFormat` that looks, and writes class folders."""

    def sniff(self, source: Path) -> float:
        if not source.is_dir():
            return 0.0
        folders = subfolders(source)
        modality = modality_of_all(folders)
        classes = 0
        for folder in folders if modality else ():
            classes += holds(folder, modality)
            if classes == 2:
                return 0.7
        return 0.3 if classes else 0.0

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        folders = subfolders(source) if sure else []
        modality = modality_of_all(folders) or "image"
        rows = tuple(
            (folder.name, entry.name)
            for folder in folders[:_PREVIEWED]
            for entry in itertools.islice((e for e in peek(folder) if modality_of_name(e.name) == modality), 2)
        )
        return Sniffed(
            sure=sure, modality=modality, columns=("class", "file"), rows=rows[:_PREVIEWED],
            sentence=f"{len(folders):,} folders, each a class, with {NOUNS[modality][1]}." if sure else "",
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        if not source.is_dir():
            raise DataError(f"{readable(source)} is not a folder. Name the folder that holds the class folders.")
        folders = subfolders(source)
        if not folders:
            raise no_classes(source)
        modality = modality_of_all(folders) or "image"
        walker = Walker(source, modality)
        walker.reserve(folders)
        yield from beside(source, "the class folders", modality)
        for folder in folders:
            yield from walker.read(folder, folder.name)

    def write(
        self, items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
    ) -> Iterator[int]:
        """One folder for each class; the splits are not kept (``split-folders`` keeps them)."""
        names = safe_folders(class_names, task)
        for count, item in enumerate(items, 1):
            copy_item(item, folder / names[str(item.label)])
            yield count


def no_classes(source: Path) -> DataError:
    return DataError(
        f"{readable(source)} has no subfolders and no table (CSV) that says which class each picture belongs to. Make "
        "one subfolder for each class and put its pictures there, or add a CSV with the columns file and label. "
        "Pictures without labels, for methods that learn from them too, are the format 'unlabelled'."
    )


def beside(source: Path, what: str, modality: str = "image") -> Iterator[Skipped]:
    """The files that lie directly in ``source``, beside ``what``, and so belong to no class."""
    for entry in listing(source):
        if entry.is_dir() or (entry.is_symlink() and not entry.is_file()):
            continue
        yield Skipped(
            Path(entry.path),
            why_not(entry.name, modality) or f"It lies beside {what} and so belongs to no class.",
        )
