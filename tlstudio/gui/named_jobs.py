"""Jobs of the worker's table that this window has started."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Slot

from tlstudio.api.events import Event
from tlstudio.gui.run_thread import RunThread


class NamedJobs(QObject):
    """Keeps their threads until they have ended."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._threads: list[RunThread] = []

    def start(self, name: str, arguments: dict[str, Any], on_event: Callable[[Event], None] | None = None) -> RunThread:
        def open_job() -> Any:
            from tlstudio import jobs

            return jobs.start(name, arguments)

        thread = RunThread(open_job, self)
        if on_event is not None:
            thread.event.connect(on_event)
        self._threads.append(thread)
        thread.finished.connect(self._on_finished)
        thread.start()
        return thread

    @property
    def running(self) -> int:
        return sum(thread.isRunning() for thread in self._threads)

    def shutdown(self, wait_ms: int = 10_000) -> None:
        """Stops them and waits; one that has not even begun by then is left alone, to end when it hears of it."""
        for thread in self._threads:
            thread.send("stop")
        for thread in self._threads:
            if not thread.wait(wait_ms):
                thread.leave()
                thread.wait(wait_ms)

    @Slot()
    def _on_finished(self) -> None:
        for thread in [one for one in self._threads if one.isFinished()]:
            self._threads.remove(thread)
            thread.deleteLater()
