"""Runs that were parked because the disk was full go on by themselves when there is room."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

from tlstudio.api.events import Event, Finished
from tlstudio.gui.session import Session

if TYPE_CHECKING:
    from tlstudio.project import Project

INTERVAL_MS = 10_000


class RoomWatch(QObject):
    """Looks every ten seconds while a run waits for room; until then no other run is started either."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._waiting: list[int] = []
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.look)
        session.run_event.connect(self._on_run_event)
        session.project_changed.connect(self._on_project_changed)
        session.runs_changed.connect(self._on_runs_changed)

    @property
    def waiting(self) -> list[int]:
        return list(self._waiting)

    @Slot(int, object)
    def _on_run_event(self, run_id: int, event: Event) -> None:
        if isinstance(event, Finished) and event.result.get("reason_kind") == "disk-full" and event.status == "parked":
            if self._session.active.elsewhere or run_id in self._waiting:
                return  # whoever works off the queue there waits for room as well
            self._waiting.append(run_id)
            self._session.active.held_back = f"Run {run_id} waits for room on the disk."
            reason = str(event.result.get("reason", "The disk is full."))
            self._session.say("warning", f"Run {run_id} is parked; it goes on by itself when there is room. {reason}")
            self._timer.start()

    @Slot()
    def look(self) -> None:
        project, waiting = self._session.project, self.waiting
        if project is not None and waiting:
            self._session.background.submit(lambda: (project, _with_room(project, waiting[0])), self._on_looked)

    def _on_looked(self, answer: "tuple[Project, int]") -> None:
        project, run_id = answer
        if project is self._session.project and run_id in self._waiting:
            self._end()
            self._session.say("ok", f"There is room on the disk again: run {run_id} goes on.")
            self._session.active.resume(run_id)

    @Slot()
    def _on_runs_changed(self) -> None:
        """Somebody may have resumed it meanwhile."""
        for run_id in self.waiting:
            run = self._session.run(run_id)
            if run is not None and run.state != "parked" and run_id not in self._session.active.running_ids:
                self._end()

    @Slot()
    def _on_project_changed(self) -> None:
        self._end()

    def _end(self) -> None:
        self._waiting.clear()
        self._timer.stop()
        self._session.active.held_back = ""


def _with_room(project: "Project", run_id: int) -> int:
    """The run, where it can go on now; 0 otherwise."""
    from tlstudio import resuming

    return run_id if resuming.has_room(project.run(run_id)) else 0
