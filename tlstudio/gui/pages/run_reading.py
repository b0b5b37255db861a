"""The whole history of a run for its page, read off the window's thread."""

import dataclasses
from collections import deque
from pathlib import Path

from tlstudio.api.events import Event, from_json, to_json
from tlstudio.gui.pages.run_story import RunStory
from tlstudio.gui.plots.curves import RunCurves, select_by

_TAIL = 5000  # lines in which an event that came meanwhile may stand already


@dataclasses.dataclass
class Told:
    """What the file said. ``tail``: its last lines, to tell which live events it had already."""

    run_id: int
    ticket: int
    count: int
    story: RunStory
    curves: RunCurves
    tail: frozenset[str]

    def add(self, live: list[Event]) -> None:
        """What the run has said since the reading began, as far as the file did not have it."""
        self.story.add_all((event for event in live if not self.has(event)), self.curves)

    def has(self, event: Event) -> bool:
        """Whether the file had it. Whoever follows a file hands out some of it later than it can be read."""
        return to_json(event) in self.tail


def read(run_dir: Path, run_id: int, ticket: int, count: int) -> Told:
    """``count``: how many live events had come when the reading was asked for; the file has all of those."""
    chosen = f"val_{select_by(run_dir)}"
    story, curves, tail = RunStory(chosen), RunCurves(chosen), deque[str](maxlen=_TAIL)
    try:
        with (run_dir / "events.jsonl").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                event = from_json(line)
                if event is not None:
                    story.add(event)
                    curves.add(event)
                    tail.append(line.rstrip("\n"))
    except FileNotFoundError:
        pass  # it has not begun
    return Told(run_id, ticket, count, story, curves, frozenset(tail))
