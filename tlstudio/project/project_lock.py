"""One window per project, whichever machine it runs on."""

import contextlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from tlstudio.locks import FileLock, holder
from tlstudio.project.copying import write_text
from tlstudio.project.processes import identity, lives

FILE = "project.lock"


class ProjectLock:
    """A lock that dies with its process. Where the drive knows no locks, what is written in the file decides; it is
    removed when the project is closed.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = FileLock(self._path)
        self._written = False  # it holds by its content alone

    def take(self, purpose: str) -> str | None:
        """None where it is ours now, or a sentence that says whose it is."""
        if self._written:
            return None
        who = {"purpose": purpose, "process": identity(os.getpid())}
        try:
            if self._lock.acquire(**who):
                return None
            return describe(self._path.parent, holder(self._path) or {})
        except OSError:
            return self._take_without_locks(who)

    def release(self) -> None:
        if self._lock.held:
            with contextlib.suppress(OSError):
                os.truncate(self._path, 0)
            self._lock.release()
        if self._written:
            self._written = False
            self._path.unlink(missing_ok=True)

    def _take_without_locks(self, who: dict[str, Any]) -> str | None:
        found = _read(self._path)
        if found and (found.get("host") != platform.node() or lives(found.get("pid", 0), found.get("process", ""))):
            there = describe(self._path.parent, found)
            return f"{there} The drive knows no locks: if nobody has it open any more, delete {self._path}."
        mine = {"pid": os.getpid(), "host": platform.node(), "time": time.time(), **who}
        try:
            write_text(self._path, json.dumps(mine))
        except OSError as error:
            return f"The project {self._path.parent} cannot be written: {error.strerror}. Open a copy of it."
        self._written = True
        return None


def describe(folder: Path, who: dict[str, Any]) -> str:
    """Who has the project, as far as is known."""
    place = ""
    if isinstance(who.get("pid"), int):
        place = f" by process {who['pid']}"
    if isinstance(host := who.get("host"), str) and host and host != platform.node():
        place += f" on the machine {host}"
    since = ""
    if isinstance(who.get("time"), int | float):
        with contextlib.suppress(ValueError, OverflowError, OSError):
            since = f" since {time.strftime('%d %B, %H:%M', time.localtime(who['time']))}"
    what = "in another window" if who.get("purpose", "window") == "window" else f"for {who['purpose']}"
    return f"The project {folder} is open {what}{place}{since}. Close it there, or go on there."


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
