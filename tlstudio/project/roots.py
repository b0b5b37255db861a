"""Where a data set's folder lies: beside the project wherever that goes, or where it was when it was
imported.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from tlstudio import places
from tlstudio.api.errors import DataError

_SAMPLE = 50


def relative_root(project: Path, root: Path) -> str:
    """``root`` as seen from the project's folder, with ``/``; empty where no such path exists (another
    drive).
    """
    try:
        return Path(os.path.relpath(root, project)).as_posix()
    except ValueError:
        return ""


def find_root(project: Path, relative: str, absolute: str, first_item: str) -> tuple[Path, bool]:
    """The folder today, and whether it is there. ``first_item`` decides where both places hold a folder."""
    candidates = [Path(os.path.normpath(project / relative))] if relative else []
    candidates.append(Path(absolute))
    folders = [folder for folder in candidates if _is_folder(folder)]
    for folder in folders:
        if os.path.lexists(folder / first_item):
            return folder, True
    return (folders[0], True) if folders else (Path(absolute), False)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def missing_root(project: Path, dataset: str, root: Path) -> DataError:
    return DataError(
        f"The folder of the data set '{dataset}' is missing: {root}. Put it back, or say where it is now "
        "with: "
        f"tlstudio data relocate {project} {dataset} FOLDER"
    )


def check_folder(dataset: str, folder: Path, items: Sequence[tuple[str, bytes, int, int]]) -> None:
    """Raises :class:`DataError` unless every file is below ``folder`` and a sample of them is unchanged.

    ``items`` are (relative path, SHA-256 as 32 bytes, start and length of a part of the file, 0 for the whole).
    """
    if not _is_folder(folder):
        raise DataError(f"There is no folder {folder}. Name the folder that holds the pictures of '{dataset}'.")
    missing = [path for path in dict.fromkeys(item[0] for item in items) if not os.path.lexists(folder / path)]
    if missing:
        raise DataError(
            f"{folder} is not the folder of the data set '{dataset}': {len(missing)} of its {len(items)} "
            "files are "
            f"missing there, for example {missing[0]}. Nothing was changed."
        )
    step = max(1, len(items) // _SAMPLE)
    for path, sha256, start, length in items[::step]:
        try:
            content = places.read_bytes(places.place(folder / path, start, length))
        except OSError as error:
            raise DataError(f"{folder / path} cannot be read: {error.strerror}. Nothing was changed.") from error
        except DataError as error:
            raise DataError(f"{error} Nothing was changed.") from error
        if hashlib.sha256(content).digest() != sha256:
            raise DataError(
                f"{folder} is not the folder of the data set '{dataset}': {path} has another content there. "
                f"Nothing was changed; import the folder as a new data set to use it."
            )
