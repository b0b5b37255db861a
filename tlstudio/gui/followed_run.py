"""One run with the thread that follows it."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from tlstudio.api.errors import StudioError
from tlstudio.api.events import Acknowledged, Continued, Event, Failed, Finished, Held
from tlstudio.gui.run_thread import RunThread

if TYPE_CHECKING:
    from tlstudio.project import Project
    from tlstudio.registry import Registry


class FollowedRun(QObject):
    """Says whose event it is. ``start`` starts the run; without it, its worker lives already."""

    happened = Signal(int, object)
    opened = Signal(int)  # from now on no event is missed
    finished = Signal(int)

    def __init__(self, project: "Project", run_id: int, start: Callable[[], Any] | None, parent: QObject) -> None:
        super().__init__(parent)
        self.run_id, self.started_here, self.heard = run_id, start is not None, 0
        self.ended = False  # it has said its last word

        def attach() -> Any:
            from tlstudio import jobs

            return jobs.attach(project, run_id)

        self._thread = RunThread(start or attach, self)
        self._thread.event.connect(self._on_event)
        self._thread.opened.connect(self._on_opened)
        self._thread.finished.connect(self._on_finished)

    def begin(self) -> None:
        self._thread.start()

    def send(self, command: str, **arguments: Any) -> None:
        """From any thread."""
        self._thread.send(command, **arguments)

    def leave(self) -> None:
        self._thread.leave()

    def wait(self, wait_ms: int) -> None:
        self._thread.wait(wait_ms)

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        self.heard += 1
        self.ended = self.ended or event.terminal
        self.happened.emit(self.run_id, event)

    @Slot()
    def _on_opened(self) -> None:
        self.opened.emit(self.run_id)

    @Slot()
    def _on_finished(self) -> None:
        self.finished.emit(self.run_id)


def starting(
    project: "Project", run_id: int, registry: "Callable[[], Registry]", insist: bool = False
) -> Callable[[], Any]:
    """What a thread calls to begin a run, or to go on with one; what speaks against that becomes the run's reason."""

    def start() -> Any:
        from tlstudio import jobs, resuming

        run = project.run(run_id)
        try:
            if (run.dir / "checkpoints").is_dir():
                resuming.check_parts(project, registry(), run, insist)
        except StudioError as error:
            project.update_run(run_id, state="failed", position=0, ended=time.time(), reason=str(error), pid=0)
            raise
        return jobs.start_run(project, run_id)

    return start


def speaks_for_itself(told: str, event: Event) -> bool:
    """Whether a run's own words say from here on how it is, after it was asked to take a state."""
    match event:
        case Acknowledged(command=command):
            return command != "continue"
        case Held() | Continued() | Finished() | Failed():
            return True
    return told == "starting"
