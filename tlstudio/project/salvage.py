"""What can still be read of a damaged database."""

import contextlib
import dataclasses
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlstudio.api.errors import ProjectError
from tlstudio.project import inspection
from tlstudio.project.backup import data_version
from tlstudio.project.schema import migrate

_UNREADABLE = (sqlite3.Error, ValueError, ProjectError)  # the latter: texts that are none
_DATA = (
    "datasets", "revisions", "classes", "items", "item_states", "skipped", "warnings", "targets", "target_classes",
    "item_meta", "counts",
)  # fmt: skip


@dataclasses.dataclass
class Salvaged:
    """``runs``: rows by column. ``version``: of the data, ``None`` where unknown. ``data``: every row of the data
    sets, by table, or ``None`` where not all of it can be read.
    """

    runs: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    version: int | None = None
    data: dict[str, list[tuple[Any, ...]]] | None = None


def read(file: Path, *, data_after: int | None) -> Salvaged:
    """Reads a copy of ``file``, its write-ahead log included. The data sets are read where they are newer than version
    ``data_after``, or where that is ``None``.
    """
    found = Salvaged()
    if not file.is_file() or file.stat().st_size == 0:
        return found
    with _copy(file) as copy, contextlib.suppress(*_UNREADABLE), inspection.writing(copy) as connection:
        connection.row_factory, connection.text_factory = sqlite3.Row, _text
        with contextlib.suppress(*_UNREADABLE):
            for row in connection.execute("SELECT * FROM runs NOT INDEXED ORDER BY id"):
                if inspection.plausible({"position": 0, "batch": 0, **dict(row)}):
                    found.runs.append(dict(row))
        connection.row_factory, connection.text_factory = None, str
        found.version = data_version(connection)
        if data_after is None or found.version > data_after:
            migrate(connection, copy, keep_copy=False)
            tables = {table: connection.execute(f"SELECT * FROM {table} NOT INDEXED").fetchall() for table in _DATA}
            found.data = tables if _complete(tables) else None
    return found


def put_runs(connection: sqlite3.Connection, rows: list[dict[str, Any]]) -> None:
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(runs)")}
    for row in rows:
        kept = {name: value for name, value in row.items() if name in columns}
        marks = ", ".join("?" * len(kept))
        connection.execute(f"INSERT OR REPLACE INTO runs ({', '.join(kept)}) VALUES ({marks})", tuple(kept.values()))


def put_data(connection: sqlite3.Connection, data: dict[str, list[tuple[Any, ...]]], version: int) -> None:
    for table in reversed(_DATA):
        connection.execute(f"DELETE FROM {table}")
    for table in _DATA:
        if data[table]:
            marks = ", ".join("?" * len(data[table][0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", data[table])
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('data_version', ?)", (str(version),))


def _text(data: bytes) -> str:
    """A character that has changed is no reason to lose the rest."""
    return data.decode("utf-8", errors="replace")


def _complete(tables: dict[str, list[tuple[Any, ...]]]) -> bool:
    """Whether there are as many items as the data sets counted when they were imported."""
    counted = sum(row[5] for row in tables["counts"] if row[1] == 0 and row[3] == 1)
    first = sum(1 for row in tables["item_states"] if row[4] == 1)
    targets = {row[0] for row in tables["targets"]}
    known = all(row[2] in targets for row in tables["item_states"])
    return counted == first and len(tables["items"]) >= first and known


@contextlib.contextmanager
def _copy(file: Path) -> Iterator[Path]:
    """Away from the original, which SQLite would change where it only looks at it."""
    with tempfile.TemporaryDirectory(prefix="salvage-", dir=file.parent) as folder:
        for suffix in ("", "-wal", "-journal"):
            source = file.with_name(file.name + suffix)
            if source.is_file():
                shutil.copyfile(source, Path(folder) / source.name)
        yield Path(folder) / file.name
