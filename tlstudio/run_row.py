"""Keeps a run's row in the project true while its worker speaks."""

import logging
import sqlite3
from typing import Any

from tlstudio.api.errors import StudioError
from tlstudio.api.events import (
    Acknowledged,
    Continued,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
    JobStarted,
    RuntimeChosen,
    Waiting,
)
from tlstudio.project import Project

ALIVE = ("running", "holding", "stopping")
_LEAVING = "Parking: it finishes its step and writes a checkpoint."
_log = logging.getLogger(__name__)


class RunRow:
    """What cannot be written, as on a full disk, is kept and tried again with the next change."""

    def __init__(self, project: Project, run_id: int) -> None:
        self._project, self._run_id = project, run_id
        self._waiting: dict[str, Any] = {}
        self._told = False

    def record(self, event: Event) -> None:
        if fields := fields_of(event, self._run_id):
            self.update(**fields)

    def update(self, **fields: Any) -> None:
        """Without ``fields``: writes what could not be written before."""
        self._waiting |= fields
        if not self._waiting:
            return
        try:
            self._project.update_run(self._run_id, **self._waiting)
        except (StudioError, sqlite3.Error, OSError) as error:
            if not self._told:
                _log.warning("Run %s: its row in the project could not be written: %s", self._run_id, error)
            self._told = True
        else:
            self._waiting, self._told = {}, False


def fields_of(event: Event, run_id: int) -> dict[str, Any]:
    """What an event changes in the row."""
    match event:
        case JobStarted():
            return {"pid": event.pid}
        case Waiting():
            return {"reason": event.text}
        case RuntimeChosen():
            return {"reason": ""}
        case Held():
            return {"state": "holding"}
        case Continued():
            return {"state": "running"}
        case Acknowledged(command="stop"):
            return {"state": "stopping"}
        case Acknowledged(command="park"):
            return {"reason": _LEAVING}
        case EpochDone(best=True):
            values = {k.removeprefix("val_"): v for k, v in event.metrics.items() if k.startswith("val_")}
            return {"metrics": {"val": values}}
        case Finished():
            return {"state": event.status, "ended": event.time, "pid": 0, **_results(event, run_id)}
        case Failed():
            return {"state": "failed", "ended": event.time, "pid": 0, "reason": event.sentence}
    return {}


def _results(event: Finished, run_id: int) -> dict[str, Any]:
    done = event.result
    fields = {"reason": str(done.get("reason", "")) if event.status == "parked" else ""}
    for name in ("seconds", "images_per_second", "metrics"):
        if done.get(name):
            fields[name] = done[name]
    if done.get("model"):
        fields["model"] = f"runs/{run_id}/model.safetensors"
    return fields
