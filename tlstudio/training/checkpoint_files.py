"""A run's checkpoints as files: which there are, which are whole, and where the run's history stood. No torch here.

``checkpoints/step-00000120.7/`` (the seventh that the run wrote, after 120 optimizer steps) holds ``state.json``,
``tensors.safetensors`` and ``manifest.json`` with the size and SHA-256 of each, also of the best model so far, which
lies beside the folder as ``best-<start of its SHA-256>.safetensors`` because several checkpoints share it.
"""

import contextlib
import dataclasses
import errno
import functools
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

FOLDER, STATE, TENSORS, MANIFEST, EVENTS = (
    "checkpoints", "state.json", "tensors.safetensors", "manifest.json", "events.jsonl",
)  # fmt: skip
SCHEMA_VERSION = 1
RESERVE, RESERVE_BYTES = "reserve", 1_000_000  # given up when the disk is full, so that the end can be written down
_NAME = re.compile(r"step-(\d{8,})\.(\d+)")


@dataclasses.dataclass(frozen=True)
class Found:
    """A checkpoint that is whole. ``state``: content of ``state.json``; ``best``: the best model's file, if any."""

    folder: Path
    serial: int
    state: dict[str, Any]
    best: Path | None
    best_sha256: str


def newest(run_dir: Path) -> tuple[Found | None, list[str]]:
    """The newest whole checkpoint, and a sentence about each newer one that is damaged."""
    problems: list[str] = []
    for folder in sorted(listed(run_dir), key=serial, reverse=True):
        try:
            return _read(folder), problems
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(f"The checkpoint {folder} is damaged ({_why(error)}); an older one is used.")
    return None, problems


def read(folder: Path) -> Found:
    """Raises ``OSError`` or ``ValueError`` where it is not whole."""
    return _read(folder)


def listed(run_dir: Path) -> list[Path]:
    """All of them, whole or not, in no order."""
    with contextlib.suppress(OSError):
        return [entry for entry in (run_dir / FOLDER).iterdir() if _NAME.fullmatch(entry.name)]
    return []


def serial(folder: Path) -> int:
    match = _NAME.fullmatch(folder.name)
    return int(match.group(2)) if match else -1


def name(step: int, number: int) -> str:
    return f"step-{step:08d}.{number}"


def best_name(sha256: str) -> str:
    return f"best-{sha256[:16]}.safetensors"


def describe(path: Path, sha256: str) -> dict[str, Any]:
    """A file's entry in a manifest."""
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256}


def write_text(path: Path, text: str) -> str:
    """Writes and syncs; returns the SHA-256."""
    data = text.encode()
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(data).hexdigest()


def sha256_of(path: Path, *, sync: bool = False) -> str:
    with path.open("rb") as file:
        if sync:
            os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes a rename in it last through a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def begin(run_dir: Path) -> None:
    """Before a worker goes on: removes what a crash left half-written, and cuts the history back to where the newest
    checkpoint saw it, so that no step is told twice. Call it while holding the run's lock.
    """
    for entry in _entries(run_dir / FOLDER):
        if entry.name.startswith("."):
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    found, _ = newest(run_dir)
    events = run_dir / EVENTS
    length = int(found.state["events_bytes"]) if found else 0
    if events.exists() and events.stat().st_size > length:
        os.truncate(events, length)
    _end_with_a_line(events)
    if found is None:
        for entry in _entries(run_dir / FOLDER):
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


def discard(run_dir: Path) -> None:
    """After a run has finished: nobody will go on from here."""
    shutil.rmtree(run_dir / FOLDER, ignore_errors=True)


def is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "os error 28" in str(error) or "No space left on device" in str(error)


def keep_reserve(run_dir: Path) -> None:
    """Sets a little space aside for the last words of a run on a full disk. Raises ``OSError`` where there is none."""
    path = run_dir / FOLDER / RESERVE
    if not path.exists() or path.stat().st_size < RESERVE_BYTES:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(RESERVE_BYTES))  # a file system that compresses would set nothing aside for zeros


def give_up_reserve(run_dir: Path) -> None:
    (run_dir / FOLDER / RESERVE).unlink(missing_ok=True)


def _read(folder: Path) -> Found:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["schema_version"] > SCHEMA_VERSION:
        raise ValueError("it was written by a newer version of the application")
    for entry in manifest["files"]:
        _check(folder, entry)
    best = _check(folder.parent, manifest["best"]) if manifest["best"] else None
    state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    return Found(folder, serial(folder), state, best, manifest["best"]["sha256"] if best else "")


def _check(folder: Path, entry: dict[str, Any]) -> Path:
    path = folder / str(entry["file"])
    if path.parent != folder or path.name in ("", ".", ".."):
        raise ValueError("a name in its manifest leaves its folder")
    stat = path.stat()
    if stat.st_size != entry["bytes"]:
        raise ValueError(f"{path.name} has {stat.st_size:,} bytes instead of {entry['bytes']:,}")
    if _digest(path, stat.st_mtime_ns, stat.st_size, stat.st_ino) != entry["sha256"]:
        raise ValueError(f"the content of {path.name} has changed")
    return path


@functools.lru_cache(maxsize=64)
def _digest(path: Path, _mtime_ns: int, _size: int, _inode: int) -> str:
    """Once in a process: the worker looks before it opens the history, and again when it loads."""
    return sha256_of(path)


def _why(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{Path(error.filename).name} is missing"
    if isinstance(error, json.JSONDecodeError):
        return "one of its files is cut short"
    return str(error) or type(error).__name__


def _entries(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(folder.iterdir())
    return []


def _end_with_a_line(events: Path) -> None:
    """A power cut may have left half a line at the end of a history that is shorter than it should be."""
    with contextlib.suppress(OSError), events.open("rb+") as file:
        data = file.read()
        if data and not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)
