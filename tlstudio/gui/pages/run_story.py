"""What a run has said so far, in the words and numbers that its page shows. No Qt here."""

import dataclasses
from collections.abc import Iterable
from typing import Literal

from tlstudio.api.events import (
    Acknowledged,
    EpochDone,
    Event,
    Failed,
    Finished,
    JobStarted,
    Message,
    PhaseStarted,
    Progress,
    RuntimeChosen,
    StepDone,
)
from tlstudio.gui.plots.curves import RunCurves, is_share, metric_title

Level = Literal["info", "ok", "warning", "error"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of "What happens". ``time`` in seconds since the epoch."""

    time: float
    text: str
    level: Level = "info"


class RunStory:
    """Takes events one by one; cheap enough for thousands a second."""

    def __init__(self, select_by: str = "val_accuracy") -> None:
        self.select_by = select_by
        self.entries: list[Entry] = []
        self.epoch = 0
        self.epochs = 0
        self.phase = ""
        self.activity = ""  # work that is no training step: features, test
        self.progress = 0.0  # 0..1; negative: unknown
        self.eta = -1.0
        self.images_per_second = 0.0
        self.memory_bytes = 0
        self.device = ""
        self.stopping = False
        self._first = self._last = 0.0
        self._said_best: float | None = None
        self.ended: Finished | Failed | None = None

    @property
    def seconds(self) -> float:
        """From the first event to the last."""
        return max(0.0, self._last - self._first) if self._first else 0.0

    def add(self, event: Event) -> None:
        self._first, self._last = self._first or event.time, event.time
        match event:
            case StepDone():
                self.progress, self.eta = event.progress, event.eta
                self.images_per_second = event.images_per_second
                self.memory_bytes = event.memory_bytes or self.memory_bytes
                self.activity = ""
            case Progress():
                self.eta = event.eta
                self.progress = event.done / event.total if event.total else -1.0
                amount = f"{event.done:,} of {event.total:,} {event.unit}" if event.total else f"{event.done:,}"
                self.activity = f"{event.text or 'Working'}: {amount}".replace(",", " ")
            case EpochDone():
                self.epoch = event.epoch
                if event.best and self._is_news(event):
                    self._say(event, f"best so far: {self._best(event)}", "ok")
            case PhaseStarted():
                self.epochs = self.epoch + event.epochs
                self.phase = f"phase {event.index + 1} of {event.count}: {event.title}"
                self._say(event, f"{self.phase}, {event.epochs} epoch{'s' if event.epochs != 1 else ''}")
            case RuntimeChosen():
                self.device = f"{event.device} · {event.precision} · {event.memory_format}"
                self._say(event, f"{self.device}. {event.reason}")
            case JobStarted():
                self._say(event, "the worker has started")
            case Message():
                self._say(event, event.text, event.level)
            case Acknowledged(command="stop"):
                self.stopping = True
                self._say(event, "stop acknowledged; the best model so far is kept", "warning")
            case Finished():
                self.ended, self.activity, self.progress, self.eta = event, "", 1.0, 0.0
                self._say(event, "finished" if event.status == "finished" else "stopped as asked", "ok")
            case Failed():
                self.ended, self.activity, self.eta = event, "", -1.0
                self._say(event, event.sentence, "error")

    def add_all(self, events: Iterable[Event], curves: RunCurves) -> None:
        """History: the same events for the words here and the numbers there."""
        for event in events:
            self.add(event)
            curves.add(event)

    def _is_news(self, event: EpochDone) -> bool:
        """A kept model with a better figure than was said before; equal figures would only fill the list."""
        value = event.metrics.get(self.select_by)
        if value is None or value == self._said_best:
            return False
        self._said_best = value
        return True

    def _best(self, event: EpochDone) -> str:
        value = event.metrics[self.select_by]
        shown = f"{value * 100:.1f} %" if is_share(self.select_by) else f"{value:.4g}"
        return f"{metric_title(self.select_by).lower()} {shown}, epoch {event.epoch}"

    def _say(self, event: Event, text: str, level: Level = "info") -> None:
        self.entries.append(Entry(event.time, text, level))
