"""What takes a while when a project, or the application, is opened; meant for a thread other than the window's."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio import locks
from tlstudio.api.errors import ProjectError

if TYPE_CHECKING:
    from tlstudio.project import Project
    from tlstudio.registry import Registry

_PATIENCE_S = 5.0  # for this window itself, which may just be closing the same project


def open_locked(path: Path, *, create: bool) -> "Project":
    """Opens or makes a project, and keeps other windows from it. Raises :class:`ProjectError`."""
    from tlstudio.project import Project

    project = Project.create(path) if create else Project.open(path)
    taken, until = project.take_lock(), time.monotonic() + _PATIENCE_S
    while taken and _is_ours(project) and time.monotonic() < until:
        time.sleep(0.02)
        taken = project.take_lock()
    if taken:
        project.close()
        raise ProjectError(taken)
    return project


def _is_ours(project: "Project") -> bool:
    from tlstudio.project.project_lock import FILE

    return (locks.holder(project.path / FILE) or {}).get("pid") == os.getpid()


def discover(disabled: list[str]) -> "Registry":
    """Finds the plugins."""
    from tlstudio import installer
    from tlstudio.registry import Registry

    installer.activate()
    return Registry.discover(disabled=disabled)
