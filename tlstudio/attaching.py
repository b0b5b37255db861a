"""A run whose worker is not a child of this process: followed through its history, commanded through its mailbox."""

import contextlib
import os
import platform
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Any

from tlstudio import locks, mailbox
from tlstudio.api.errors import StudioError
from tlstudio.api.events import (
    Acknowledged,
    Continued,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
)
from tlstudio.event_tail import EventTail
from tlstudio.locks import LOCK
from tlstudio.process import ENDINGS, PATIENCE_S
from tlstudio.project import Project
from tlstudio.project.run_files import last_terminal_event
from tlstudio.run_row import ALIVE, fields_of

_POLL_S = 0.1


class AttachedRun:
    """Iterate once; begins where the run's history ends at this moment, or at ``position``, a place in its file.

    The last event is terminal, unless :meth:`leave` was called; the run's row is true at every event.
    """

    def __init__(self, project: Project, run_id: int, position: int | None = None) -> None:
        self._project, self._run_id = project, run_id
        self._dir = project.run_dir(run_id)
        self._tail = EventTail(self._dir, position)
        self._left, self._watched = threading.Event(), False

    @property
    def position(self) -> int:
        """Bytes of ``events.jsonl`` that are not, or no longer, to be handed out."""
        return self._tail.position

    def __iter__(self) -> Iterator[Event]:
        while True:
            alive = locks.holder(self._dir / LOCK) is not None  # asked first, so that no last word is missed
            for event in self._tail.read():
                self._record(event)
                yield event
                if event.terminal:
                    return
            if not alive and (end := self._end()):
                yield end
                return
            if self._left.wait(_POLL_S):
                return

    def send(self, command: str, **arguments: Any) -> None:
        """Safe from any thread. After ``stop`` and ``park`` a worker that falls silent is ended, then killed."""
        try:
            mailbox.post(self._dir, mailbox.encode(command, **arguments))
        except OSError as error:
            if command not in ENDINGS or not self._signal(signal.SIGTERM):  # which parks it
                raise StudioError(
                    f"The command '{command}' could not be handed to run {self._run_id}: {error.strerror}. Make sure "
                    f"that {self._dir} can be written."
                ) from error
        if command in ENDINGS and not self._watched:
            self._watched = True
            threading.Thread(target=self._enforce, name="stop-watch", daemon=True).start()

    def leave(self) -> None:
        """Ends the iteration without a terminal event; the run goes on."""
        self._left.set()

    def _record(self, event: Event) -> None:
        with contextlib.suppress(StudioError, sqlite3.Error, OSError):  # a full disk does not end the following
            match event:
                case Held() | Continued() | Acknowledged():
                    self._project.reconcile()
                case EpochDone(best=True) if self._project.run(self._run_id).state in ALIVE:
                    self._project.update_run(self._run_id, **fields_of(event, self._run_id))
                case Finished() | Failed():
                    until = time.monotonic() + PATIENCE_S
                    while locks.holder(self._dir / LOCK) is not None and time.monotonic() < until:
                        time.sleep(_POLL_S / 5)
                    self._settle(event)

    def _settle(self, event: Event) -> None:
        """A late report of an epoch may have come after what whoever started the run wrote at its end."""
        self._project.reconcile()
        said = fields_of(event, self._run_id)
        row = self._project.run(self._run_id)
        if row.state == said["state"] and "metrics" in said and row.metrics != said["metrics"]:
            self._project.update_run(self._run_id, metrics=said["metrics"])

    def _end(self) -> Event | None:
        """Nobody works on the run: what there is to say, unless a worker is only just being started."""
        self._project.reconcile()
        run = self._project.run(self._run_id)
        if run.state in ALIVE:
            return None
        if run.state == "failed":
            return Failed(sentence=run.reason, kind="WorkerDied")
        said = last_terminal_event(self._dir)
        if isinstance(said, Finished):
            return said
        result = {"run": run.id, "status": run.state, "reason": run.reason, "metrics": run.metrics}
        return Finished(status="parked" if run.state == "queued" else run.state, result=result)  # type: ignore[arg-type]  # of the states that are left

    def _enforce(self) -> None:
        events = self._dir / "events.jsonl"
        for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            since, size = time.monotonic(), -1
            while time.monotonic() - since < PATIENCE_S:
                time.sleep(_POLL_S)
                now = events.stat().st_size if events.exists() else 0
                if now != size:
                    since, size = time.monotonic(), now
                if locks.holder(self._dir / LOCK) is None and last_terminal_event(self._dir):
                    return
            self._signal(number)

    def _signal(self, number: int) -> bool:
        who = locks.holder(self._dir / LOCK) or {}
        if not who.get("pid") or who.get("host") != platform.node() or who["pid"] == os.getpid():
            return False
        with contextlib.suppress(OSError):
            os.kill(who["pid"], number)
            return True
        return False
