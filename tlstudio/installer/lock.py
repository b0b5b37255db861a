"""One installation at a time, over all processes of the user."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tlstudio.api.errors import PluginError


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds the lock file ``path``; the system gives it back when the process ends, however it ends.

    Raises ``PluginError`` at once where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        try:
            _take(file)
        except OSError as error:
            raise PluginError(
                "Another window or command is installing or removing a plugin at this moment; "
                "wait until it is done, then try again."
            ) from error
        try:
            yield
        finally:
            _give_back(file)


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _give_back(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _give_back(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
