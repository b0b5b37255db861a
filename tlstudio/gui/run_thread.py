"""The window's only kind of thread for jobs: iterates over events and emits them."""

import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from tlstudio.api.errors import StudioError
from tlstudio.api.events import Event, Failed


class RunThread(QThread):
    """Opens a job and emits its events, the last one terminal. ``open_job`` runs in this thread."""

    event = Signal(object)  # type: ignore[assignment]  # hides QObject.event, which nobody overrides here
    opened = Signal()  # the job is open: what it says from now on is emitted

    def __init__(self, open_job: Callable[[], Iterable[Event]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open_job = open_job
        self._job: Any = None
        self._early: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self._left = False

    def send(self, command: str, **arguments: Any) -> None:
        """Passes a command such as ``stop`` to the job; one given before the job is open is kept for it."""
        with self._lock:
            if self._job is None:
                self._early.append((command, arguments))
                return
        self._job.send(command, **arguments)

    def leave(self) -> None:
        """Turns away from a run that goes on by itself: no more events come, and the thread ends."""
        with self._lock:
            self._left = True
            job = self._job
        if job is not None:
            job.leave()

    def run(self) -> None:
        try:
            job: Any = self._open_job()
            with self._lock:
                self._job, early = job, self._early
            for command, arguments in early:
                job.send(command, **arguments)
            if self._left:
                job.leave()
            self.opened.emit()
            for event in job:
                if self._left:
                    break
                self.event.emit(event)
        except StudioError as error:
            self.event.emit(Failed(sentence=str(error), kind=type(error).__name__))
        except Exception as error:  # noqa: BLE001 - whatever happens here must reach the page as a sentence
            sentence = f"The work stopped because of an unexpected error: {error or type(error).__name__}."
            self.event.emit(Failed(sentence=sentence, kind=type(error).__name__, traceback=traceback.format_exc()))
