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
    from tlstudio.project.project_lock import FILE

    project = Project.create(path) if create else Project.open(path)
    taken, until = project.take_lock(), time.monotonic() + _PATIENCE_S
    while taken and time.monotonic() < until:
        who = locks.holder(project.path / FILE)
        if who is None:  # let go of between the two looks, or a drive without locks: one more try tells
            until = 0
        elif who.get("pid") == os.getpid():
            time.sleep(0.02)
        else:
            break
        taken = project.take_lock()
    if taken:
        project.close()
        raise ProjectError(taken)
    return project


def discover(disabled: list[str]) -> "Registry":
    """Finds the plugins."""
    from tlstudio import installer
    from tlstudio.registry import Registry

    installer.activate()
    return Registry.discover(disabled=disabled)
