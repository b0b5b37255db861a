"""Walking through folders of pictures: what counts as a class, what as a picture, and what as neither."""

import os
from collections.abc import Iterator
from pathlib import Path

from tlstudio.api import DataError, RawItem, Skipped

PICTURES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
    ".pnm", ".avif", ".jp2", ".tga",
})  # fmt: skip
_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information"})
_GLANCE = 2000  # entries that sniffing looks at, at most


def is_litter(name: str) -> bool:
    """Hidden files, and what operating systems and notebooks leave behind: no classes, no items, not worth
    a word.
    """
    return name.startswith(".") or name.lower() in _LITTER


def listing(folder: Path | str) -> list["os.DirEntry[str]"]:
    """The entries of a folder without litter, sorted by name. Raises ``OSError``."""
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not is_litter(e.name)), key=lambda e: e.name)


def subfolders(folder: Path) -> list[Path]:
    """The folders directly inside, links included. Raises :class:`DataError` where it cannot be read."""
    try:
        return [folder / e.name for e in listing(folder) if _is_dir(e)]
    except OSError as error:
        raise DataError(f"The folder {printable(folder)} cannot be read: {error.strerror}.") from error


def is_picture_name(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURES


def holds_pictures(folder: Path) -> bool:
    """Whether a picture is found below ``folder`` at a glance; links to folders are not followed."""
    waiting, looked_at = [os.fspath(folder)], 0
    while waiting and looked_at < _GLANCE:
        try:
            entries = listing(waiting.pop())
        except OSError:
            continue
        for entry in entries:
            looked_at += 1
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif is_picture_name(entry.name):
                return True
    return False


class Walker:
    """Reads class folders below ``root``. A link to a folder is followed once, and never back into itself."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._read: set[str] = set()

    def reserve(self, folders: list[Path]) -> None:
        """Class folders that are read at their own place, so that links to them elsewhere are left out."""
        self._read.update(os.path.realpath(folder) for folder in folders if not folder.is_symlink())

    def read(self, folder: Path, label: str, split: str = "") -> Iterator[RawItem | Skipped]:
        """Every picture below ``folder`` in the order of the names; the folder itself is skipped where
        none is.
        """
        found = False
        for entry in self._below(folder):
            if isinstance(entry, Skipped):
                yield entry
            else:
                found = True
                yield RawItem(Path(entry), label, split)
        if not found:
            yield Skipped(folder, "The folder holds no pictures, so it is not used as a class.")

    def _below(self, folder: Path) -> Iterator[str | Skipped]:
        if folder.is_symlink():
            reason = self._refusal(os.fspath(folder))
            if reason:
                yield Skipped(folder, reason)
                return
        waiting = [os.fspath(folder)]
        while waiting:
            current = waiting.pop()
            try:
                entries = listing(current)
            except OSError as error:
                yield Skipped(Path(current), f"The folder cannot be read: {error.strerror}.")
                continue
            inside = []
            for entry in entries:
                if not _is_dir(entry):
                    yield self._file(entry)
                elif entry.is_symlink() and (reason := self._refusal(entry.path)):
                    yield Skipped(Path(entry.path), reason)
                else:
                    inside.append(entry.path)
            waiting.extend(reversed(inside))

    def _refusal(self, link: str) -> str:
        target = os.path.realpath(link)
        if self._root == target or self._root.startswith(os.path.join(target, "")):
            return "It is a link to a folder that contains it."
        if target in self._read:
            return f"It is a link to a folder that is read already: {printable(target)}."
        self._read.add(target)
        return ""

    def _file(self, entry: "os.DirEntry[str]") -> str | Skipped:
        reason = why_not(entry.name)
        if reason:
            return Skipped(Path(entry.path), reason)
        try:
            if entry.is_file():
                return entry.path
            broken = entry.is_symlink() and not os.path.exists(entry.path)
        except OSError as error:
            return Skipped(Path(entry.path), f"It cannot be read: {error.strerror}.")
        if broken:
            return Skipped(Path(entry.path), "It is a link to a file that does not exist.")
        return Skipped(Path(entry.path), "It is neither a file nor a folder.")


def why_not(name: str) -> str:
    """Why a file of this name is no picture; empty where it is."""
    if is_picture_name(name):
        return ""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in (".heic", ".heif"):
        return "HEIC pictures cannot be read; convert them to JPEG or PNG."
    return (
        f"Its name ends in {printable(suffix)}, which is no kind of picture that can be read."
        if suffix
        else ("Its name has no ending that says it is a picture.")
    )


def printable(path: Path | str) -> str:
    """For sentences: bytes that are no UTF-8 are shown as escapes."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False
