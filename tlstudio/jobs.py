"""Long work as the window and the command line see it: started, followed, stopped."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any, Protocol

from tlstudio import locks, mailbox
from tlstudio.api.engine import Engine
from tlstudio.api.errors import UsageError
from tlstudio.api.events import Event, Failed, JobStarted
from tlstudio.attaching import AttachedRun
from tlstudio.locks import LOCK
from tlstudio.process import ENDINGS, WorkerProcess
from tlstudio.project import Project, Run
from tlstudio.registry import Registry
from tlstudio.run_row import ALIVE, RunRow

__all__ = ["AttachedRun", "Job", "NamedJob", "RunJob", "attach", "start", "start_run"]
_ENDING_S = 10.0  # in which a worker whose run is over has to be gone


class Job(Protocol):
    """Iterate once, in a thread of your own; the last event is terminal. ``send`` is safe from any thread."""

    def __iter__(self) -> Iterator[Event]: ...

    def send(self, command: str, **arguments: Any) -> None: ...


class NamedJob:
    """A job of the worker's table, in a child process."""

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        self._name, self._arguments, self._process = name, arguments, WorkerProcess()

    def __iter__(self) -> Iterator[Event]:
        ended = False
        try:
            for event in self._process.run(["--job", self._name], first_line=json.dumps(self._arguments)):
                ended = ended or event.terminal
                yield event
        finally:
            if not ended:  # the caller has turned away: nobody wants the result any more
                self._process.send("stop")

    def send(self, command: str, **arguments: Any) -> None:
        self._process.send(command, **arguments)

    def leave(self) -> None:
        """Ends the iteration without a terminal event; the process is told to stop, and not waited for."""
        self._process.leave()


class RunJob:
    """Training through the run's engine; keeps the run's row in the project true while it goes."""

    def __init__(self, project: Project, run_id: int, engine: Engine) -> None:
        self._row, self._engine, self._dir = RunRow(project, run_id), engine, project.run_dir(run_id)
        self._pid, self._ending, self._left = 0, False, False

    def __iter__(self) -> Iterator[Event]:
        ended = False
        try:
            for event in self._engine.run(self._dir):
                self._record(event)
                ended = ended or event.terminal
                yield event
        finally:
            if not (ended or self._ending or self._left):  # the caller has turned away or was interrupted
                self._engine.send("park")

    def send(self, command: str, **arguments: Any) -> None:
        if command == "stop":
            self._row.update(state="stopping")
        self._ending = self._ending or command in ENDINGS
        self._engine.send(command, **arguments)

    def leave(self) -> None:
        """Ends the iteration without a terminal event; the run goes on, where its engine can do without us."""
        if hasattr(self._engine, "leave"):
            self._left = True
            self._engine.leave()

    def settle(self) -> None:
        """Writes into the run's row what a full disk kept out of it."""
        self._row.update()

    def _record(self, event: Event) -> None:
        if isinstance(event, JobStarted):
            self._pid = event.pid
        other = (locks.holder(self._dir / LOCK) or {}).get("pid", 0) if isinstance(event, Failed) else 0
        if other and other != self._pid:  # a worker whose starter is gone was faster; it is the one that trains
            self._row.update(pid=other)
        else:
            self._row.record(event)


def start(name: str, arguments: dict[str, Any]) -> NamedJob:
    """A job by its name in ``tlstudio.worker.JOBS``; nothing runs before the first event is asked for."""
    return NamedJob(name, arguments)


def start_run(project: Project, run_id: int, registry: Registry | None = None, *, claimed: bool = False) -> RunJob:
    """Training of a run that ``tlstudio.runs.create_run`` made, from its last checkpoint where there is one.

    The run is ours from here on; or already, if ``claimed``, with its mailbox cleared before. Raises ``UsageError``
    where it is not to be had.
    """
    from tlstudio.training.spec import RunSpec

    folder = project.run_dir(run_id)
    spec = RunSpec.load(folder)
    registry = registry or Registry.discover(only=spec.plugins)
    engine: Engine = registry.engine(spec.engine).load()()
    if not claimed:
        project.reconcile()
        if project.run(run_id).state not in ALIVE:
            _wait_for_the_end_of(folder / LOCK)
            with contextlib.suppress(OSError):
                mailbox.clear(folder)
        if not project.claim(run_id):
            raise UsageError(not_to_be_had(project.run(run_id)))
    return RunJob(project, run_id, engine)


def attach(project: Project, run_id: int, position: int | None = None) -> AttachedRun:
    """Follows a run that another process started, from now on, or from ``position`` in its ``events.jsonl``."""
    if project.run(run_id).state == "queued":
        raise UsageError(f"Run {run_id} has not begun: it is waiting in the queue.")
    return AttachedRun(project, run_id, position)


def not_to_be_had(run: Run) -> str:
    """Why a run cannot be started or resumed."""
    if run.state in ALIVE:
        by = f" by process {run.pid}" if run.pid else ""
        return f"Run {run.id} is being worked on already{by}: it is {run.state}. Stop or park it first."
    if run.state == "finished":
        return f"Run {run.id} is finished; there is nothing left to train. Train again to make a new run."
    return f"Run {run.id} is {run.state}, and cannot be started now. Try again in a moment."


def _wait_for_the_end_of(lock: Any) -> None:
    until = time.monotonic() + _ENDING_S
    while locks.holder(lock) is not None and time.monotonic() < until:
        time.sleep(0.05)
