"""Connections to ``project.sqlite``: a small pool, safe from any thread, with errors that a person can
read.
"""

import contextlib
import os
import shutil
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

from tlstudio.api.errors import ProjectError

BUSY_SECONDS = 30.0
_SHARED_MEMORY = 65_536  # bytes; SQLite's own file beside the database needs less
SUSPECT = ".suspect"  # ends the name of a mark beside a database that SQLite has complained of


class DiskFull(ProjectError):
    """Nothing can be written into the project right now."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"The disk that holds the project {folder} is full. Make room and try again.")


def connect(path: Path, journal: str = "WAL") -> sqlite3.Connection:
    """Opens an existing database in autocommit mode with foreign keys on. Raises ``sqlite3.Error``."""
    uri = path.absolute().as_uri() + "?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if journal == 'WAL' else 'FULL'}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def readable_errors(path: Path) -> Iterator[None]:
    """Turns what SQLite raises about the file into :class:`ProjectError`; mistakes in our SQL pass
    through.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith("SQLITE_FULL") or (code.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and _no_room(path)):
            raise DiskFull(path.parent) from error
        sentence = _sentence(path, code, str(error))
        if sentence is None:
            raise
        raise ProjectError(sentence) from error


def _no_room(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _SHARED_MEMORY
    except OSError:
        return False


def _sentence(path: Path, code: str, text: str) -> str | None:
    folder = path.parent
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or text.startswith("Could not decode to UTF-8"):
        with contextlib.suppress(OSError):
            path.with_name(f"{path.name}{SUSPECT}").touch()
        return (
            f"The project's database {path} is damaged ({text}). Close the project and open it again: it is repaired "
            "then, from its backup and the folders of the runs, and what was found is kept."
        )
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return (
            f"The project {folder} cannot be written ({text}). Copy it to a folder that you may write to, "
            "and open "
            f"it there."
        )
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"Another program keeps the project {folder} busy. Wait until it is done, or close it."
    if code.startswith("SQLITE_IOERR"):
        return f"The project's database {path} cannot be read or written ({text}). Check the disk it lies on."
    return None


_OPEN: "weakref.WeakSet[Database]" = weakref.WeakSet()


def open_here(path: Path) -> bool:
    """Whether this process has the database open. It must then not be opened as a plain file: on POSIX, closing that
    would let go of the locks that SQLite holds on it.
    """
    return any(not database.closed and os.path.realpath(database.path) == os.path.realpath(path) for database in _OPEN)


class Database:
    """Hands out connections, each to one thread at a time, and keeps the idle ones for the next.

    Writers in this process wait for one another on a lock; other processes on SQLite's. ``journal`` is ``WAL``, or
    ``DELETE`` on a drive where processes share no memory.
    """

    def __init__(self, path: Path, journal: str = "WAL") -> None:
        self.path = path
        self._journal = journal
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._closed = False
        _OPEN.add(self)

    @property
    def closed(self) -> bool:
        return self._closed

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading, in autocommit mode."""
        with readable_errors(self.path):
            taken = self._take()
            healthy = False
            try:
                yield taken
                healthy = not taken.in_transaction
            except sqlite3.DatabaseError:
                raise
            except BaseException:
                healthy = not taken.in_transaction
                raise
            finally:
                self._give_back(taken, healthy)

    @contextlib.contextmanager
    def transaction(self, attach: Path | None = None) -> Iterator[sqlite3.Connection]:
        """A connection inside a write transaction: all of it is kept, or, where anything is raised, none.

        ``attach`` is another database that is reachable as ``staged`` meanwhile.
        """
        with self._writing, self.connection() as connection:
            if attach is not None:
                connection.execute("ATTACH DATABASE ? AS staged", (str(attach),))
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            finally:
                if attach is not None:
                    connection.execute("DETACH DATABASE staged")

    def close(self) -> None:
        """Closes every connection; the write-ahead log is folded into the file. May be called twice."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._guard:
            if self._closed:
                raise ProjectError(f"The project {self.path.parent} is closed.")
            if self._idle:
                return self._idle.pop()
        return connect(self.path, self._journal)

    def _give_back(self, connection: sqlite3.Connection, healthy: bool) -> None:
        with self._guard:
            if healthy and not self._closed and len(self._idle) < 8:
                self._idle.append(connection)
                return
        connection.close()
