"""``image-folder``: the subfolders are the classes."""

from collections.abc import Iterator
from pathlib import Path

from tlstudio.api import DataError, RawItem, Skipped
from tlstudio_builtins.formats.folders import (
    Walker,
    holds_pictures,
    is_picture_name,
    listing,
    printable,
    subfolders,
    why_not,
)


class ImageFolder:
    """A :class:`tlstudio.api.DatasetFormat`."""

    def sniff(self, source: Path) -> float:
        if not source.is_dir():
            return 0.0
        classes = 0
        for folder in subfolders(source):
            classes += holds_pictures(folder)
            if classes == 2:
                return 0.7
        return 0.3 if classes else 0.0

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        if not source.is_dir():
            raise DataError(f"{printable(source)} is not a folder. Name the folder that holds the class folders.")
        folders = subfolders(source)
        if not folders:
            raise no_classes(source)
        walker = Walker(source)
        walker.reserve(folders)
        yield from beside(source, "the class folders")
        for folder in folders:
            yield from walker.read(folder, folder.name)


def no_classes(source: Path) -> DataError:
    return DataError(
        f"{printable(source)} has no subfolders and no table (CSV) that says which class each picture "
        "belongs to. "
        "Make one subfolder for each class and put its pictures there, or add a CSV with the columns file "
        "and label."
    )


def beside(source: Path, what: str) -> Iterator[Skipped]:
    """The files that lie directly in ``source``, beside ``what``, and so belong to no class."""
    for entry in listing(source):
        if entry.is_dir() or (entry.is_symlink() and not entry.is_file()):
            continue
        reason = why_not(entry.name) if not is_picture_name(entry.name) else ""
        yield Skipped(Path(entry.path), reason or f"It lies beside {what} and so belongs to no class.")
