"""Walking through folders of samples: what counts as a class, what as a sample, and what as neither."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tlstudio.api import DataError, RawItem, Skipped
from tlstudio.places import readable
from tlstudio_builtins.modalities import MODALITIES

SUFFIXES = {modality.id: frozenset(modality.suffixes) for modality in MODALITIES}
NOUNS = {modality.id: modality.noun for modality in MODALITIES}
_MODALITY_OF = {suffix: modality for modality, suffixes in SUFFIXES.items() for suffix in suffixes}
_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information"})
_GLANCE = 2000  # entries that sniffing looks at, at most


Entries = Callable[["Path | str"], list["os.DirEntry[str]"]]
""":func:`listing` or :func:`peek`."""


def is_litter(name: str) -> bool:
    """Hidden files, and what operating systems and notebooks leave behind: no classes, no items, not worth
    a word.
    """
    return name.startswith(".") or name.lower() in _LITTER


def listing(folder: Path | str) -> list["os.DirEntry[str]"]:
    """The entries of a folder without litter, sorted by name. Raises ``OSError``."""
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not is_litter(e.name)), key=lambda e: e.name)


def peek(folder: Path | str) -> list["os.DirEntry[str]"]:
    """The same of the first few thousand entries that the system hands out. Raises ``OSError``."""
    with os.scandir(folder) as entries:
        return sorted((e for e in itertools.islice(entries, _GLANCE) if not is_litter(e.name)), key=lambda e: e.name)


def subfolders(folder: Path) -> list[Path]:
    """The folders directly inside, links included. Raises :class:`DataError` where it cannot be read."""
    try:
        return [folder / e.name for e in listing(folder) if _is_dir(e)]
    except OSError as error:
        raise DataError(f"The folder {readable(folder)} cannot be read: {error.strerror}.") from error


def modality_of_name(name: str) -> str:
    """image, audio, video or text; empty for a name of none of them."""
    return _MODALITY_OF.get(os.path.splitext(name)[1].lower(), "")


def is_picture_name(name: str) -> bool:
    return modality_of_name(name) == "image"


def modality_of(counts: Mapping[str, int]) -> str:
    """What a collection with so many names of each modality is. Texts often come beside other samples, as notes."""
    media = max(("image", "audio", "video"), key=lambda modality: counts.get(modality, 0))
    few = counts.get(media, 0) * 10 < counts.get("text", 0)
    return "text" if few else media if counts.get(media, 0) else ""


def names_below(folder: Path) -> Iterator[str]:
    """The names of the files below, at a glance: no more than a few thousand; links to folders are not followed."""
    waiting, looked_at = [os.fspath(folder)], 0
    while waiting and looked_at < _GLANCE:
        try:
            entries = peek(waiting.pop())
        except OSError:
            continue
        for entry in entries:
            looked_at += 1
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                yield entry.name


def modality_below(folder: Path) -> str:
    """What a glance into the folder finds most; empty where it finds no sample."""
    return modality_of(Counter(modality_of_name(name) for name in names_below(folder)))


def modality_of_all(folders: Sequence[Path]) -> str:
    """Of several folders together, at a glance into some of them."""
    counts: Counter[str] = Counter()
    for folder in folders[:20]:
        counts.update(modality_of_name(name) for name in itertools.islice(names_below(folder), 200))
    found = modality_of(counts)
    return found or next((m for m in map(modality_below, folders) if m), "")


def holds(folder: Path, modality: str) -> bool:
    """Whether a sample of the modality is found below ``folder`` at a glance."""
    return any(modality_of_name(name) == modality for name in names_below(folder))


def holds_samples(folder: Path) -> bool:
    return any(modality_of_name(name) not in ("", "text") for name in names_below(folder))


class Walker:
    """Reads class folders below ``root``. A link to a folder is followed once, and never back into itself."""

    def __init__(self, root: Path, modality: str = "image") -> None:
        self._root, self._modality = os.path.realpath(root), modality
        self._read: set[str] = set()

    def reserve(self, folders: list[Path]) -> None:
        """Class folders that are read at their own place, so that links to them elsewhere are left out."""
        self._read.update(os.path.realpath(folder) for folder in folders if not folder.is_symlink())

    def read(self, folder: Path, label: str, split: str = "") -> Iterator[RawItem | Skipped]:
        """Every sample below ``folder`` in the order of the names; the folder itself is skipped where none is."""
        found = False
        for entry in self._below(folder):
            if isinstance(entry, Skipped):
                yield entry
            else:
                found = True
                yield RawItem(Path(entry), label, split)
        if not found:
            nouns = NOUNS[self._modality][1]
            yield Skipped(folder, f"The folder holds no {nouns}, so it is not used as a class.")

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
            return f"It is a link to a folder that is read already: {readable(target)}."
        self._read.add(target)
        return ""

    def _file(self, entry: "os.DirEntry[str]") -> str | Skipped:
        reason = why_not(entry.name, self._modality)
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


def why_not(name: str, modality: str = "image") -> str:
    """Why a file of this name is no sample; empty where it is."""
    if modality_of_name(name) == modality:
        return ""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in (".heic", ".heif"):
        return "HEIC pictures cannot be read; convert them to JPEG or PNG."
    noun = NOUNS[modality][0]
    if not suffix:
        return f"Its name has no ending that says it is a {noun}."
    return f"Its name ends in {readable(suffix)}, which is no kind of {noun} that can be read."


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False
