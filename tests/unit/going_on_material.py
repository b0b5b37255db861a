"""What runs tell that are interrupted, starved or led astray, and faults to inject into them."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tlstudio import history
from tlstudio.api import Batch, StepOutput, StepState
from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.worker import run_events
from tlstudio_builtins.methods.fine_tuning import FineTuning

MakeRun = Callable[..., Path]
Step = Callable[[FineTuning, dict[str, Batch], StepState], StepOutput]


def all_events(run_dir: Path, control: Control | None = None) -> list[Event]:
    return list(run_events(run_dir, control or Control()))


def last_event(run_dir: Path) -> Event:
    return all_events(run_dir)[-1]


def of_kind(kind: type, events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def steps_told(events: list[Event]) -> list[int]:
    return [fact[1] for fact in history.facts(events) if fact[0] == "step"]


@contextlib.contextmanager
def changed_step(monkeypatch: pytest.MonkeyPatch, change: Callable[[Step], Step]) -> Iterator[None]:
    """A fault injected into the method, below the loop."""
    with monkeypatch.context() as patch:
        patch.setattr(FineTuning, "step", change(FineTuning.step))
        yield
