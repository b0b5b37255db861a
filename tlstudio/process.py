"""A worker process seen from its parent: started, listened to, told to stop, ended if it does not answer."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from typing import IO, Any

from tlstudio import mailbox
from tlstudio.api.events import Acknowledged, Event, Failed, from_json

PATIENCE_S = 10.0  # of silence after "stop" or "park" until the process is ended, and then again until it is killed
_LAST_WORDS_S = 1.0  # what a dead process still has in the pipe, which its children may keep open
ENDINGS = ("stop", "park")  # the commands after which a worker is expected to end


class WorkerProcess:
    """One use: ``run`` starts ``python -m tlstudio.worker`` and yields its events; the rest is safe from any thread.

    ``outlives``: the worker has a session of its own, so that closing the terminal does not end it.
    """

    def __init__(self, *, outlives: bool = False) -> None:
        self._outlives = outlives
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()  # a signal handler may send while this thread holds it
        self._early: list[str] = []  # commands from before the start
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()  # None: no more will come
        self._heard = 0.0
        self._ending = self._left = False

    @property
    def pid(self) -> int:
        """0 before the start."""
        return self._process.pid if self._process else 0

    def run(self, arguments: Sequence[str], first_line: str = "") -> Iterator[Event]:
        """The last event is terminal: if the process dies without one, it is a ``Failed`` that says how."""
        with tempfile.TemporaryFile() as errors:
            with self._lock:
                self._process = process = self._start(arguments, errors)
                for line in [first_line, *self._early] if first_line else self._early:
                    self._write(line)
                if self._ending:
                    self._watch()
            reader = threading.Thread(target=self._read, args=(process,), name="worker-events", daemon=True)
            reader.start()
            for event in self._until_it_ends(process):
                yield event
                if event.terminal:
                    break
            else:
                if not self._left:
                    code = self._wait(process)
                    errors.seek(0)
                    trace = errors.read()[-20_000:].decode("utf-8", errors="replace")
                    yield Failed(sentence=how_it_ended(code), kind="WorkerDied", traceback=trace)
                return
            self._wait(process)
            reader.join(_LAST_WORDS_S)

    def send(self, command: str, **arguments: Any) -> None:
        """Passes a command on. After ``stop`` and ``park`` a worker that falls silent is ended, then killed."""
        line = mailbox.encode(command, **arguments)
        with self._lock:
            if self._process:
                self._write(line)
            else:
                self._early.append(line)
            if command in ENDINGS:
                self._expect_end()

    def leave(self) -> None:
        """Ends the iteration without a terminal event; the process goes on."""
        self._left = True
        self._events.put(None)

    def _start(self, arguments: Sequence[str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tlstudio.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            bufsize=0,
            **(own_session() if self._outlives else {}),
        )

    def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile; its last event says so
            self._process.stdin.write(line.encode() + b"\n")

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Empties the pipe, so that a worker never waits for a reader that is slow or has turned away."""
        assert process.stdout is not None
        rest = b""
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(process.stdout.fileno(), 65_536):
                self._heard = time.monotonic()
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = from_json(line.decode("utf-8", errors="replace"))
                    if isinstance(event, Acknowledged) and event.command in ENDINGS:
                        with self._lock:  # somebody else has asked for it
                            self._expect_end()
                    if event is not None and not self._left:
                        self._events.put(event)
        process.stdout.close()
        self._events.put(None)
        if self._left and process.stdin:
            with self._lock, contextlib.suppress(OSError):
                process.stdin.close()

    def _until_it_ends(self, process: subprocess.Popen[bytes]) -> Iterator[Event]:
        dead_since = 0.0
        while not self._left:
            try:
                event = self._events.get(timeout=_LAST_WORDS_S / 2)
            except queue.Empty:
                if process.poll() is not None:
                    dead_since = dead_since or time.monotonic()
                if dead_since and time.monotonic() - dead_since > _LAST_WORDS_S:
                    return
                continue
            if event is None:
                return
            yield event

    def _expect_end(self) -> None:
        if not self._ending:
            self._ending = True
            if self._process:
                self._watch()

    def _watch(self) -> None:
        process = self._process
        assert process is not None

        def enforce() -> None:
            for end in (process.terminate, process.kill):
                since = time.monotonic()
                while (left := max(self._heard, since) + PATIENCE_S - time.monotonic()) > 0:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(left)
                        return
                end()

        threading.Thread(target=enforce, name="stop-watch", daemon=True).start()

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            if process.stdin:
                with contextlib.suppress(OSError):
                    process.stdin.close()


def own_session() -> dict[str, Any]:
    """Arguments of ``Popen`` for a process that the end of this one, or of its terminal, does not end."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def how_it_ended(code: int) -> str:
    if code == -signal.SIGKILL if hasattr(signal, "SIGKILL") else False:
        return (
            "The worker process was killed. Most often the system does that when memory runs out: use a smaller "
            "batch or a smaller backbone, or close other programs."
        )
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
        return f"The worker process crashed ({name}). Its log says where; the window and the project are unharmed."
    return f"The worker process ended without a result (exit status {code}). Its log says more."
