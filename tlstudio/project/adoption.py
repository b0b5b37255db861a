"""Run folders that have no row: after a power cut, or where the database had to be restored."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tlstudio.api import events
from tlstudio.project import run_files, specifications
from tlstudio.project.aside import Aside
from tlstudio.project.copying import write_text
from tlstudio.project.database import Database
from tlstudio.project.reconcile import outcome
from tlstudio.project.runs import change

FOUND = "It was found again without its place in the queue. Resume it to begin."


def adopt(
    database: Database, folder: Path, aside: Aside, copies: Callable[[int], str]
) -> tuple[list[int], list[str]]:  # fmt: skip
    """Makes rows for the folders below ``folder`` (the project's ``runs``) that have none.

    ``copies(id)`` is a specification as it is known from elsewhere, or empty. Returns the ids, and sentences about
    the folders that could not be adopted. A run that is just being created is left alone: its folder and its row
    appear in one transaction, and this waits for that.
    """
    adopted: list[int] = []
    problems: list[str] = []
    if not _orphans(database, folder):
        return adopted, problems
    with database.transaction() as connection:
        known = {number for (number,) in connection.execute("SELECT id FROM runs")}
        for run_dir in _folders(folder):
            run_id = int(run_dir.name)
            if run_id in known:
                continue
            text, spec = _specification(run_dir, run_id, aside, copies)
            if spec is None:
                if any((run_dir / name).exists() for name in (run_files.SPEC, run_files.EVENTS, run_files.MODEL)):
                    problems.append(
                        f"The run in {run_dir} is not in the database and cannot be restored: its {run_files.SPEC} is "
                        "missing or damaged. Its files were left as they are."
                    )
            elif spec["run"] != run_id:
                problems.append(f"The folder {run_dir} is a copy of run {spec['run']}; it was left as it is.")
            else:
                _insert(connection, run_dir, spec, text)
                adopted.append(run_id)
    return adopted, problems


def fields_of(run_dir: Path, run_id: int) -> dict[str, Any]:
    """All of a row that the run's own files tell. A run at whose folder a worker is right now is running."""
    began = run_files.first_event(run_dir, events.JobStarted)
    worker = run_files.worker(run_dir)
    if worker is not None:
        pid = worker.get("pid", 0)
        return {"state": "running", "pid": pid, "started": began.time if began else None, "reason": "", "position": 0}
    if began is None and not run_files.began(run_dir):
        return {"state": "stopped", "reason": FOUND, "pid": 0, "position": 0}
    found = {"started": began.time if began else None, **outcome(run_dir, run_id)}
    if "metrics" not in found and (best := run_files.best_metrics(run_dir)):
        found["metrics"] = {"val": best}
    if "model" in found and not (run_dir / run_files.MODEL).exists():
        found["model"] = ""
    return found


def _orphans(database: Database, folder: Path) -> bool:
    with database.connection() as connection:
        known = {number for (number,) in connection.execute("SELECT id FROM runs")}
    return any(int(run_dir.name) not in known for run_dir in _folders(folder))


def _folders(folder: Path) -> list[Path]:
    try:
        entries = [entry for entry in folder.iterdir() if entry.name.isdecimal() and entry.is_dir()]
    except OSError:
        return []
    return sorted((entry for entry in entries if entry.name == str(int(entry.name))), key=lambda e: int(e.name))


def _specification(
    run_dir: Path, run_id: int, aside: Aside, copies: Callable[[int], str]
) -> tuple[str, dict[str, Any] | None]:  # fmt: skip
    text = specifications.read(run_dir)
    spec = specifications.parse(text)
    if spec is None and (spec := specifications.parse(text := copies(run_id))):
        if (run_dir / run_files.SPEC).exists():
            aside.move(run_dir / run_files.SPEC)
        write_text(run_dir / run_files.SPEC, text)
    return text, spec


def _insert(connection: sqlite3.Connection, run_dir: Path, spec: dict[str, Any], text: str) -> None:
    connection.execute(
        "INSERT INTO runs (id, state, dataset, revision, backbone, weights, method, seed, options, created, spec)"
        " VALUES (?, 'stopped', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (spec["run"], spec["dataset"], spec["revision"], spec["backbone"], spec["weights"], spec["method"],
         spec["seed"], json.dumps(spec["options"]), (run_dir / run_files.SPEC).stat().st_mtime, text),
    )  # fmt: skip
    change(connection, spec["run"], **fields_of(run_dir, spec["run"]))
