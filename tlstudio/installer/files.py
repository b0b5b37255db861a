"""Moving packages in and out of a staging folder, and putting the folder in place."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tlstudio.api.errors import PluginError
from tlstudio.installer.site import previous_dir

_SCRIPTS = {"bin", "Scripts"}  # commands of a plugin: nothing looks for them here


def add(fresh: Path, site: Path, name: str) -> tuple[str, ...]:
    """Moves every file of the package ``name`` from ``fresh`` into ``site``; returns them, posix, sorted.

    Raises ``PluginError`` where another package has brought a file of that name.
    """
    moved = []
    for path in sorted(p for p in fresh.rglob("*") if p.is_file() or p.is_symlink()):
        relative = path.relative_to(fresh)
        if _left_out(relative, path):
            continue
        destination = site / relative
        if destination.exists() or destination.is_symlink():
            raise PluginError(f"'{name}' brings the file {relative}, which another plugin has brought already")
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise PluginError(f"'{name}' brings a folder where another plugin has the file of that name") from error
        os.replace(path, destination)
        moved.append(relative.as_posix())
    return tuple(sorted(moved))


def _left_out(relative: Path, path: Path) -> bool:
    if len(relative.parts) == 1 and (relative.name.startswith(".") or relative.suffix == ".pth"):
        return True  # an installer's lock; a file that would run code at the start of Python
    if relative.name == "direct_url.json" and relative.parent.suffix == ".dist-info":
        return True  # names a temporary folder
    return relative.parts[0] in _SCRIPTS or "__pycache__" in relative.parts or path.is_symlink()


def remove(files: Iterable[str], site: Path) -> None:
    """Removes ``files`` and the folders that they leave empty."""
    parents: set[Path] = set()
    for name in files:
        path = site / name
        path.unlink(missing_ok=True)
        parents.update(p for p in path.parents if site in p.parents)
    for folder in sorted(parents, key=lambda p: len(p.parts), reverse=True):
        if folder.is_dir() and all(child.name == "__pycache__" for child in folder.iterdir()):
            shutil.rmtree(folder)


def swap(staged: Path, site: Path) -> None:
    """Puts ``staged`` in the place of ``site`` by renaming. On ``PluginError``, ``site`` is as it was."""
    previous = previous_dir(site)
    shutil.rmtree(previous, ignore_errors=True)
    try:
        if site.exists():
            site.rename(previous)
        try:
            staged.rename(site)
        except OSError:
            if previous.exists():
                previous.rename(site)
            raise
    except OSError as error:
        raise PluginError(
            f"the folder {site} cannot be replaced ({error}). Close the other windows of the application"
        ) from error
    shutil.rmtree(previous, ignore_errors=True)
