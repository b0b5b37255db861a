"""An import in the making: a database of its own that becomes a data set in one transaction, or nothing.

The file lies in the project's cache and carries the importing process's number, so that whoever opens the
project next can tell what a killed import left behind.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tlstudio.api.errors import DataError
from tlstudio.project import roots
from tlstudio.project.backup import note_change
from tlstudio.project.database import Database, readable_errors
from tlstudio.project.processes import identity, lives
from tlstudio.project.records import SPLITS

_PREFIX = "importing-"
_TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;
CREATE TABLE files (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, label TEXT NOT NULL, given TEXT NOT NULL,
  group_key TEXT NOT NULL, sha256 BLOB, width INTEGER, height INTEGER, bytes INTEGER, mtime_ns INTEGER, split INTEGER
);
CREATE TABLE skipped (position INTEGER PRIMARY KEY, path TEXT NOT NULL, reason TEXT NOT NULL);
"""


class FoundFile(NamedTuple):
    """A file as the source declares it. ``path`` relative to the root with ``/``; ``split`` and ``group`` or empty."""

    path: str
    label: str
    split: str
    group: str


class CheckedFile(NamedTuple):
    """What reading a file has told. Sizes in pixels as displayed, in bytes, and the time of change in ns."""

    sha256: bytes
    width: int
    height: int
    bytes: int
    mtime_ns: int


class StagedFile(NamedTuple):
    """A usable file, for splitting."""

    id: int
    path: str
    label: str
    split: str
    group: str
    sha256: bytes


