"""The same generator as in the worker, in the calling process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.worker import run_events


class InProcessEngine:
    def __init__(self) -> None:
        self._control = Control()

    def run(self, run_dir: Path) -> Iterator[Event]:
        yield from run_events(run_dir, self._control)

    def send(self, command: str, **arguments: Any) -> None:
        self._control.request(command, **arguments)
