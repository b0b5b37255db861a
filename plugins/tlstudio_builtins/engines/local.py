"""A worker process on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlstudio.api.events import Event
from tlstudio.process import WorkerProcess


class LocalEngine:
    def __init__(self) -> None:
        self._process = WorkerProcess(outlives=True)

    def run(self, run_dir: Path) -> Iterator[Event]:
        yield from self._process.run([str(run_dir)])

    def send(self, command: str, **arguments: Any) -> None:
        self._process.send(command, **arguments)

    def leave(self) -> None:
        """Ends the iteration without a terminal event; the worker goes on."""
        self._process.leave()
