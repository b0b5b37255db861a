"""Makes the table of runs true again after a crash, a reboot or a power cut."""

import time
from pathlib import Path
from typing import Any

from tlstudio.api import events
from tlstudio.project.processes import lives
from tlstudio.project.runs import Runs

_ALIVE_STATES = ("running", "holding", "stopping")
_TAIL = 1_000_000  # bytes; the last event may carry a long traceback
_STARTING = 60.0  # seconds in which a run may be marked running before its process is known
ENDED_SILENTLY = "The worker ended without finishing (was the machine switched off, or the process killed?)."


def reconcile(runs: Runs) -> list[int]:
    """Ends the runs whose worker is gone, by what it said last; returns their ids."""
    ended = []
    for run in runs.all():
        if run.state not in _ALIVE_STATES:
            continue
        if run.pid == 0 and run.started is not None and time.time() - run.started < _STARTING:
            continue
        if lives(run.pid, run.started):
            continue
        runs.update(run.id, **_outcome(run.dir, run.id))
        ended.append(run.id)
    return ended


def last_terminal_event(run_dir: Path) -> events.Event | None:
    """The terminal event in ``events.jsonl``, or None where the worker never came to it."""
    path = run_dir / "events.jsonl"
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL))
            lines = stream.read().decode("utf-8", errors="replace").split("\n")
    except OSError:
        return None
    for line in reversed(lines):
        event = events.from_json(line)
        if event is not None and event.terminal:
            return event
    return None


def _outcome(run_dir: Path, run_id: int) -> dict[str, Any]:
    match last_terminal_event(run_dir):
        case events.Finished(status=status, result=result, time=ended):
            kept = {name: result[name] for name in ("metrics", "seconds") if isinstance(result.get(name), dict)}
            if isinstance(result.get("images_per_second"), int | float):
                kept["images_per_second"] = result["images_per_second"]
            if isinstance(result.get("model"), str):
                kept["model"] = f"runs/{run_id}/model.safetensors"
            return {"state": status, "ended": ended, "reason": "", "pid": 0, **kept}
        case events.Failed(sentence=sentence, exit_status=exit_status, time=ended):
            state = "stopped" if exit_status == 3 else "failed"
            return {"state": state, "ended": ended, "reason": sentence, "pid": 0}
        case _:
            return {"state": "failed", "ended": time.time(), "reason": ENDED_SILENTLY, "pid": 0}
