"""What a run, or any other job, says while it works: frozen events, one JSON object a line on the wire.

``time`` is seconds since the epoch (UTC) on the machine that does the work.
"""

import dataclasses
import json
import time as _time
from typing import Any, ClassVar, Literal


def _now() -> float:
    return round(_time.time(), 3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all. ``terminal`` events are the last of their job."""

    terminal: ClassVar[bool] = False
    time: float = dataclasses.field(default_factory=_now)


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobStarted(Event):
    title: str
    pid: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuntimeChosen(Event):
    """What the work runs on, and ``reason``, a sentence that says why."""

    device: str  # "CPU", "NVIDIA H200"
    precision: str  # "float32", "bfloat16"
    memory_format: str  # "channels-last", "contiguous"
    workers: int  # processes that load pictures
    threads: int
    reason: str
    resumes: str = ""  # a sentence: how closely a run that was interrupted repeats an uninterrupted one here


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhaseStarted(Event):
    index: int  # from 0
    count: int
    name: str
    title: str
    epochs: int
    steps_per_epoch: int  # optimizer steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """Work other than training steps. ``eta`` in seconds, negative where unknown; ``total`` 0 where unknown."""

    done: int
    total: int
    unit: str
    text: str = ""
    eta: float = -1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepDone(Event):
    """After an optimizer step (at most about 20 a second are sent). ``step`` counts over all phases from 1.

    ``losses``: those of every step since the last such event, this one's at the end, so that no step goes unrecorded.
    """

    step: int
    epoch: float  # over all phases, fractional
    loss: float
    lr: float
    images_per_second: float
    eta: float = -1.0
    progress: float = 0.0  # 0..1 of the whole run
    memory_bytes: int = 0  # of the worker, or of the GPU where there is one
    logs: dict[str, float] = dataclasses.field(default_factory=dict)
    losses: list[float] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EpochDone(Event):
    """``metrics`` maps names such as ``train_loss, val_loss, val_accuracy`` to values. ``best``: kept as the best."""

    epoch: int  # over all phases, from 1
    step: int
    metrics: dict[str, float]
    best: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Message(Event):
    """A sentence for the user."""

    text: str
    level: Literal["info", "warning", "error"] = "info"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Acknowledged(Event):
    """A command has arrived; it is obeyed at the end of the step."""

    command: str  # stop, park, hold, continue, checkpoint, evaluate, predict


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waiting(Event):
    """The run has not begun, since the device is in use. ``text`` says by what."""

    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """The run goes on from this step: what it had said of later ones no longer counts. ``text`` says why."""

    step: int  # optimizer steps done, over all phases
    epoch: int  # complete epochs, over all phases
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpointed(Event):
    """Everything up to ``step`` is on disk."""

    step: int
    size_bytes: int
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held(Event):
    """The run waits after ``step`` with its model in memory."""

    step: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Continued(Event):
    """After ``Held``: it trains again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answered(Event):
    """To a question put to a run that holds. ``result``: as of ``tlstudio evaluate`` or ``predict``; or ``error``."""

    command: str  # evaluate, predict
    result: dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The job is done. ``result`` is what the command line prints.

    ``status``: finished; stopped (by the user, the best model is kept); parked (goes on when it is resumed;
    ``result`` then has ``reason``, a sentence, and ``reason_kind``: asked, disk-full or signal).
    """

    terminal: ClassVar[bool] = True
    status: Literal["finished", "stopped", "parked"] = "finished"
    result: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """The job failed. ``sentence`` is for the user; ``kind`` is the error's class; ``traceback`` for the curious."""

    terminal: ClassVar[bool] = True
    sentence: str
    kind: str = ""
    traceback: str = ""
    exit_status: int = 1


_TYPES: dict[str, type[Event]] = {
    cls.__name__: cls
    for cls in (
        JobStarted, RuntimeChosen, PhaseStarted, Progress, StepDone, EpochDone, Message, Acknowledged, Waiting,
        Resumed, Checkpointed, Held, Continued, Answered, Finished, Failed,
    )
}  # fmt: skip


def to_json(event: Event) -> str:
    """One line, without the newline. Numbers that are not finite become null."""
    payload = {
        "type": type(event).__name__,
        **{f.name: getattr(event, f.name) for f in dataclasses.fields(event)},
    }
    try:
        return json.dumps(payload, allow_nan=False, ensure_ascii=False)
    except ValueError:
        return json.dumps(_finite(payload), allow_nan=False, ensure_ascii=False)


def from_json(line: str) -> Event | None:
    """Reads one line; ``None`` for what is not an event of this version (cut short, or of a newer worker)."""
    try:
        payload = json.loads(line)
        cls = _TYPES[payload.pop("type")]
        return cls(**{k: (float("nan") if v is None else v) for k, v in payload.items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
