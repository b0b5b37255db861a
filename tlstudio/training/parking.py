"""A run that ends so that it can go on later; above all where the disk is full, and a word of warning before it is."""

import shutil
from pathlib import Path
from typing import Any

from tlstudio.control import Parked
from tlstudio.training import checkpoint_files, restore
from tlstudio.training.spec import RunSpec


def result(folder: Path, spec: RunSpec, parked: Parked, needed_bytes: int) -> dict[str, Any]:
    """What ``tlstudio train --json`` prints of it. ``needed_bytes``: of disk, before it can go on (0: not known)."""
    checkpoint_files.give_up_reserve(folder)
    found, _ = checkpoint_files.newest(folder)
    said: dict[str, Any] = {
        "run": spec.run,
        "status": "parked",
        "reason": parked.reason,
        "reason_kind": parked.kind,
    }
    if needed_bytes:
        said["needed_bytes"] = needed_bytes
    said["step"] = found.state["clock"]["step"] if found else 0
    if (folder / restore.MODEL_FILE).exists():
        said["model"] = str(folder / restore.MODEL_FILE)
    return said


def of_full_disk(folder: Path, error: OSError, needed_bytes: int) -> Parked:
    free, needed = shutil.disk_usage(folder).free, max(needed_bytes, checkpoint_files.RESERVE_BYTES)
    return Parked(
        f"The disk is full: {error.filename or 'a file of the project'} could not be written. "
        f"{free / 1e6:,.1f} MB are free, and the run needs about {needed / 1e6:,.0f} MB. What its last "
        "checkpoint holds is intact. Make room, and resume it.",
        "disk-full",
        needed,
    )


def little_room(folder: Path, needed_bytes: int) -> list[str]:
    """A sentence where the disk has less than that free."""
    free = shutil.disk_usage(folder).free
    if free >= needed_bytes:
        return []
    return [
        f"The disk that holds the project has {free / 1e6:,.0f} MB free, and this run may need "
        f"{needed_bytes / 1e6:,.0f} MB for its checkpoints. When the disk is full it parks, to go on once there is "
        "room."
    ]
