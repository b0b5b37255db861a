"""The window's only kind of thread for jobs: iterates over events and emits them."""

import traceback
from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from tlstudio.api.errors import StudioError
from tlstudio.api.events import Event, Failed


class RunThread(QThread):
    """Opens a job and emits its events, the last one terminal. ``open_job`` runs in this thread."""

    event = Signal(object)  # type: ignore[assignment]  # hides QObject.event, which nobody overrides here

    def __init__(self, open_job: Callable[[], Iterable[Event]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open_job = open_job
        self._job: Any = None
        self._commands: list[str] = []

    def send(self, command: str) -> None:
        """Passes a command such as ``stop`` to the job; one given before the job is open is kept for it."""
        if self._job is None:
            self._commands.append(command)
        else:
            self._job.send(command)

    def run(self) -> None:
        try:
            self._job = self._open_job()
            for command in self._commands:
                self._job.send(command)
            for event in self._job:
                self.event.emit(event)
        except StudioError as error:
            self.event.emit(Failed(sentence=str(error), kind=type(error).__name__))
        except Exception as error:  # noqa: BLE001 - whatever happens here must reach the page as a sentence
            sentence = f"The work stopped because of an unexpected error: {error or type(error).__name__}."
            self.event.emit(Failed(sentence=sentence, kind=type(error).__name__, traceback=traceback.format_exc()))
