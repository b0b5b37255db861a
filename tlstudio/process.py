"""A worker process seen from its parent: started, listened to, told to stop, ended if it does not."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO

from tlstudio.api.events import Event, Failed, from_json

STOP_PATIENCE_S = 10.0  # from "stop" to the end of the process, and then again until it is killed


class WorkerProcess:
    """One use: ``run`` starts ``python -m tlstudio.worker`` and yields its events; ``send`` is safe from any thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._stop_requested = False

    @property
    def pid(self) -> int:
        """0 before the start."""
        return self._process.pid if self._process else 0

    def run(self, arguments: Sequence[str], first_line: str = "") -> Iterator[Event]:
        """The last event is terminal: if the process dies without one, it is a ``Failed`` that says how."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
            with self._lock:
                self._process = process = self._start(arguments, errors)
                if first_line:
                    self._write(first_line)
                if self._stop_requested:
                    self._write("stop")
            assert process.stdout is not None
            ended = False
            for line in process.stdout:
                event = from_json(line)
                if event is not None:
                    ended = ended or event.terminal
                    yield event
                if ended:
                    break
            process.stdout.close()
            code = self._wait(process)
            if not ended:
                errors.seek(0)
                yield Failed(sentence=_how_it_ended(code), kind="WorkerDied", traceback=errors.read()[-20_000:])

    def send(self, command: str) -> None:
        """Passes a command on. After ``stop`` a worker that does not end in time is ended, then killed."""
        with self._lock:
            if command == "stop":
                if not self._stop_requested and self._process:
                    self._watch(self._process)
                self._stop_requested = True
            if self._process:
                self._write(command)

    def _start(self, arguments: Sequence[str], errors: IO[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tlstudio.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile; its last event says so
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _watch(self, process: subprocess.Popen[str]) -> None:
        def enforce() -> None:
            for end in (process.terminate, process.kill):
                try:
                    process.wait(STOP_PATIENCE_S)
                    return
                except subprocess.TimeoutExpired:
                    end()

        threading.Thread(target=enforce, name="stop-watch", daemon=True).start()

    def _wait(self, process: subprocess.Popen[str]) -> int:
        try:
            return process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            if process.stdin:
                with contextlib.suppress(OSError):
                    process.stdin.close()


def _how_it_ended(code: int) -> str:
    if code == -signal.SIGKILL if hasattr(signal, "SIGKILL") else False:
        return (
            "The worker process was killed. Most often the system does that when memory runs out: use a smaller "
            "batch or a smaller backbone, or close other programs."
        )
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
        return f"The worker process crashed ({name}). Its log says where; the window and the project are unharmed."
    return f"The worker process ended without a result (exit status {code}). Its log says more."
