"""One download of a file at a time, over all processes of this machine."""

import contextlib
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

from tlstudio.api.events import Event, Progress
from tlstudio.control import Control

if sys.platform == "win32":
    import msvcrt

    def _try(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def locked(path: Path, control: Control) -> Iterator[Generator[Event, None, None]]:
    """Gives a generator to run through (``yield from``): it ends once the lock is ours. Freed at the exit
    of the block, and by the system when the process ends. Raises ``StoppedByUser`` while waiting.
    """
    with path.open("ab") as file:
        yield _wait(file, path, control)


def _wait(file: IO[bytes], path: Path, control: Control) -> Generator[Event, None, None]:
    told = 0.0
    while True:
        try:
            _try(file)
            return
        except OSError:
            control.raise_if_stopped()
            if time.monotonic() - told > 2:
                told = time.monotonic()
                yield Progress(done=0, total=0, unit="bytes", text=f"Another window is fetching {path.stem}")
            time.sleep(0.1)
