"""A project whose database is damaged or gone is put together again: from its backup, from what can still be read of
the damaged file, and from the runs' folders. What was found is kept.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from tlstudio.api.errors import ProjectError
from tlstudio.locks import FileLock
from tlstudio.project import adoption, backup, inspection, salvage
from tlstudio.project.aside import Aside
from tlstudio.project.copying import copy_database, put_in_place
from tlstudio.project.database import SUSPECT
from tlstudio.project.records import ALIVE_STATES
from tlstudio.project.runs import change
from tlstudio.project.schema import migrate, write_new

DATABASE = "project.sqlite"
_PATIENCE = 60.0  # seconds for another process that repairs the same project
_PARTS = ("-wal", "-shm", "-journal", "")  # the database last: while it is there, the work is not done


def why_unusable(folder: Path, thorough: bool = False) -> str:
    """What is wrong with the project's database, as the end of a sentence; empty where nothing is."""
    file = folder / DATABASE
    reason = inspection.why_damaged(file, thorough=thorough or suspect(file).exists())
    newest = None if reason else backup.newest(folder)
    if newest:
        try:
            with inspection.reading(file) as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version <= inspection.NEWEST and backup.data_version(connection) < newest:
                    return "it lacks changes of data sets that its backup has"
        except sqlite3.Error as error:
            if not inspection.is_damage(error):
                raise
            return f"SQLite says: {error}"
    return reason


def suspect(file: Path) -> Path:
    """A mark that SQLite has complained of the database while it was in use."""
    return file.with_name(f"{file.name}{SUSPECT}")


def repair(folder: Path, aside: Aside, thorough: bool = False) -> list[str]:
    """Restores the database if it still has to be; sentences about what was done."""
    with _alone(folder):
        reason = why_unusable(folder, thorough)
        if not reason:
            return []
        file, fresh = folder / DATABASE, folder / f"{DATABASE}.new"
        try:
            sentences = _build(folder, fresh)
            for part in _PARTS:
                if file.with_name(file.name + part).exists():
                    aside.move(file.with_name(file.name + part))
            put_in_place(fresh, file)
            suspect(file).unlink(missing_ok=True)
        finally:
            fresh.unlink(missing_ok=True)
        what = "is gone" if reason == "it is missing" else f"was damaged ({reason})"
        where = f" What was found lies in {aside.folder}." if aside.used else ""
        return [f"The project's database {file} {what}.{where}", *sentences]


def _build(folder: Path, fresh: Path) -> list[str]:
    """Writes the new database; sentences about where its content is from, and what is lost."""
    fresh.unlink(missing_ok=True)
    source = next((file for file in backup.candidates(folder) if _whole(file)), None)
    if source is None:
        write_new(fresh)
    else:
        with inspection.reading(source, alone=True) as connection:
            copy_database(connection, fresh)
    with inspection.writing(fresh) as connection:
        migrate(connection, fresh, keep_copy=False)
        known = backup.data_version(connection) if source else None
        found = salvage.read(folder / DATABASE, data_after=known)
        connection.execute("BEGIN")
        if found.data is not None:
            salvage.put_data(connection, found.data, found.version or 0)
        salvage.put_runs(connection, found.runs)
        _tell_by_folders(connection, folder / "runs", {row["id"] for row in found.runs})
        connection.execute("COMMIT")
        names = [name for (name,) in connection.execute("SELECT name FROM datasets ORDER BY id")]
    listed = ", ".join(f"'{name}'" for name in names) or "none"
    if found.data is not None:
        return [f"Its data sets ({listed}) could still be read from it."]
    if source is None:
        return ["There is no backup of its data sets. Import them again, under the names that they had."]
    date = time.strftime("%d %B %Y, %H:%M", time.localtime(source.stat().st_mtime))
    sentences = [f"Its data sets ({listed}) were restored from the backup of {date} ({source})."]
    later = found.version is not None and known is not None and found.version > known
    if later or source != folder / backup.FOLDER / backup.CURRENT:
        sentences.append("Data sets that were imported or moved after that are not restored. Import them again.")
    return sentences


def _tell_by_folders(connection: sqlite3.Connection, runs: Path, salvaged: set[int]) -> None:
    """A backup is older than what has become of its runs since."""
    for run_id, state in connection.execute("SELECT id, state FROM runs").fetchall():
        if run_id in salvaged or state == "finished":
            continue
        if (runs / str(run_id)).is_dir():
            change(connection, run_id, **adoption.fields_of(runs / str(run_id), run_id))
        elif state in ("queued", *ALIVE_STATES):
            change(connection, run_id, state="failed", reason="The run's folder is missing.", pid=0, position=0)


def _whole(file: Path) -> bool:
    try:
        return not inspection.why_damaged(file, alone=True, thorough=True)
    except (OSError, sqlite3.Error, ProjectError):
        return False


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One repair at a time, where the drive knows locks."""
    lock = FileLock(folder / "repair.lock")
    until = time.monotonic() + _PATIENCE
    with contextlib.suppress(OSError):
        while not lock.acquire() and time.monotonic() < until:
            time.sleep(0.05)
    try:
        yield
    finally:
        if lock.held:
            lock.release()
            lock.path.unlink(missing_ok=True)
