"""How the command line speaks: one JSON object or a table on standard output, progress on standard error."""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from tlstudio.api.events import (
    Continued,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
    Message,
    PhaseStarted,
    Progress,
    Resumed,
    RuntimeChosen,
    StepDone,
    Waiting,
)
from tlstudio.jobs import Job

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


class JobFailed(Exception):
    def __init__(self, event: Failed) -> None:
        super().__init__(event.sentence)
        self.event = event


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def warn(text: str) -> None:
    sys.stderr.write(text + "\n")


def table(rows: Iterable[Sequence[Any]], header: Sequence[str]) -> None:
    """Aligned columns; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))] if cells else []
    for line in [list(header), ["-" * width for width in widths], *cells]:
        parts = [
            text.rjust(width) if numeric and numeric[i] else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        say("  ".join(parts).rstrip())


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def follow(job: Job, *, ended_by_system: str = "stop") -> Finished:
    """Runs a job to its end with progress on standard error. Ctrl+C asks it to stop, a second one ends at once.

    ``ended_by_system``: what the job is asked where the system asks this process to end. Raises :class:`JobFailed`.
    """

    def on_interrupt(number: int) -> None:
        command = "stop" if number == signal.SIGINT else ended_by_system
        sys.stderr.write(f"\n{_LEAVING[command]} after this step (Ctrl+C again to end at once).\n")
        job.send(command)

    shown = Display()
    last: Event | None = None
    with interruptible(on_interrupt), shown:
        for last in job:  # to its very end, which is when the worker's process has ended too
            shown.show(last)
    if isinstance(last, Failed):
        raise JobFailed(last)
    if not isinstance(last, Finished):
        raise AssertionError("a job ended without a terminal event")
    return last


_LEAVING = {"stop": "Stopping", "park": "Parking"}


@contextmanager
def interruptible(on_interrupt: Callable[[int], None]) -> Iterator[None]:
    """Calls ``on_interrupt`` at the first Ctrl+C or wish of the system to end, and raises at the second."""
    interrupted = threading.Event()

    def handle(number: int, frame: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()
        on_interrupt(number)

    in_main = threading.current_thread() is threading.main_thread()
    before = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)} if in_main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Display:
    """One line that is rewritten on a terminal; only the milestones elsewhere."""

    def __init__(self) -> None:
        self._live, self._width = sys.stderr.isatty(), 0

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def show(self, event: Event) -> None:
        match event:
            case RuntimeChosen():
                self.line(f"{event.reason} {event.threads} threads, {event.workers} loader processes.")
            case PhaseStarted():
                self.line(f"Phase {event.index + 1} of {event.count}: {event.title}")
            case EpochDone():
                values = "  ".join(f"{name} {value:.4g}" for name, value in event.metrics.items())
                self.line(f"  epoch {event.epoch}{' *' if event.best else '  '}  {values}")
            case Message():
                self.line(f"{'Warning: ' if event.level == 'warning' else ''}{event.text}")
            case Waiting() | Resumed():
                self.line(event.text)
            case Held():
                self.line(f"Holds after step {event.step}, with its model in memory.")
            case Continued():
                self.line("Goes on.")
            case Progress():
                total = f" of {event.total:,}" if event.total else ""
                text = f"{event.text or 'Working'}: {event.done:,}{total} {event.unit}"
                if event.text and event.done >= event.total > 0 and not self._live:
                    self.line(text)  # a milestone, too
                else:
                    self._rewrite(f"{text}{_left(event.eta)}")
            case StepDone():
                self._rewrite(
                    f"  step {event.step}  loss {event.loss:.4f}  {event.images_per_second:.1f} samples/s"
                    f"  {event.progress:.0%}{_left(event.eta)}"
                )

    def end(self) -> None:
        if self._live and self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            self._width = 0

    def line(self, text: str) -> None:
        self.end()
        sys.stderr.write(text + "\n")

    def _rewrite(self, text: str) -> None:
        if self._live:
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)


def _left(eta: float) -> str:
    return "" if eta < 0 else f"  {int(eta) // 60}:{int(eta) % 60:02d} left"
