"""The same generator as in the worker, in the calling process."""

from collections.abc import Iterator
from pathlib import Path

from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.worker import events_of


class InProcessEngine:
    def __init__(self) -> None:
        self._control = Control()

    def run(self, run_dir: Path) -> Iterator[Event]:
        with (run_dir / "events.jsonl").open("a", encoding="utf-8") as log:
            yield from events_of("train", {"run_dir": str(run_dir)}, self._control, log)

    def send(self, command: str) -> None:
        if command == "stop":
            self._control.request_stop()