class Staging:
    """Collects the files of one import. A context manager; what was not published is deleted at its end."""

    def __init__(self, database: Database, project: Path, published: Callable[[], object]) -> None:
        """``published`` is called when the data set is there."""
        self._database = database
        self._published = published
        self._project = project
        cache = project / "cache"
        cache.mkdir(exist_ok=True)
        self.path = cache / f"{_PREFIX}{os.getpid()}-{_token(os.getpid())}-{time.time_ns()}.sqlite"
        with readable_errors(self.path):
            self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                self._connection.executescript(_TABLES)
            except sqlite3.Error:
                self._connection.close()
                _remove(self.path)
                raise

    def __enter__(self) -> "Staging":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        _remove(self.path)

    def found(self, files: Iterable[FoundFile]) -> None:
        """Adds files that are still to be checked; one that is named a second time is skipped with a reason."""
        with self._batch() as connection:
            for file in files:
                query = "INSERT OR IGNORE INTO files (path, label, given, group_key) VALUES (?, ?, ?, ?)"
                if connection.execute(query, file).rowcount == 0:
                    self._skip_again(connection, file)

    def count(self) -> int:
        return int(self._connection.execute("SELECT COUNT(*) FROM files").fetchone()[0])

    def pending(self, size: int) -> Iterator[tuple[int, str]]:
        """Streams (id, path) of every file, reading ``size`` at a time; files may be changed meanwhile."""
        last = 0
        query = "SELECT id, path FROM files WHERE id > ? ORDER BY id LIMIT ?"
        while page := self._connection.execute(query, (last, size)).fetchall():
            yield from page
            last = page[-1][0]

    def checked(self, files: Iterable[tuple[int, CheckedFile]]) -> None:
        with self._batch() as connection:
            connection.executemany(
                "UPDATE files SET sha256 = ?, width = ?, height = ?, bytes = ?, mtime_ns = ? WHERE id = ?",
                ((*file, number) for number, file in files),
            )

    def reject(self, files: Iterable[tuple[int, str, str]]) -> None:
        """Moves (id, path, reason) to what is left out."""
        with self._batch() as connection:
            for number, path, reason in files:
                connection.execute("DELETE FROM files WHERE id = ?", (number,))
                connection.execute("INSERT INTO skipped (path, reason) VALUES (?, ?)", (path, reason))

    def skip(self, files: Iterable[tuple[str, str]]) -> None:
        """Adds (printable path, reason) of what is left out."""
        with self._batch() as connection:
            connection.executemany("INSERT INTO skipped (path, reason) VALUES (?, ?)", files)

    def labels(self) -> set[str]:
        """The labels of the files that are still in the race."""
        return {label for (label,) in self._connection.execute("SELECT DISTINCT label FROM files")}

    def usable(self) -> Iterator[StagedFile]:
        """Streams the checked files, in the order of their paths."""
        query = "SELECT id, path, label, given, group_key, sha256 FROM files WHERE sha256 IS NOT NULL ORDER BY path"
        return (StagedFile(*row) for row in self._connection.execute(query))

    def skipped(self, limit: int) -> tuple[int, list[tuple[str, str]]]:
        """How many were left out, and the first of them."""
        (count,) = self._connection.execute("SELECT COUNT(*) FROM skipped").fetchone()
        query = "SELECT path, reason FROM skipped ORDER BY position LIMIT ?"
        return count, self._connection.execute(query, (limit,)).fetchall()

    def assign(self, splits: Iterable[tuple[int, int]]) -> None:
        """Sets (number of the split, id of the file); every file needs one before publishing."""
        with self._batch() as connection:
            connection.executemany("UPDATE files SET split = ? WHERE id = ?", splits)

    def publish(
        self, *, name: str, task: str, modality: str, format: str, root: Path, class_names: Sequence[str],
        split_note: str, warnings: Sequence[str],
    ) -> str:  # fmt: skip
        """Makes the data set visible as revision 1 and returns its fingerprint. All of it happens, or
        nothing.

        Raises :class:`DataError` where the name was taken meanwhile.
        """
        digest = hashlib.sha256()
        for sha256, label, split in self._connection.execute(
            "SELECT hex(sha256), label, split FROM files ORDER BY 1, 2, 3"
        ):
            digest.update(f"{sha256.lower()}\t{label}\t{SPLITS[split]}\n".encode())
        fingerprint, now = digest.hexdigest(), time.time()
        with self._database.transaction(attach=self.path) as db:
            if db.execute("SELECT 1 FROM datasets WHERE name = ?", (name,)).fetchone():
                raise name_taken(name)
            dataset_id = db.execute(
                "INSERT INTO datasets (name, task, modality, format, root_relative, root_absolute, revision, "
                "created)"
                " VALUES (?, ?, ?, ?, ?, ?, 1, ?)",
                (name, task, modality, format, roots.relative_root(self._project, root), str(root), now),
            ).lastrowid
            db.execute("INSERT INTO revisions VALUES (?, 1, ?, ?, ?)", (dataset_id, now, split_note, fingerprint))
            db.executemany(
                "INSERT INTO classes (dataset_id, name, position) VALUES (?, ?, ?)",
                [(dataset_id, class_name, position) for position, class_name in enumerate(class_names)],
            )
            (base,) = db.execute("SELECT COALESCE(MAX(id), 0) FROM items").fetchone()
            db.execute(
                "INSERT INTO items (id, dataset_id, path, sha256, group_key, width, height, bytes, mtime_ns)"
                " SELECT ? + ROW_NUMBER() OVER (ORDER BY path), ?, path, sha256, group_key, width, height, "
                "bytes,"
                " mtime_ns FROM staged.files ORDER BY path",
                (base, dataset_id),
            )
            db.execute(
                "INSERT INTO item_states (dataset_id, item_id, class_id, split, from_revision)"
                " SELECT i.dataset_id, i.id, c.id, f.split, 1 FROM items i"
                " JOIN staged.files f ON f.path = i.path"
                " JOIN classes c ON c.dataset_id = i.dataset_id AND c.name = f.label"
                " WHERE i.dataset_id = ? ORDER BY i.id",
                (dataset_id,),
            )
            db.execute(
                "INSERT INTO revision_counts SELECT dataset_id, 1, class_id, split, COUNT(*) FROM item_states"
                " WHERE dataset_id = ? GROUP BY class_id, split",
                (dataset_id,),
            )
            db.execute("INSERT INTO skipped SELECT ?, position, path, reason FROM staged.skipped", (dataset_id,))
            db.executemany(
                "INSERT INTO warnings VALUES (?, 1, ?, ?)",
                [(dataset_id, position, sentence) for position, sentence in enumerate(warnings)],
            )
            note_change(db)
        self._published()
        return fingerprint

    def _skip_again(self, connection: sqlite3.Connection, file: FoundFile) -> None:
        (first,) = connection.execute("SELECT label FROM files WHERE path = ?", (file.path,)).fetchone()
        reason = "The file is listed more than once; the first mention counts"
        reason += "." if first == file.label else f", which says '{first}' where this one says '{file.label}'."
        connection.execute("INSERT INTO skipped (path, reason) VALUES (?, ?)", (file.path, reason))

    @contextlib.contextmanager
    def _batch(self) -> Iterator[sqlite3.Connection]:
        with readable_errors(self.path):
            self._connection.execute("BEGIN")
            yield self._connection
            self._connection.execute("COMMIT")


def name_taken(name: str) -> DataError:
    return DataError(f"The project already has a data set named '{name}'. Choose another name.")


def remove_leftovers(project: Path) -> None:
    """Deletes what imports left behind whose process is gone."""
    for path in (project / "cache").glob(f"{_PREFIX}*.sqlite*"):
        number, token, *_ = [*path.name.removeprefix(_PREFIX).split("-"), ""]
        if number.isdecimal() and not (lives(int(number)) and _token(int(number)) == token):
            _remove(path)


def _token(pid: int) -> str:
    """The identity of a process, short enough for a file's name."""
    return hashlib.sha256(identity(pid).encode()).hexdigest()[:12]


def _remove(path: Path) -> None:
    for file in (path, path.with_name(path.name + "-journal")):
        file.unlink(missing_ok=True)
