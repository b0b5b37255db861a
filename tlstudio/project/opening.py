"""From a folder to a database that can be trusted: refused with a sentence, upgraded, or repaired."""

import os
import sqlite3
from pathlib import Path

from tlstudio.api.errors import ProjectError
from tlstudio.project import backup, drives, inspection, repair
from tlstudio.project.aside import Aside
from tlstudio.project.database import Database, open_here, readable_errors
from tlstudio.project.repair import DATABASE
from tlstudio.project.run_files import SPEC
from tlstudio.project.schema import migrate

_OURS = ("runs", "cache", backup.FOLDER)


def open_database(folder: Path, aside: Aside) -> tuple[Database, list[str]]:
    """The database, and sentences about what had to be done for it. Raises :class:`ProjectError`, ``OSError``."""
    file = folder / DATABASE
    kind = drives.network_kind(folder)
    if open_here(file):  # and was looked at then
        return Database(file, "DELETE" if kind else "WAL"), []
    _refuse_what_is_no_project(folder, file)
    _refuse_what_is_read_only(folder, file)
    notices: list[str] = []
    with readable_errors(file):
        damaged_log = inspection.why_log_damaged(file)
        if damaged_log:
            notices.append(_keep_log(file, aside, damaged_log))
        if repair.why_unusable(folder, thorough=bool(damaged_log)):
            notices += repair.repair(folder, aside, thorough=bool(damaged_log))
        elif damaged_log:
            _fold_log(file)
        repair.suspect(file).unlink(missing_ok=True)
    if kind:
        notices.append(
            f"The project {folder} lies on a network drive ({kind}). It works there, more slowly; open it on one "
            "machine at a time, and train from a copy on a disk of this machine where you can."
        )
    database = Database(file, "DELETE" if kind else "WAL")
    try:
        with database.connection() as connection:
            migrate(connection, file)
    except BaseException:
        database.close()
        raise
    return database, notices


def _refuse_what_is_no_project(folder: Path, file: Path) -> None:
    if file.is_file():
        if any((folder / name).is_dir() for name in _OURS) or not _hopeless(file):
            return
        raise ProjectError(
            f"{file} is not the database of a Transfer Learning Studio project, or it is damaged, and nothing beside "
            "it could restore it. Put the folder back from a copy, or create a new project."
        )
    if any(backup.candidates(folder)) or any((folder / "runs").glob(f"[0-9]*/{SPEC}")):
        return
    raise ProjectError(
        f"There is no project in {folder}. Create one with: tlstudio project create {folder}"
        if folder.is_dir() or not folder.exists()
        else f"{folder} is a file and no project. Name the project's folder."
    )


def _hopeless(file: Path) -> bool:
    with readable_errors(file):
        return bool(inspection.why_damaged(file))


def _refuse_what_is_read_only(folder: Path, file: Path) -> None:
    if not os.access(folder, os.W_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise ProjectError(
            f"The project {folder} cannot be written, since it is read-only for you. Copy it to a folder that you may "
            "write to, and open it there."
        )


def _keep_log(file: Path, aside: Aside, reason: str) -> str:
    log = file.with_name(file.name + "-wal")
    return (
        f"The project was not closed properly, and its write-ahead log {log} was damaged ({reason}). A copy lies in "
        f"{aside.copy(log).parent}. What it held was restored as far as the backup and the folders of the runs tell "
        "it; the last changes to the queue may be missing."
    )


def _fold_log(file: Path) -> None:
    """What is whole of a damaged log goes into the database, so that nobody stumbles over the rest again."""
    with inspection.writing(file) as connection:
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError:
            return  # someone else has it open, and will do it when they close it
