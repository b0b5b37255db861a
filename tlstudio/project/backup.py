"""The database's backup, ``backups/project.sqlite``: as of the last change of a data set, with the one before it."""

import os
import sqlite3
import threading
from pathlib import Path

from tlstudio.api.errors import ProjectError
from tlstudio.project import inspection
from tlstudio.project.aside import Aside
from tlstudio.project.copying import copy_database, put_in_place
from tlstudio.project.database import Database

FOLDER, CURRENT, PREVIOUS = "backups", "project.sqlite", "project.previous.sqlite"
_one_at_a_time = threading.Lock()


def note_change(connection: sqlite3.Connection) -> None:
    """Inside the transaction that changes a data set: by this number a database is found to lag behind its backup."""
    connection.execute(
        "INSERT INTO meta VALUES ('data_version', '1') ON CONFLICT (key)"
        " DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)"
    )


def data_version(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'data_version'").fetchone()
    return int(found[0]) if found else 0


def write(connection: sqlite3.Connection, project: Path) -> None:
    """Replaces the backup, which becomes the previous one unless it is damaged. Raises where that cannot be done."""
    folder = project / FOLDER
    with _one_at_a_time:
        folder.mkdir(exist_ok=True)
        current, fresh = folder / CURRENT, folder / f"{CURRENT}.{os.getpid()}.new"
        try:
            copy_database(connection, fresh)
            if reason := inspection.why_damaged(fresh, alone=True, thorough=True):
                raise ProjectError(
                    f"The project's database {project / CURRENT} was not backed up, since it is damaged ({reason}). "
                    "Close the project and open it again: it is repaired then."
                )
            if not inspection.why_damaged(current, alone=True):
                os.replace(current, folder / PREVIOUS)
            put_in_place(fresh, current)
        finally:
            fresh.unlink(missing_ok=True)


def write_and_note(database: Database, project: Path) -> None:
    """Replaces the backup, and keeps in mind that this file is good: the next opening need not read all of it."""
    with database.connection() as connection:
        write(connection, project)
    _note(database, project / FOLDER / CURRENT)


def ensure(database: Database, project: Path, aside: Aside) -> list[str]:
    """At every opening: writes a backup where there are data sets and no good backup of them; sentences about it.

    A backup is read as a whole only where the file is not the one that was found good before.
    """
    with database.connection() as connection:
        there = connection.execute("SELECT 1 FROM datasets LIMIT 1").fetchone() is not None
        version = data_version(connection)
        good = connection.execute("SELECT value FROM meta WHERE key = 'backup'").fetchone()
    if not there:
        return []
    current = project / FOLDER / CURRENT
    saved = version_of(current)
    if saved is not None and (not good or good[0] != _stamp(current)):
        saved = None if inspection.why_damaged(current, alone=True, thorough=True) else saved
    sentences = []
    if saved is None and current.exists():
        sentences.append(
            f"The backup {current} was damaged. It lies in {aside.move(current).parent}, a new one was made."
        )
    if saved is None or saved < version:
        write_and_note(database, project)
    elif not good or good[0] != _stamp(current):
        _note(database, current)
    return sentences


def _note(database: Database, current: Path) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('backup', ?)", (_stamp(current),))


def _stamp(file: Path) -> str:
    stat = file.stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def version_of(file: Path) -> int | None:
    """The number of the data that a backup holds; ``None`` for one that is missing or plainly damaged."""
    try:
        with file.open("rb") as stream:
            head = stream.read(100)
        page = int.from_bytes(head[16:18], "big")
        page = 65_536 if page == 1 else page
        if int.from_bytes(head[28:32], "big") * page != file.stat().st_size or not page:
            return None
        with inspection.reading(file, alone=True) as connection:
            return data_version(connection)
    except (OSError, sqlite3.Error, ValueError):
        return None


def newest(project: Path) -> int | None:
    return version_of(project / FOLDER / CURRENT)


def candidates(project: Path) -> list[Path]:
    """What a database can be restored from, the best first: backups, then what an upgrade has kept."""
    older = sorted(project.glob(f"{CURRENT}.before-v*"), key=lambda path: path.stat().st_mtime, reverse=True)
    found = [project / FOLDER / CURRENT, project / FOLDER / PREVIOUS, *older]
    return [path for path in found if path.is_file()]


def specification(project: Path, run_id: int) -> str:
    """The specification of a run as the backups know it, empty where they do not."""
    for file in (project / FOLDER / CURRENT, project / FOLDER / PREVIOUS):
        try:
            with inspection.reading(file, alone=True) as connection:
                found = connection.execute("SELECT spec FROM runs WHERE id = ?", (run_id,)).fetchone()
        except (OSError, sqlite3.Error, ValueError):
            continue
        if found and found[0]:
            return str(found[0])
    return ""
