"""What a run's folder tells of itself: whether a worker is at it, how far it came, how it ended. Only reads."""

import contextlib
import functools
import re
import time
from pathlib import Path
from typing import Any

from tlstudio.api import events
from tlstudio.locks import LOCK, holder
from tlstudio.project.processes import lives

EVENTS, SPEC, MODEL = "events.jsonl", "spec.json", "model.safetensors"
_TAIL = 1_000_000  # bytes; the last event may carry a long traceback
_CHUNK = 1 << 20
_MOMENT = 0.005  # seconds
_CHECKPOINT = re.compile(r"step-(\d{8,})(\.\d+)?")
_END = re.compile(rb'^\{"type": "(JobStarted|Finished|Failed)"[^\n]*', re.M)
_TURN = re.compile(rb'^\{"type": "(JobStarted|Resumed|Held|Continued|Acknowledged|Finished|Failed)"[^\n]*\n', re.M)


def worker(run_dir: Path) -> dict[str, Any] | None:
    """The process that works on the run: ``None`` where there is none, ``{}`` where it did not say who it is."""
    found = holder(run_dir / LOCK)
    if found and isinstance(pid := found.get("pid"), int) and not lives(pid):
        time.sleep(_MOMENT)  # perhaps another process has only looked, as this one does
        found = holder(run_dir / LOCK)
    return found


def last_step(run_dir: Path) -> int | None:
    """The step of the newest checkpoint, whole or not."""
    with contextlib.suppress(OSError):
        found = [_CHECKPOINT.fullmatch(entry.name) for entry in (run_dir / "checkpoints").iterdir()]
        return max((int(match.group(1)) for match in found if match), default=None)
    return None


def began(run_dir: Path) -> bool:
    """Whether there is work in it that can be gone on with."""
    return last_step(run_dir) is not None


def last_terminal_event(run_dir: Path) -> events.Event | None:
    """How the run ended, or None where its newest worker never came to that."""
    try:
        with (run_dir / EVENTS).open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL))
            tail = stream.read()
    except OSError:
        return None
    for match in reversed(list(_END.finditer(tail))):
        event = events.from_json(match.group(0).decode("utf-8", errors="replace"))
        if isinstance(event, events.JobStarted):
            return None  # what stands before belongs to an earlier worker
        if event is not None and event.terminal:
            return event
    return None


def first_event(run_dir: Path, kind: type[events.Event]) -> events.Event | None:
    with contextlib.suppress(OSError), (run_dir / EVENTS).open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if isinstance(event := events.from_json(line), kind):
                return event
    return None


def best_metrics(run_dir: Path) -> dict[str, float]:
    """The validation metrics of the best epoch so far, empty where there is none."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError), (run_dir / EVENTS).open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.startswith('{"type": "EpochDone"'):
                event = events.from_json(line)
                if isinstance(event, events.EpochDone) and event.best:
                    found = {k.removeprefix("val_"): v for k, v in event.metrics.items() if k.startswith("val_")}
    return found


class Follower:
    """What a living run is doing, by its history, of which each part is read once."""

    def __init__(self) -> None:
        self._worker: dict[str, Any] = {}
        self._position, self._state = 0, ""

    def state(self, run_dir: Path, worker: dict[str, Any]) -> str:
        """``running``, ``holding``, ``stopping``; empty where it has not begun to say, or has said its last."""
        path = run_dir / EVENTS
        try:
            if worker != self._worker or path.stat().st_size < self._position:
                self._worker, self._position, self._state = dict(worker), 0, ""
            with path.open("rb") as stream:
                stream.seek(self._position)
                for chunk in iter(functools.partial(stream.read, _CHUNK), b""):
                    chunk += stream.readline()
                    complete = chunk[: chunk.rfind(b"\n") + 1]
                    self._position += len(complete)
                    for match in _TURN.finditer(complete):
                        self._turn(match.group(1), match.group(0))
                    if len(complete) < len(chunk):
                        break
        except OSError:
            return ""
        return self._state

    def _turn(self, kind: bytes, line: bytes) -> None:
        match kind:
            case b"Finished" | b"Failed":
                self._state = ""
            case b"Held":
                self._state = "holding" if self._state != "stopping" else self._state
            case b"JobStarted" | b"Resumed":
                self._state = "running"
            case b"Continued":
                self._state = "running" if self._state != "stopping" else self._state
            case _:
                event = events.from_json(line.decode("utf-8", errors="replace"))
                if isinstance(event, events.Acknowledged) and event.command == "stop":
                    self._state = "stopping"
