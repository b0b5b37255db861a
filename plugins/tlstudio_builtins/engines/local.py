"""A worker process on this machine."""

from collections.abc import Iterator
from pathlib import Path

from tlstudio.api.events import Event
from tlstudio.process import WorkerProcess


class LocalEngine:
    def __init__(self) -> None:
        self._process = WorkerProcess()

    def run(self, run_dir: Path) -> Iterator[Event]:
        yield from self._process.run([str(run_dir)])

    def send(self, command: str) -> None:
        self._process.send(command)
