"""Makes the table of runs true again after a crash, a reboot or a power cut, and while other processes train.

A run is alive while a process holds the lock in its folder, or while the process that claimed it lives, which has a
worker to start. No clock is asked.
"""

import threading
import time
from pathlib import Path
from typing import Any

from tlstudio.api import events
from tlstudio.project import run_files
from tlstudio.project.processes import lives
from tlstudio.project.records import ALIVE_STATES, Run
from tlstudio.project.runs import Runs

ENDED_SILENTLY = "The worker ended without finishing (was the machine switched off, or the process killed?)."


class Reconciler:
    """Safe from any thread; cheap enough to be called every second."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._followers: dict[int, run_files.Follower] = {}
        self._guard = threading.Lock()

    def reconcile(self, thorough: bool = False) -> list[int]:
        """Corrects the rows that are not true, and returns the ids of the runs that turned out to have ended.

        ``thorough``: also reads how runs ended that nobody believes to be at work.
        """
        with self._guard:
            return self._reconcile(thorough)

    def _reconcile(self, thorough: bool) -> list[int]:
        ended = []
        processes = self._runs.processes()
        for run in self._runs.all():
            if run.state == "finished":
                continue
            worker = run_files.worker(run.dir)
            if worker is not None:
                self._alive(run, worker)
            elif run.state in ALIVE_STATES:
                dead = not lives(run.pid, processes.get(run.id, ""))
                if dead and self._runs.update_if(run, **outcome(run.dir, run.id)):
                    ended.append(run.id)
            elif thorough:
                self._finished_after_all(run)
        return ended

    def _alive(self, run: Run, worker: dict[str, Any]) -> None:
        follower = self._followers.setdefault(run.id, run_files.Follower())
        state = follower.state(run.dir, worker)
        if not state or state == run.state or run.state == "stopping":
            return
        fields: dict[str, Any] = {} if run.state in ALIVE_STATES else {"position": 0, "ended": None, "reason": ""}
        if isinstance(worker.get("pid"), int):
            fields["pid"] = worker["pid"]
        self._runs.update_if(run, state=state, **fields)

    def _finished_after_all(self, run: Run) -> None:
        match run_files.last_terminal_event(run.dir):
            case events.Finished(status="finished"):
                self._runs.update_if(run, **outcome(run.dir, run.id))


def outcome(run_dir: Path, run_id: int) -> dict[str, Any]:
    """The fields of a run that nobody works on any more, by what its worker said last."""
    rest: dict[str, Any] = {"pid": 0, "position": 0}
    match run_files.last_terminal_event(run_dir):
        case events.Finished(status=status, result=result, time=ended):
            kept = {name: result[name] for name in ("metrics", "seconds") if isinstance(result.get(name), dict)}
            if isinstance(result.get("images_per_second"), int | float):
                kept["images_per_second"] = result["images_per_second"]
            if isinstance(result.get("model"), str):
                kept["model"] = f"runs/{run_id}/{run_files.MODEL}"
            reason = str(result.get("reason", "")) if status == "parked" else ""
            return {"state": status, "ended": ended, "reason": reason, **kept, **rest}
        case events.Failed(sentence=sentence, exit_status=exit_status, time=ended):
            state = "stopped" if exit_status == 3 else "failed"
            return {"state": state, "ended": ended, "reason": sentence, **rest}
        case _:
            return {"state": "failed", "ended": time.time(), "reason": f"{ENDED_SILENTLY} {_way_on(run_dir)}", **rest}


def _way_on(run_dir: Path) -> str:
    step = run_files.last_step(run_dir)
    return f"Resume it to go on from step {step}." if step else "Resume it to begin again."
