"""Connections to ``project.sqlite``: a small pool, safe from any thread, with errors that a person can
read.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from tlstudio.api.errors import ProjectError

BUSY_SECONDS = 30.0


def connect(path: Path) -> sqlite3.Connection:
    """Opens an existing database in autocommit mode with foreign keys on. Raises ``sqlite3.Error``."""
    uri = path.absolute().as_uri() + "?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
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
        sentence = _sentence(path, getattr(error, "sqlite_errorname", ""), str(error))
        if sentence is None:
            raise
        raise ProjectError(sentence) from error


def _sentence(path: Path, code: str, text: str) -> str | None:
    folder = path.parent
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return (
            f"The project's database {path} is damaged ({text}). Restore the folder from a copy; the models "
            "in "
            f"{folder / 'runs'} are separate files and can still be used."
        )
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return (
            f"The project {folder} cannot be written ({text}). Copy it to a folder that you may write to, "
            "and open "
            f"it there."
        )
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"Another program keeps the project {folder} busy. Wait until it is done, or close it."
    if code.startswith("SQLITE_FULL"):
        return f"The disk that holds the project {folder} is full. Make room and try again."
    if code.startswith("SQLITE_IOERR"):
        return f"The project's database {path} cannot be read or written ({text}). Check the disk it lies on."
    return None


class Database:
    """Hands out connections, each to one thread at a time, and keeps the idle ones for the next.

    Writers in this process wait for one another on a lock; other processes on SQLite's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._closed = False

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
        return connect(self.path)

    def _give_back(self, connection: sqlite3.Connection, healthy: bool) -> None:
        with self._guard:
            if healthy and not self._closed and len(self._idle) < 8:
                self._idle.append(connection)
                return
        connection.close()
