"""The queue of a project: runs in line, and who may begin one. Every change is one transaction."""

import os
import sqlite3
import time

from tlstudio.api.errors import UsageError
from tlstudio.project import run_files
from tlstudio.project.database import Database
from tlstudio.project.records import RESUMABLE_STATES, Run
from tlstudio.project.runs import Runs, change, last_position

_NEVER_BEGAN = "Taken from the queue before it began."
_TAKEN_OUT = "Taken from the queue. Resume it to go on from step {step}."
_IN_LINE = "SELECT id FROM runs WHERE state = 'queued' AND position > 0 ORDER BY position, id"


class Queue:
    def __init__(self, database: Database, runs: Runs) -> None:
        self._database = database
        self._runs = runs

    def all(self) -> list[Run]:
        waiting = [run for run in self._runs.all() if run.state == "queued" and run.position > 0]
        return sorted(waiting, key=lambda run: (run.position, run.id))

    def enqueue(self, run_id: int) -> Run:
        """Puts a run that never began, or can be resumed, at the end of the line."""
        run = self._runs.get(run_id)
        with self._database.transaction() as connection:
            state = _state(connection, run_id)
            if state != "queued" and state not in RESUMABLE_STATES:
                raise UsageError(f"Run {run_id} is {state}; only a run that waits or was interrupted can be queued.")
            _refuse_alive(run)
            change(connection, run_id, state="queued", reason="", pid=0, position=last_position(connection) + 1)
        return self._runs.get(run_id)

    def move(self, run_id: int, place: int) -> None:
        """Gives a run its place in the line, from 1; one beyond the end is the end."""
        self._runs.get(run_id)
        with self._database.transaction() as connection:
            order = [number for (number,) in connection.execute(_IN_LINE)]
            if run_id not in order:
                raise UsageError(f"Run {run_id} is {_state(connection, run_id)} and not in the queue.")
            order.remove(run_id)
            order.insert(max(0, place - 1), run_id)
            for position, number in enumerate(order, 1):
                change(connection, number, position=position)

    def dequeue(self, run_id: int) -> Run:
        """Takes a run that waits out of the line: stopped where it never began, else parked."""
        run = self._runs.get(run_id)
        step = run_files.last_step(run.dir)
        state, reason = ("stopped", _NEVER_BEGAN) if step is None else ("parked", _TAKEN_OUT.format(step=step))
        with self._database.transaction() as connection:
            if (now := _state(connection, run_id)) != "queued":
                raise UsageError(f"Run {run_id} is {now} and not in the queue.")
            change(connection, run_id, state=state, reason=reason, position=0, pid=0, ended=time.time())
        return self._runs.get(run_id)

    def claim(self, run_id: int) -> bool:
        """Makes this process the one that starts the run; false where another one was faster, or it cannot be."""
        run = self._runs.get(run_id)
        with self._database.transaction() as connection:
            return _claim(connection, run)

    def claim_next(self) -> Run | None:
        """Likewise for the first in line; ``None`` where nobody waits."""
        waiting = {run.id: run for run in self.all()}
        with self._database.transaction() as connection:
            for (number,) in connection.execute(_IN_LINE).fetchall():
                run = waiting.get(number) or self._runs.get(number)
                if _claim(connection, run):
                    break
            else:
                return None
        return self._runs.get(run.id)


def _claim(connection: sqlite3.Connection, run: Run) -> bool:
    if _state(connection, run.id) not in ("queued", *RESUMABLE_STATES) or run_files.worker(run.dir) is not None:
        return False
    change(
        connection, run.id, state="running", pid=os.getpid(), started=time.time(), ended=None, reason="", position=0
    )  # fmt: skip
    return True


def _state(connection: sqlite3.Connection, run_id: int) -> str:
    found = connection.execute("SELECT state FROM runs WHERE id = ?", (run_id,)).fetchone()
    return str(found[0]) if found else "gone"


def _refuse_alive(run: Run) -> None:
    if run_files.worker(run.dir) is not None:
        raise UsageError(f"Run {run.id} is being trained by another process; it cannot be queued.")
