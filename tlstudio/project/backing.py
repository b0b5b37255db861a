"""When the database is backed up: at once after an import, and a while after the first of many small changes."""

import threading
from collections.abc import Callable

DELAY = 60.0  # seconds


class Backing:
    """``work`` writes the backup. Many changes in a row, such as one for each key that is pressed, make one backup."""

    def __init__(self, work: Callable[[], None], delay: float = DELAY) -> None:
        self._work, self._delay = work, delay
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None

    def soon(self) -> None:
        """Something has changed: there is a backup of it after the delay, or at :meth:`finish`."""
        with self._guard:
            if self._timer is None:
                self._timer = threading.Timer(self._delay, self.finish)
                self._timer.daemon = True
                self._timer.name = "project backup"
                self._timer.start()

    def finish(self) -> None:
        """Writes the backup now where one is due. Never raises: ``work`` tells what went wrong."""
        with self._guard:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            self._work()

    def done(self) -> None:
        """Somebody has written one already."""
        with self._guard:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
