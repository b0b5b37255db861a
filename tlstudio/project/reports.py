"""The newest doctor's report of each data set, with the items of its findings where filters find them."""

import json
import sqlite3
import time
import zlib
from pathlib import Path
from typing import Any

from tlstudio.api.errors import DataError
from tlstudio.project import lookup
from tlstudio.project.database import Database
from tlstudio.project.lookup import Row


class Reports:
    """Of the data sets of the project in ``folder``."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def save(self, name: str, report: dict[str, Any]) -> None:
        """Replaces the report, with ``report["findings"] = [{"kind", "items": [{"id", "score", ...}], ...}]``."""
        packed = zlib.compress(json.dumps(report, ensure_ascii=False).encode(), 1)
        scores: dict[tuple[str, int], float] = {}
        for finding in report.get("findings", []):
            for item in finding.get("items", []):
                number, score = item.get("id"), float(item.get("score") or 0.0)
                if isinstance(number, int) and number > 0:
                    key = (str(finding["kind"]), number)
                    scores[key] = max(score, scores.get(key, score))
        with self._database.transaction() as connection:
            row = lookup.row_of(connection, self._folder, name)
            revision = int(report.get("revision") or row.revision)
            connection.execute(
                "INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?)", (row.id, revision, time.time(), packed)
            )
            connection.execute("DELETE FROM findings WHERE dataset_id = ?", (row.id,))
            connection.executemany(
                "INSERT INTO findings VALUES (?, ?, ?, ?)",
                ((row.id, kind, number, score) for (kind, number), score in scores.items()),
            )

    def newest(self, name: str) -> dict[str, Any] | None:
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            query = "SELECT report, created FROM reports WHERE dataset_id = ?"
            found = connection.execute(query, (row.id,)).fetchone()
        return {**json.loads(zlib.decompress(found[0])), "created": found[1]} if found else None


def stamp(connection: sqlite3.Connection, row: Row) -> float:
    """When the report was saved; 0 where there is none."""
    found = connection.execute("SELECT created FROM reports WHERE dataset_id = ?", (row.id,)).fetchone()
    return float(found[0]) if found else 0.0


def chosen(connection: sqlite3.Connection, row: Row, kind: str) -> dict[int, float]:
    """The items of one kind of finding (of any, for an empty kind) with their score. Raises :class:`DataError`."""
    if not stamp(connection, row):
        raise DataError(f"The doctor has not looked at '{row.name}' yet. Run: tlstudio data doctor")
    where, values = ("AND kind = ?", (row.id, kind)) if kind else ("", (row.id,))
    query = f"SELECT item_id, MAX(score) FROM findings WHERE dataset_id = ? {where} GROUP BY item_id"
    return dict(connection.execute(query, values).fetchall())
