"""Runs that wait their turn: lined up, worked off one after the other, also without a window."""

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tlstudio import jobs, mailbox, resuming
from tlstudio.api.errors import ProjectError, StudioError, UsageError
from tlstudio.api.events import Event, Failed, Finished, Waiting
from tlstudio.process import own_session
from tlstudio.project import Project, Run
from tlstudio.registry import Registry
from tlstudio.run_row import ALIVE

LOG = "queue.log"  # in the project's runs folder; what a queue in the background says
_MORE_BYTES, _PLENTY = 10_000_000, 10
_ROOM_POLL_S, _LOCK_POLL_S = 10.0, 0.2


class QueueWork:
    """Iterate once: (run's id, event). The rest is safe from any thread.

    Each run's last event is terminal, unless a full disk parked it: then it waits for room and goes on.
    """

    def __init__(self, project: Project, registry: Registry, patience: float = 0.0) -> None:
        self._project, self._registry, self._patience = project, registry, patience
        self._job: jobs.RunJob | jobs.AttachedRun | None = None
        self._ended, self._left = threading.Event(), False
        self.run_id = 0  # of the run at work

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        self._take_lock()
        try:
            self._project.reconcile()
            for run in self._project.runs():
                if run.state in ALIVE and not self._ended.is_set():
                    yield from self._work(run.id, jobs.attach(self._project, run.id))
            while not self._ended.is_set() and (claimed := self._next()):
                yield from self._train(claimed)
        finally:
            self._project.queue_lock.release()

    def send(self, command: str, **arguments: Any) -> None:
        """To the run at work."""
        if self._job is not None:
            self._job.send(command, **arguments)

    def end(self) -> None:
        """No further run after the one at work."""
        self._ended.set()

    def leave(self) -> None:
        """Ends at once; the run at work goes on in its worker."""
        self._left = True
        self._ended.set()
        if self._job is not None:
            self._job.leave()

    def _take_lock(self) -> None:
        until = time.monotonic() + self._patience
        while not self._project.queue_lock.acquire():
            if time.monotonic() >= until or self._ended.wait(_LOCK_POLL_S):
                raise UsageError(
                    f"Somebody works off the queue of {self._project.path} already: a window, or 'tlstudio queue'. "
                    "What is added to the queue gets its turn there."
                )

    def _next(self) -> Run | None:
        for run in self._project.queue():
            with contextlib.suppress(OSError):
                mailbox.clear(run.dir)  # before it is ours, so that no command from then on is lost
        return self._project.claim_next()

    def _train(self, run: Run) -> Iterator[tuple[int, Event]]:
        """A run that was claimed, again and again while it is parked for want of room."""
        claimed = True
        while claimed:
            try:
                if (run.dir / "checkpoints").is_dir():  # it goes on where it was interrupted
                    resuming.check_parts(self._project, self._registry, run)
                job = jobs.start_run(self._project, run.id, self._registry, claimed=True)
            except StudioError as error:
                self._project.update_run(run.id, state="failed", ended=time.time(), reason=str(error), pid=0)
                yield run.id, Failed(sentence=str(error), kind=type(error).__name__)
                return
            yield from self._work(run.id, job)
            claimed = yield from self._wait_for_room(run, job)

    def _work(self, run_id: int, job: jobs.RunJob | jobs.AttachedRun) -> Iterator[tuple[int, Event]]:
        self.run_id, self._job = run_id, job
        if self._left:
            job.leave()
        try:
            for event in job:
                yield run_id, event
                if isinstance(event, Finished) and event.result.get("reason_kind") == "signal":
                    self.end()  # the machine is being shut down
        finally:
            self._job = None

    def _wait_for_room(self, run: Run, job: jobs.RunJob) -> Generator[tuple[int, Event], None, bool]:
        """Returns whether the run was claimed again."""
        told, floor = False, 0
        while not self._ended.is_set() and resuming.lacked_room(run.dir):
            needed, free = resuming.room(run.dir)
            if not floor:  # what was free when it was not enough is not tried again, however little it seems to need
                floor = free + _MORE_BYTES if needed <= free < _PLENTY * needed else 1
            needed = max(needed, floor)
            if free >= needed:
                with contextlib.suppress(ProjectError):
                    job.settle()
                    self._project.reconcile()
                    mailbox.clear(run.dir)
                    return self._project.claim(run.id)
            elif not told:
                told = True
                text = (
                    f"The disk is full: run {run.id} needs {needed / 1e6:,.1f} MB to go on, and {free / 1e6:,.1f} MB "
                    "are free. The queue goes on when there is room."
                )
                yield run.id, Waiting(text=text)
            self._ended.wait(_ROOM_POLL_S)
        return False


def work_off(project: Project, registry: Registry, *, patience: float = 0.0) -> QueueWork:
    """First follows what is at work already, then trains one run after the other until the queue is empty.

    A run that fails does not stop the queue. ``patience``: seconds to wait for somebody else who works it off.
    """
    return QueueWork(project, registry, patience)


def start_background(project_path: Path) -> int:
    """Works off the queue in a process that outlives this one; its number. It says what it does in ``queue.log``."""
    log = project_path / "runs" / LOG
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tlstudio", "queue", str(project_path), "run", "--patience", "60"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            **own_session(),
        )
    threading.Thread(target=process.wait, name="queue-collector", daemon=True).start()  # no zombie stays behind
    return process.pid


def sweep(
    project: Project,
    registry: Registry,
    *,
    options: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    **request: Any,
) -> list[Run]:
    """Lines up a run for each of ``options`` with each of ``seeds``; all are checked before the first is made.

    ``request``: the other arguments of ``runs.create_run``. Several runs share a batch: the first one's id.
    """
    from tlstudio import runs

    wanted = [{**request, "options": o, "seed": s} for o, s in itertools.product(options, dict.fromkeys(seeds))]
    plans = [runs.plan_run(project, registry, **one) for one in wanted]
    made: list[Run] = []
    for plan in plans:
        made.append(runs.create_planned(project, plan, queued=True, batch=made[0].id if made else 0))
    if len(made) > 1:
        made[0] = project.update_run(made[0].id, batch=made[0].id)
    return made


def combinations(base: Mapping[str, Any], swept: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """``base`` with every combination of the swept options' values, the last one changing fastest."""
    return [{**base, **dict(zip(swept, values, strict=True))} for values in itertools.product(*swept.values())]
