"""Runs of this session: the one that trains, those that wait, and what each has said."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from tlstudio.api.events import Event
from tlstudio.gui.run_thread import RunThread

if TYPE_CHECKING:
    from tlstudio.project import Project


class _ActiveRun(QObject):
    """One run with its thread; says whose event it is."""

    happened = Signal(int, object)
    finished = Signal(int)

    def __init__(self, project: "Project", run_id: int, parent: QObject) -> None:
        super().__init__(parent)
        self.project, self.run_id = project, run_id

        def open_job() -> Any:
            from tlstudio import jobs

            return jobs.start_run(project, run_id)

        self.thread_ = RunThread(open_job, self)
        self.thread_.event.connect(self._on_event)
        self.thread_.finished.connect(self._on_finished)

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        self.happened.emit(self.run_id, event)

    @Slot()
    def _on_finished(self) -> None:
        self.finished.emit(self.run_id)


class ActiveRuns(QObject):
    """One run trains at a time, since two on one machine slow each other down; the others wait in order."""

    happened = Signal(int, object)
    changed = Signal()  # a run started, ended, or joined or left the queue

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: _ActiveRun | None = None
        self._waiting: list[tuple[Project, int]] = []
        self._history: dict[int, list[Event]] = {}
        self._closed = False

    @property
    def running(self) -> int:
        """The id of the run that trains; 0 where none does."""
        return self._running.run_id if self._running else 0

    @property
    def waiting(self) -> list[int]:
        return [run_id for _, run_id in self._waiting]

    def history(self, run_id: int) -> list[Event]:
        return self._history.get(run_id, [])

    def start(self, project: "Project", run_id: int) -> None:
        if run_id == self.running or run_id in self.waiting:
            return
        self._waiting.append((project, run_id))
        self._start_next()
        self.changed.emit()

    def stop(self, run_id: int) -> None:
        if self._running is not None and self._running.run_id == run_id:
            self._running.thread_.send("stop")
            return
        for project, waiting in list(self._waiting):
            if waiting == run_id:
                self._waiting.remove((project, waiting))
                project.update_run(run_id, state="stopped", reason="Taken from the queue before it began.")
                self.changed.emit()

    def stop_all(self) -> None:
        for run_id in self.waiting:
            self.stop(run_id)
        if self._running is not None:
            self.stop(self._running.run_id)

    def shutdown(self, wait_ms: int = 20_000) -> None:
        """Stops the run that trains and waits for its worker; those that wait stay queued in the project."""
        self._closed = True
        self._waiting.clear()
        if self._running is not None:
            self._running.thread_.send("stop")
            self._running.thread_.wait(wait_ms)

    def _start_next(self) -> None:
        if self._running is not None or self._closed or not self._waiting:
            return
        project, run_id = self._waiting.pop(0)
        self._history[run_id] = []
        self._running = _ActiveRun(project, run_id, self)
        self._running.happened.connect(self._on_event)
        self._running.finished.connect(self._on_finished)
        self._running.thread_.start()

    @Slot(int, object)
    def _on_event(self, run_id: int, event: Event) -> None:
        self._history[run_id].append(event)
        first = len(self._history[run_id]) == 1
        self.happened.emit(run_id, event)
        if first:
            self.changed.emit()

    @Slot(int)
    def _on_finished(self, _run_id: int) -> None:
        if self._running is not None:
            self._running.deleteLater()
            self._running = None
        self._start_next()
        self.changed.emit()
