"""The specifications of runs, which lie in two places: ``spec.json`` in the run's folder and the run's row."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tlstudio.project.aside import Aside
from tlstudio.project.copying import write_text
from tlstudio.project.database import Database
from tlstudio.project.run_files import SPEC

_TEXTS = ("dataset", "backbone", "weights", "method")
_NUMBERS = ("run", "revision", "seed")


def parse(text: str) -> dict[str, Any] | None:
    """What the table needs of a specification; ``None`` for what is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("options"), dict):
        return None
    texts = all(isinstance(found.get(name), str) for name in _TEXTS)
    numbers = all(isinstance(found.get(name), int) for name in _NUMBERS)
    return found if texts and numbers else None


def read(run_dir: Path) -> str:
    """The file's text, empty where it cannot be read."""
    try:
        return (run_dir / SPEC).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def repair(
    database: Database, directory: Callable[[int], Path], aside: Aside, copies: Callable[[int], str]
) -> list[str]:  # fmt: skip
    """Writes each damaged ``spec.json`` again, from the row or from ``copies``, and each row's copy that is missing."""
    notices: list[str] = []
    with database.connection() as connection:
        rows = connection.execute("SELECT id, state, spec FROM runs ORDER BY id").fetchall()
    for run_id, state, kept in rows:
        run_dir = directory(run_id)
        found = read(run_dir)
        if parse(found):
            if not kept:
                with database.transaction() as connection:
                    keep(connection, run_id, found)
            continue
        if not run_dir.is_dir():
            continue
        text = kept if parse(kept) else copies(run_id)
        if text:
            if (run_dir / SPEC).exists():
                aside.move(run_dir / SPEC)
            write_text(run_dir / SPEC, text)
            notices.append(f"The specification of run {run_id} ({run_dir / SPEC}) was damaged; it was written again.")
        elif state != "finished":
            notices.append(
                f"The specification of run {run_id} ({run_dir / SPEC}) is damaged, and there is no copy of it. The "
                "run cannot be resumed."
            )
    return notices


def keep(connection: sqlite3.Connection, run_id: int, text: str) -> None:
    connection.execute("UPDATE runs SET spec = ? WHERE id = ?", (text, run_id))
