"""What a run has said, read back from its folder. No torch here."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tlstudio.api.events import EpochDone, Event, Finished, Message, PhaseStarted, Resumed, StepDone, from_json, to_json

Fact = tuple[Any, ...]


def read(run_dir: Path) -> list[Event]:
    """Every event of ``events.jsonl``; lines that are none, such as one that was cut short, are left out."""
    try:
        text = (run_dir / "events.jsonl").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [event for line in text.split("\n") if (event := from_json(line)) is not None]


def line(event: Event) -> str:
    """As it stands in the file."""
    return to_json(event) + "\n"


def facts(events: Iterable[Event]) -> list[Fact]:
    """The course of the training, without what depends on the clock or on interruptions.

    Two runs with the same specification on the same machine have equal facts, bit for bit, however often one of them
    was interrupted: the loss of every step, the values of every epoch, phases, sentences, and the final scores.
    """
    found: list[Fact] = []
    for event in events:
        match event:
            case Resumed():
                found = _up_to(found, event)
            case PhaseStarted():
                found.append(("phase", event.index, event.count, event.name, event.epochs, event.steps_per_epoch))
            case StepDone():
                first = event.step - len(event.losses) + 1
                found += [("step", first + i, loss) for i, loss in enumerate(event.losses)]
            case EpochDone():
                found.append(("epoch", event.epoch, event.step, tuple(sorted(event.metrics.items())), event.best))
            case Message():
                found.append(("message", event.level, event.text))
            case Finished():
                found.append(("finished", event.status, repr(event.result.get("metrics"))))
    return found


def _up_to(found: list[Fact], resumed: Resumed) -> list[Fact]:
    """Without what lies beyond the step that the run went back to."""
    for place, fact in enumerate(found):
        beyond = fact[0] == "step" and fact[1] > resumed.step
        if beyond or (fact[0] == "epoch" and fact[1] > resumed.epoch):
            return found[:place]
    return found
