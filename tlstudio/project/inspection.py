"""Whether a database can be trusted: what is wrong with it, as the end of a sentence, or nothing."""

import contextlib
import json
import sqlite3
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tlstudio.api.errors import ProjectError
from tlstudio.project.records import RUN_STATES
from tlstudio.project.schema import APPLICATION_ID, MIGRATIONS

_MAGIC = b"SQLite format 3\0"
_ALWAYS = frozenset({"meta", "datasets", "revisions", "classes", "items", "item_states", "skipped", "warnings", "runs"})
_SINCE_3 = frozenset({"targets", "target_classes", "item_meta", "counts", "reports", "findings"})
NEWEST = len(MIGRATIONS)  # version of the tables
_SMALL = frozenset({"meta", "datasets", "revisions", "classes", "warnings", "runs"})
_LARGE = frozenset({"items", "skipped", "targets", "item_meta"})
_QUICK = 64 << 20  # bytes; a larger database is read as a whole only where something speaks against it
_PLAUSIBLE = 10_000  # versions; a larger one is no newer application but damage
_MOMENT = 0.1  # seconds; what another process writes at this very moment is whole by then
_WAL_MAGIC = (0x377F0682, 0x377F0683)


def why_damaged(file: Path, *, alone: bool = False, thorough: bool = False) -> str:
    """Empty for a database that can be used, or that a newer application wrote. ``alone``: nobody else has it open and
    it has no write-ahead log (a backup). ``thorough``: all of it is read, of a large one without its indices.
    Raises :class:`ProjectError` for the database of another application, and
    ``sqlite3.Error`` or ``OSError`` for what is no damage (a full disk, missing rights).
    """
    if not file.is_file():
        return "it is missing"
    size = file.stat().st_size
    if size == 0:
        return "it is empty"
    with file.open("rb") as stream:
        head = stream.read(100)
    if head[: len(_MAGIC)] != _MAGIC:
        return "it is no database any more"
    if _ends_within_a_page(file, head):
        return "it is cut short"
    try:
        with reading(file, alone) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if application != APPLICATION_ID and not _ALWAYS & tables:
                raise ProjectError(
                    f"{file} is not the database of a Transfer Learning Studio project. Choose another folder, or put "
                    "the project's own database back."
                )
            if application == APPLICATION_ID and NEWEST < version < _PLAUSIBLE:
                return ""
            needed = _ALWAYS | (_SINCE_3 if version >= 3 else {"revision_counts"})
            if application != APPLICATION_ID or not 1 <= version < _PLAUSIBLE or needed - tables:
                return "its beginning or some of its tables are not as they should be"
            if thorough or size < _QUICK:
                check = "integrity_check" if thorough and size < _QUICK else "quick_check"
                (found,) = connection.execute(f"PRAGMA {check}(1)").fetchone()
                if found != "ok":
                    return f"SQLite says: {' '.join(found.split())}"
            if version == NEWEST:
                return _unreadable_rows(connection, _SMALL | _LARGE if thorough and size < _QUICK else _SMALL)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return f"SQLite says: {error}"
    except UnicodeDecodeError:  # of a name in the file, or of SQLite's sentence about it
        return "its beginning or some of its tables are not as they should be"
    return ""


def plausible(run: Mapping[str, Any]) -> bool:
    """Whether a row of the table of runs can be one."""
    try:
        decoded = [json.loads(run[name]) for name in ("options", "metrics", "seconds")]
        numbers = [run[name] for name in ("id", "revision", "created", "pid", "position", "batch")]
    except (LookupError, TypeError, ValueError):
        return False
    sane = all(isinstance(number, int | float) for number in numbers) and run["id"] > 0
    return sane and run["state"] in RUN_STATES and all(isinstance(value, dict) for value in decoded)


def _unreadable_rows(connection: sqlite3.Connection, tables: Iterable[str]) -> str:
    """SQLite looks at the structure alone; what a row says may have changed all the same."""
    connection.row_factory = sqlite3.Row
    for table in sorted(tables):
        try:
            for row in connection.execute(f"SELECT * FROM {table}"):
                if table == "runs" and not plausible(dict(row)):
                    return f"the row of run {row['id']} makes no sense"
        except sqlite3.OperationalError as error:
            if not is_undecodable(error):
                raise
            return f"texts in its table '{table}' have changed"
    return ""


def is_undecodable(error: sqlite3.Error) -> bool:
    """Python's own complaint about a text that is none."""
    return str(error).startswith("Could not decode to UTF-8")


def is_damage(error: sqlite3.Error) -> bool:
    """``SQLITE_ERROR`` is what the version of the file format, or of a table, leads to where it has changed."""
    code = getattr(error, "sqlite_errorname", "") or ""
    return code == "SQLITE_ERROR" or code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _ends_within_a_page(file: Path, head: bytes) -> bool:
    """SQLite would take the rest for zeros."""
    page = int.from_bytes(head[16:18], "big")
    page = 65_536 if page == 1 else max(page, 1)
    if file.stat().st_size % page:
        time.sleep(_MOMENT)
        return bool(file.stat().st_size % page)
    return False


@contextlib.contextmanager
def reading(file: Path, alone: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection that leaves the file and its write-ahead log as they are. ``alone``: nobody else has it open, and
    it has no write-ahead log; then nothing is written beside it either.
    """
    journal = file.with_name(file.name + "-journal")
    with _connected(file, "mode=ro&immutable=1" if alone else "mode=rw" if journal.exists() else "mode=ro") as found:
        yield found


@contextlib.contextmanager
def writing(file: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection in autocommit mode."""
    with _connected(file, "mode=rw") as connection:
        yield connection


@contextlib.contextmanager
def _connected(file: Path, mode: str) -> Iterator[sqlite3.Connection]:
    uri = f"{file.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=30.0, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def why_log_damaged(file: Path) -> str:
    """Of the write-ahead log of a database: empty where there is none, or its frame is as it should be."""
    log = file.with_name(file.name + "-wal")
    reason = _log_damage(log)
    if reason:
        time.sleep(_MOMENT)
        reason = _log_damage(log)
    return reason


def _log_damage(log: Path) -> str:
    try:
        size = log.stat().st_size
        with log.open("rb") as stream:
            head = stream.read(32)
    except FileNotFoundError:
        return ""
    if size == 0:
        return ""
    if len(head) < 32:
        return "it is cut short"
    magic, _, page = struct.unpack(">III", head[:12])
    if magic not in _WAL_MAGIC:
        return "it is no write-ahead log any more"
    first = second = 0
    words = struct.unpack(">6I" if magic & 1 else "<6I", head[:24])
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    if (first, second) != struct.unpack(">II", head[24:]):
        return "its beginning has changed"
    return "it is cut short" if (size - 32) % (24 + page) else ""
