"""Locks between processes that a dead process does not hold for ever: the operating system lets go of them."""

import contextlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import IO, Any

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_HELD: dict[str, dict[str, Any]] = {}  # by this process: on POSIX, closing any handle on a file lets go of its lock
LOCK = "worker.lock"  # in a run's folder; a living worker holds it
_TRIES, _RETRY_S = 6, 0.01
_FAR = 1 << 30  # the locked byte lies beyond what is written, since Windows refuses to read a locked range


class FileLock:
    """An exclusive lock on ``path`` for as long as this process lives, or until ``release``.

    The file's content says who holds it, for the sentence that another process shows; it stays behind when the lock
    is gone and then means nothing. Not inherited by child processes. Where the file system knows no locks,
    ``acquire`` raises ``OSError``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def acquire(self, **who: Any) -> bool:
        """False where another process holds it. ``who`` is written down beside ``pid``, ``host`` and ``time``."""
        if self._file is not None:
            return True
        if _name(self.path) in _HELD:
            return False
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 - stays open while the lock is held
        try:
            for attempt in range(_TRIES):  # whoever looks at a lock has it for an instant
                if attempt:
                    time.sleep(_RETRY_S)
                if _lock(file):
                    break
            else:
                file.close()
                return False
        except OSError:
            file.close()
            raise
        self._file = file
        mine = {"pid": os.getpid(), "host": platform.node(), "time": round(time.time(), 3), **who}
        _HELD[_name(self.path)] = mine
        with contextlib.suppress(OSError):  # a full disk must not keep anyone from working
            file.seek(0)
            file.truncate()
            json.dump(mine, file)
            file.flush()
        return True

    def release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                with contextlib.suppress(OSError):
                    _unlock(file)
                file.close()
            finally:  # not before: to close a file ends every lock of this process on it
                _HELD.pop(_name(self.path), None)


def holder(path: Path) -> dict[str, Any] | None:
    """What the process that holds the lock wrote down: ``None`` where nobody holds it, ``{}`` where that is unknown."""
    if _name(path) in _HELD:
        return _HELD[_name(path)]
    try:
        with open(path, "r+", encoding="utf-8") as file:
            for attempt in range(2):  # another who looks has it for an instant
                if attempt:
                    time.sleep(_RETRY_S / 2)
                if _lock(file):
                    _unlock(file)
                    return None
            try:
                found = json.loads(file.read())
            except ValueError:
                return {}
            return found if isinstance(found, dict) else {}
    except OSError:
        return None


def _name(path: Path) -> str:
    return os.path.realpath(path)


if sys.platform == "win32":

    def _lock(file: IO[str]) -> bool:
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            file.seek(0)
        return True

    def _unlock(file: IO[str]) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        file.seek(0)

else:

    def _lock(file: IO[str]) -> bool:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _FAR)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(file: IO[str]) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, _FAR)
