"""The pictures that are meant by the files and folders that somebody names."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

PICTURES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
    ".pnm", ".avif", ".jp2", ".tga",
})  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Named:
    """One picture; or, with ``error``, a sentence why there is nothing to classify at ``path``."""

    path: Path
    error: str = ""


def expand(files: Iterable[str | os.PathLike[str]]) -> list[Named]:
    """Files as they are, whatever their names; of folders the pictures in them, however deep, sorted by path."""
    found: list[Named] = []
    for name in files:
        path = Path(name)
        if path.is_dir():
            problems: list[OSError] = []
            inside = [Named(picture) for picture in _pictures(path, problems)]
            found += inside
            found += [
                Named(Path(p.filename or path), f"The folder {p.filename} cannot be read: {p.strerror}.")
                for p in problems
            ]
            if not inside and not problems:
                found.append(Named(path, f"There are no pictures in the folder {path}."))
        elif path.exists():
            found.append(Named(path))
        else:
            found.append(Named(path, f"There is no file {path}."))
    return found


def _pictures(folder: Path, problems: list[OSError]) -> Iterator[Path]:
    """Hidden files and folders are left out."""
    for place, folders, names in os.walk(folder, onerror=problems.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in PICTURES:
                yield Path(place, name)
