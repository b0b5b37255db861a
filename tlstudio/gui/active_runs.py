"""Runs that train now: followed by a thread each, whoever started them; and the queue, worked off one after another."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from tlstudio.api.events import Continued, Event, Failed, Held
from tlstudio.gui.background import Background
from tlstudio.gui.followed_run import FollowedRun, speaks_for_itself, starting
from tlstudio.gui.project_watch import ALIVE, Look, ProjectWatch
from tlstudio.gui.run_history import RunHistories

if TYPE_CHECKING:
    from tlstudio.project import Project
    from tlstudio.registry import Registry

_AT_ONCE = {"stop": "stopping", "park": "parking", "hold": "pausing", "continue": "running"}


class ActiveRuns(QObject):
    """The queue lives in the project. While this window holds its lock, it starts the first run whenever none trains.

    ``paused``: the queue waits until the user wants it, as after opening a project.
    """

    happened = Signal(int, object)
    followed = Signal(int)  # from now on nothing that this run says is missed
    changed = Signal()  # a run started, ended, joined or left the queue, or was told something
    problem = Signal(str)

    def __init__(self, watch: ProjectWatch, registry: "Callable[[], Registry]", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watch, self._registry = watch, registry
        self._watch.wants_queue = self._wants_queue
        self._watch.looked.connect(self._on_looked)
        self._wire = Background(self, threads=1)  # commands in their order, off this thread
        self._wire.failed.connect(self.problem)
        self._project: Project | None = None
        self._runs: dict[int, FollowedRun] = {}
        self.history = RunHistories()
        self._told: dict[int, str] = {}
        self._queue: list[int] = []
        self._tried: set[int] = set()
        self._insisted: set[int] = set()
        self._known = False
        self._closed = self._handed_over = False
        self.paused = False
        self.elsewhere = False
        self.found_waiting = False  # paused since the project was opened: nobody was working it off
        self.held_back = ""  # why nothing starts for now, such as a full disk

    # ---- what there is

    @property
    def running(self) -> int:
        """The id of the run that trains (of the first, where there are several); 0 where none does."""
        return next(iter(self.running_ids), 0)

    @property
    def running_ids(self) -> list[int]:
        return [run_id for run_id, run in self._runs.items() if not run.ended]

    @property
    def busy(self) -> bool:
        """Whether anything trains, or has said its last word and is about to go."""
        return bool(self._runs)

    @property
    def waiting(self) -> list[int]:
        """The queue, in its order."""
        return [run_id for run_id in self._queue if not self._is_running(run_id)]

    def _is_running(self, run_id: int) -> bool:
        return run_id in self._runs and not self._runs[run_id].ended

    def told(self, run_id: int) -> str:
        """The state that a run was just asked to take, until it has it; empty otherwise."""
        return self._told.get(run_id, "")

    # ---- the project

    def begin(self, project: "Project | None") -> None:
        """Another project is open: what still trains in the one before goes on without this window."""
        self.leave_all()
        self._project = project
        self._queue, self._known = [], False
        self.history.clear()
        self._told.clear()
        self._tried.clear()
        self._insisted.clear()
        self.paused = self.elsewhere = self.found_waiting = self._handed_over = False
        self.held_back = ""
        self.changed.emit()

    def leave_all(self) -> None:
        for run in self._runs.values():
            run.leave()
        self._runs.clear()

    def hand_over(self) -> None:
        """Another process works off the queue from now on; what trains is still followed."""
        self._handed_over = True

    def shutdown(self, wait_ms: int = 20_000) -> None:
        """Turns away from what trains; the workers go on. Whoever wants them ended asks before."""
        self._closed = True
        runs = list(self._runs.values())
        self._wire.close()
        self.leave_all()
        for run in runs:
            run.wait(wait_ms)

    # ---- what the user wants

    def start(self, run_ids: list[int], *, first: bool = False) -> None:
        """Trains the runs as soon as no other does; ``first``: before all others that wait.

        Where the queue was paused, they are what the user wants now, and the others follow.
        """
        self._put(run_ids, first=first or (self.paused and not self._runs))
        self.paused = self.found_waiting = False

    def enqueue(self, run_ids: list[int]) -> None:
        """Lines runs up. Where nothing trains or waits yet, nothing starts either, until the user says so."""
        if not self._runs and not self._queue and not self.elsewhere:
            self.paused = True
        self._put(run_ids)

    def _put(self, run_ids: list[int], *, first: bool = False) -> None:
        project = self._project
        if project is None:
            return
        fresh = [run_id for run_id in run_ids if run_id not in self._queue and not self._is_running(run_id)]
        self._queue = fresh + self._queue if first else self._queue + fresh
        self._known = True
        self._tried.difference_update(run_ids)
        if self._queue[:1] != fresh[:1] or self.running:
            for run_id in fresh:
                self._told.pop(run_id, None)  # it waits

        def change() -> None:
            for place, run_id in enumerate(fresh, start=1):
                project.enqueue(run_id)
                if first:
                    project.move(run_id, place)

        self._edit(change)

    def resume(self, run_id: int, *, insist: bool = False) -> None:
        """Goes on with a run that was interrupted, before all that wait. ``insist``: although something differs."""
        if insist:
            self._insisted.add(run_id)
        self.start([run_id], first=True)

    def start_beside(self, run_id: int) -> None:
        """Trains the run at once, whatever else trains."""
        self._follow(run_id, start=True)
        self.changed.emit()

    def move(self, run_id: int, place: int) -> None:
        """``place`` from 1."""
        project = self._project
        if project is None or run_id not in self._queue:
            return
        self._queue.remove(run_id)
        self._queue.insert(place - 1, run_id)
        self._edit(lambda: project.move(run_id, place))

    def remove(self, run_id: int) -> None:
        """Takes a run out of the queue; it stays in the list of runs."""
        project = self._project
        if project is not None and run_id in self._queue:
            self._queue.remove(run_id)
            self._edit(lambda: project.dequeue(run_id))

    def put_back(self, run_id: int, place: int) -> None:
        """A run that was taken out, at the place where it was. Nothing starts that would not have."""
        self._put([run_id])
        self.move(run_id, min(place, len(self._queue)))

    def set_paused(self, paused: bool) -> None:
        """Whether the queue waits; the run that trains is not touched."""
        self.paused, self.found_waiting = paused, False
        self._tried.clear()
        self._watch.look()
        self.changed.emit()

    def expect(self, run_id: int, state: str) -> None:
        """Shows a state that the run is about to have; an empty one takes that back."""
        self._told.pop(run_id, None)
        if state:
            self._told[run_id] = state
        self.changed.emit()

    def send(self, run_id: int, command: str, **arguments: Any) -> bool:
        """Tells a run that trains; false where this window does not follow it."""
        run = self._runs.get(run_id)
        if run is None or run.ended:
            return False
        if command in _AT_ONCE:
            self._told[run_id] = _AT_ONCE[command]
            self.changed.emit()
        self._wire.submit(lambda: run.send(command, **arguments), _nothing)
        return True

    def _edit(self, change: Any) -> None:
        self._watch.edit(change)
        self.changed.emit()

    # ---- what happens

    def _wants_queue(self) -> bool:
        """The lock is held while there is something to work off, so that a terminal may do it otherwise."""
        working = any(run.started_here for run in self._runs.values())
        return not (self._closed or self._handed_over) and (working or (bool(self._queue) and not self.paused))

    @Slot(object)
    def _on_looked(self, look: Look) -> None:
        if look.project is not self._project or self._closed:
            return
        before = (self._queue, self.elsewhere, list(self._runs))
        self.elsewhere = look.elsewhere
        if look.edits == self._watch.edits:
            self._queue = look.queue
            if not self._known:
                self._known = True
                self.paused = self.found_waiting = bool(self._queue) and not look.alive and not look.elsewhere
        for run in look.runs:
            if run.id in look.alive and run.id not in self._runs:
                self._follow(run.id, start=False)
        self._start_next(look)
        if (self._queue, self.elsewhere, list(self._runs)) != before:
            self.changed.emit()

    def _start_next(self, look: Look) -> None:
        busy = self._runs or any(run.state in ALIVE for run in look.runs)
        if not self._queue or busy or self.paused or self.held_back or self._handed_over:
            return
        if not look.mine:
            if not look.elsewhere:
                self._watch.look()  # the lock is free: it is taken by the next look
            return
        run_id = self._queue[0]
        if run_id in self._tried:  # it would not start, and has said why
            self.paused = True
            return
        self._tried.add(run_id)
        self._follow(run_id, start=True)

    def _follow(self, run_id: int, *, start: bool) -> None:
        assert self._project is not None
        opener = starting(self._project, run_id, self._registry, run_id in self._insisted) if start else None
        run = FollowedRun(self._project, run_id, opener, self)
        self._told.pop(run_id, None)
        if start:
            self._told[run_id] = "starting"
        self._runs[run_id] = run
        run.happened.connect(self._on_event)
        run.opened.connect(self._on_opened)
        run.finished.connect(self._on_finished)
        run.begin()

    @Slot(int)
    def _on_opened(self, run_id: int) -> None:
        if run_id in self._runs:
            self.followed.emit(run_id)

    @Slot(int, object)
    def _on_event(self, run_id: int, event: Event) -> None:
        if run_id not in self._runs:
            return
        first = self._runs[run_id].heard == 1
        self.history.add(run_id, event)
        if speaks_for_itself(self.told(run_id), event):
            self._told.pop(run_id, None)
        if isinstance(event, Failed) and first:
            self.problem.emit(event.sentence)  # it did not even start
            if event.kind == "UsageError":
                return  # since it is not to be had, which says nothing of how it fares
        self.happened.emit(run_id, event)
        if first or event.terminal or isinstance(event, Held | Continued):
            self.changed.emit()
            self._watch.look()

    @Slot(int)
    def _on_finished(self, run_id: int) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None:
            self._told.pop(run_id, None)
            if run.heard > 1:
                self._tried.discard(run_id)
            run.deleteLater()
            self._watch.look()
            self.changed.emit()


def _nothing(_result: object) -> None:
    """What comes of a command is said by the run."""
