"""Where the user's plugins lie, and how a process comes to see them."""

import os
import sys
from pathlib import Path

from tlstudio import paths


def root() -> Path:
    """Holds the folder of each Python version, the lock and, while something is installed, its staging."""
    return (paths.data_dir() / "plugins").absolute()


def site_dir() -> Path:
    """The packages for the Python that runs now; one folder for each, since compiled packages differ."""
    return root() / f"py{sys.version_info.major}{sys.version_info.minor}"


def previous_dir(site: Path) -> Path:
    """Where ``site`` waits for the moment between two renames."""
    return site.with_name(f"{site.name}.previous")


def recover(site: Path) -> None:
    """Puts the former folder back where a process died between two renames."""
    if not site.exists() and previous_dir(site).exists():
        previous_dir(site).rename(site)


def activate() -> None:
    """Lets this process import the user's plugins; call it at start-up, and again after an installation.

    The folder is appended, and no ``.pth`` file in it is read: nothing there can shadow the application's own
    packages. In safe mode (``TLSTUDIO_SAFE_MODE``) nothing is added.
    """
    if os.environ.get("TLSTUDIO_SAFE_MODE", "") not in ("", "0"):
        return
    site = site_dir()
    entry = str(site)
    if entry not in sys.path:
        recover(site)
        if site.is_dir():
            sys.path.append(entry)
    sys.path_importer_cache.pop(entry, None)


def application_path() -> list[str]:
    """``sys.path`` without the user's plugins: what the application itself brings."""
    mine = str(site_dir())
    return [entry or os.getcwd() for entry in sys.path if entry != mine]
