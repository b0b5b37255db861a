"""The samples that are meant by the files, folders and texts that somebody names."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tlstudio import places
from tlstudio.api.modality import ModalityDescriptor

_LONGEST_LINES = 64 * 1024 * 1024  # bytes of a file whose lines are read


@dataclasses.dataclass(frozen=True)
class Named:
    """One sample: a file or a place, or, with ``content``, a text of its own; or, with ``error``, a sentence why there
    is nothing to predict. ``line`` counts from 1, 0 where the file is one sample.
    """

    path: Path
    error: str = ""
    content: bytes | None = None
    line: int = 0

    def as_entry(self) -> dict[str, object]:
        """How the answer names it."""
        entry: dict[str, object] = {"file": str(self.path)} if str(self.path) != "." else {}
        if self.line:
            entry["line"] = self.line
        if self.content is not None:
            entry["text"] = self.content.decode("utf-8", "replace")
        return entry


def expand(files: Iterable[str | os.PathLike[str]], modality: ModalityDescriptor) -> list[Named]:
    """Files as they are, whatever their names; of folders the samples in them, however deep, sorted by path."""
    found: list[Named] = []
    for name in files:
        path, whole = Path(name), Path(places.parse(os.fspath(name)).path)
        if path == whole and path.is_dir():
            found += _of_folder(path, modality)
        elif whole.exists():
            found.append(Named(path))
        else:
            found.append(Named(path, f"There is no file {whole}."))
    return found


def texts(given: Iterable[str]) -> list[Named]:
    """Texts that were typed."""
    return [Named(Path(), content=text.encode("utf-8", "replace")) for text in given]


def lines(files: Iterable[str | os.PathLike[str]]) -> list[Named]:
    """Each line of each file that is not empty, as a sample of its own."""
    found: list[Named] = []
    for name in files:
        path = Path(name)
        try:
            if path.stat().st_size > _LONGEST_LINES:
                found.append(Named(path, f"{path} is larger than {_LONGEST_LINES // 2**20} MB: import it instead."))
                continue
            content = path.read_bytes()
        except FileNotFoundError:
            found.append(Named(path, f"There is no file {path}."))
            continue
        except OSError as error:
            found.append(Named(path, f"{path} cannot be read: {error.strerror or error}."))
            continue
        found += [
            Named(path, content=row, line=number)
            for number, row in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), 1)
            if row.strip()
        ]
    return found


def _of_folder(folder: Path, modality: ModalityDescriptor) -> list[Named]:
    problems: list[OSError] = []
    inside = [Named(path) for path in _samples(folder, modality, problems)]
    found = inside + [
        Named(Path(p.filename or folder), f"The folder {p.filename} cannot be read: {p.strerror}.") for p in problems
    ]
    return found or [Named(folder, f"There are no {modality.noun[1]} in the folder {folder}.")]


def _samples(folder: Path, modality: ModalityDescriptor, problems: list[OSError]) -> Iterator[Path]:
    """Hidden files and folders are left out."""
    for place, folders, names in os.walk(folder, onerror=problems.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in modality.suffixes:
                yield Path(place, name)
