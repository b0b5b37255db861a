"""What a run has said so far, in the words and numbers that its page shows. No Qt here."""

import dataclasses
from collections.abc import Iterable
from typing import Literal

from tlstudio.api.events import (
    Acknowledged,
    Answered,
    Checkpointed,
    Continued,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
    JobStarted,
    Message,
    PhaseStarted,
    Progress,
    Resumed,
    RuntimeChosen,
    StepDone,
    Waiting,
)
from tlstudio.gui.plots.curves import RunCurves, is_share, metric_title

Level = Literal["info", "ok", "warning", "error"]

_ACKNOWLEDGED = {
    "stop": ("stopping", "stop acknowledged; the best model so far is kept"),
    "park": ("parking", "park acknowledged; the step is finished and written down first"),
    "hold": ("pausing", "pause acknowledged; the step is finished first"),
}


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
        self.progress = 0.0  # 0..1, of the run or of an activity; negative: unknown
        self._trained = 0.0  # of the run
        self.eta = -1.0
        self.images_per_second = 0.0
        self.memory_bytes = 0
        self.step = 0
        self.saved_step = -1  # everything up to this step is on disk; -1: nothing yet
        self.saved_time = 0.0
        self.device = ""
        self.resumes = ""  # how closely an interrupted run repeats an uninterrupted one here
        self.state = ""  # waiting, holding, pausing, stopping, parking; empty: as the project's row says
        self.answers: list[Answered] = []
        self._before = self._first = self._last = 0.0
        self._said_best: float | None = None
        self.ended: Finished | Failed | None = None

    @property
    def seconds(self) -> float:
        """From the first event to the last, without the time between an end and going on."""
        return self._before + max(0.0, self._last - self._first)

    def add(self, event: Event) -> None:
        if isinstance(event, JobStarted):
            self._begin(event)
        self._first, self._last = self._first or event.time, event.time
        match event:
            case StepDone():
                self.step, self.progress, self.eta = event.step, event.progress, event.eta
                self._trained = event.progress
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
                self.epoch = 0 if event.index == 0 else self.epoch
                self.epochs = self.epoch + event.epochs
                self.progress, self.activity = self._trained, ""
                self.phase = f"phase {event.index + 1} of {event.count}: {event.title}"
                self._say(event, f"{self.phase}, {event.epochs} epoch{'s' if event.epochs != 1 else ''}")
            case RuntimeChosen():
                self.device = f"{event.device} · {event.precision} · {event.memory_format}"
                self.resumes = event.resumes
                self._waits_no_longer()
                self._say(event, " ".join(part for part in (f"{self.device}.", event.reason, event.resumes) if part))
            case Message():
                self._say(event, event.text, event.level)
            case Finished() | Failed():
                self._end(event)
            case _:
                self._add_interruption(event)

    def _add_interruption(self, event: Event) -> None:
        match event:
            case Acknowledged(command=command) if command in _ACKNOWLEDGED:
                self.state, words = _ACKNOWLEDGED[command]
                self._say(event, words)
            case Waiting(text=text):
                self.state, self.activity = "waiting", text
                self._say(event, text)
            case Held(step=step):
                self.state, self.step, self.eta = "holding", step, -1.0
                self._say(event, f"paused after step {step:,}; the model stays in memory".replace(",", " "))
            case Continued():
                self.state = ""
                self._say(event, "goes on")
            case Checkpointed(step=step, time=when):
                self.saved_step, self.saved_time = step, when
            case Answered():
                self.answers.append(event)
            case Resumed(step=step, epoch=epoch, text=text, time=when):
                self.step, self.epoch = step, epoch
                self.saved_step, self.saved_time = step, self.saved_time or when
                self.state = "" if self.state == "waiting" else self.state
                self._said_best = None
                self._say(event, text, "ok")

    def add_all(self, events: Iterable[Event], curves: RunCurves) -> None:
        """History: the same events for the words here and the numbers there."""
        for event in events:
            self.add(event)
            curves.add(event)

    def _begin(self, event: JobStarted) -> None:
        """A worker has started: the first one, or one that goes on where another left off."""
        self._before, self._first, self._last = self.seconds, 0.0, 0.0
        self.ended, self.state, self.activity, self.eta = None, "", "", -1.0
        self._say(event, "the worker has started")

    def _end(self, event: Finished | Failed) -> None:
        self.ended, self.state, self.activity, self.eta = event, "", "", -1.0
        self.progress = self._trained
        match event:
            case Failed():
                self._say(event, event.sentence, "error")
            case Finished(status="parked"):
                level: Level = "ok" if event.result.get("reason_kind", "asked") == "asked" else "warning"
                self._say(event, str(event.result.get("reason") or "parked; it goes on when it is resumed"), level)
            case Finished(status="stopped"):
                self._say(event, "stopped as asked", "ok")
            case _:
                self.progress, self.eta = 1.0, 0.0
                self._say(event, "finished", "ok")

    def _waits_no_longer(self) -> None:
        if self.state == "waiting":
            self.state, self.activity = "", ""

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
