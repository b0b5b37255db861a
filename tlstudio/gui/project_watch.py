"""Looks at the project again and again, in a thread of its own: other processes train and queue runs too."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from tlstudio import locks
from tlstudio.gui.background import Background

if TYPE_CHECKING:
    from tlstudio.project import Project, Run

INTERVAL_MS = 1000
ALIVE = ("running", "holding", "stopping")


@dataclasses.dataclass(frozen=True)
class Look:
    """The runs as they were at one moment. ``alive``: their worker lives."""

    project: "Project"
    runs: "list[Run]"
    alive: frozenset[int]
    mine: bool  # this window works off the queue
    elsewhere: bool  # another process does
    edits: int  # how many edits had been made by then

    @property
    def queue(self) -> list[int]:
        """Ids of the runs that wait, in their order."""
        waiting = [run for run in self.runs if run.state == "queued" and run.position > 0]
        return [run.id for run in sorted(waiting, key=lambda run: run.position)]


class ProjectWatch(QObject):
    """One look at a time; edits and looks come one after another, so that a look after an edit shows it.

    ``wants_queue`` says whether the queue's lock is to be held from now on.
    """

    looked = Signal(object)  # Look
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._line = Background(self, threads=1)
        self._line.failed.connect(self.failed)
        self._project: Project | None = None
        self._due = self._busy = False
        self.edits = 0
        self.wants_queue: Callable[[], bool] = bool
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.look)

    def follow(self, project: "Project | None") -> None:
        self._project = project
        if project is None:
            self._timer.stop()
        else:
            self._timer.start()
            self.look()

    @Slot()
    def look(self) -> None:
        """Now, or as soon as the look that is going on has ended."""
        project = self._project
        if project is None:
            return
        if self._busy:
            self._due = True
            return
        self._busy, self._due = True, False
        wanted, edits = self.wants_queue(), self.edits
        self._line.submit(lambda: _look(project, wanted, edits), self._on_looked, self._on_failed)

    def edit(
        self,
        change: Callable[[], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Changes something in the project, then calls ``done`` with what came of it, and looks at once."""
        self.edits += 1

        def on_done(result: Any) -> None:
            if done is not None:
                done(result)
            self.look()

        def on_failed(sentence: str) -> None:
            (failed or self.failed.emit)(sentence)
            self.look()

        self._line.submit(change, on_done, on_failed)

    def retire(self, project: "Project") -> None:
        """Closes a project that is no longer shown, after what is still being done with it."""
        self._line.submit(lambda: _retire(project), _nothing, _nothing)

    def close(self, project: "Project | None") -> None:
        """Waits for what is being done, and lets go of the queue."""
        self._timer.stop()
        self._project = None
        self._line.close()
        if project is not None:
            project.queue_lock.release()

    def _on_looked(self, look: Look) -> None:
        self._busy = False
        if look.project is self._project:
            self.looked.emit(look)
        if self._due:
            self.look()

    def _on_failed(self, sentence: str) -> None:
        self._busy = False
        if self._project is not None:
            self.failed.emit(sentence)


def _look(project: "Project", wants_queue: bool, edits: int) -> Look:
    runs = project.runs()
    if any(run.state in ALIVE for run in runs) and project.reconcile():
        runs = project.runs()
    alive = frozenset(run.id for run in runs if run.state in ALIVE and locks.holder(run.dir / locks.LOCK) is not None)
    lock = project.queue_lock
    if wants_queue:
        lock.acquire(purpose="window")
    elif lock.held:
        lock.release()
    elsewhere = not lock.held and locks.holder(lock.path) is not None
    return Look(project, runs, alive, lock.held, elsewhere, edits)


def _retire(project: "Project") -> None:
    project.queue_lock.release()
    project.close()


def _nothing(_result: object) -> None:
    """Nobody waits for it."""
