"""Short reads off the window's thread: database queries, listings, sniffing a folder."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Signal, Slot

from tlstudio.api.errors import StudioError

log = logging.getLogger(__name__)


class Background(QObject):
    """Runs functions in a pool and hands their results to callbacks in the window's thread.

    A callback that belongs to a widget which is gone by then is dropped. Python's pool, not Qt's: waiting for Qt's
    keeps the interpreter's lock, for which the threads would wait in turn.
    """

    failed = Signal(str)

    _delivered = Signal(object)

    def __init__(self, parent: QObject | None = None, threads: int = 2) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
        self._waiting: dict[int, tuple[Callable[[Any], None], Callable[[str], None] | None]] = {}
        self._next = 0
        self._closed = False
        self._delivered.connect(self._on_delivered)

    def submit(
        self,
        function: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Calls ``function`` in a thread, then ``done(result)`` or ``failed(sentence)`` here."""
        if self._closed:
            return
        self._next += 1
        self._waiting[self._next] = (done, failed)
        self._pool.submit(self._run, self._next, function)

    @property
    def idle(self) -> bool:
        return not self._waiting

    def close(self) -> None:
        """Drops what waits and lets what runs end."""
        self._closed = True
        self._waiting.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, number: int, function: Callable[[], Any]) -> None:
        """In a thread of the pool."""
        try:
            outcome: tuple[int, Any, Exception | None] = (number, function(), None)
        except Exception as error:  # noqa: BLE001 - carried to the window's thread and reported there
            outcome = (number, None, error)
        if shiboken6.isValid(self):
            self._delivered.emit(outcome)

    @Slot(object)
    def _on_delivered(self, outcome: tuple[int, Any, Exception | None]) -> None:
        number, result, error = outcome
        done, failed = self._waiting.pop(number, (None, None))
        if done is None:
            return
        if error is None:
            if _alive(done):
                done(result)
            return
        sentence = str(error) if isinstance(error, StudioError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, StudioError):
            log.error("A read in the background failed", exc_info=error)
        if failed is not None and _alive(failed):
            failed(sentence)
        elif failed is None:
            self.failed.emit(sentence)


def _alive(callback: Callable[..., Any]) -> bool:
    owner = getattr(callback, "__self__", None)
    return not isinstance(owner, QObject) or shiboken6.isValid(owner)
