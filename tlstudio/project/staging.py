"""An import in the making: a database of its own that becomes a data set in one transaction, or nothing.

The file lies in the project's cache and carries the importing process's number, so that whoever opens the
project next can tell what a killed import left behind. So does the folder in ``data/`` for what the project keeps
itself (unpacked archives, texts of a table), which gets its name when the data set does.
"""

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tlstudio.api.errors import DataError
from tlstudio.project import publishing
from tlstudio.project.database import Database, readable_errors
from tlstudio.project.lookup import OWN
from tlstudio.project.processes import identity, lives
from tlstudio.project.records import DatasetInfo
from tlstudio.project.staged import TABLES, CheckedFile, FoundFile, StagedFile, ToCheck

__all__ = ["CheckedFile", "FoundFile", "StagedFile", "Staging", "name_taken", "remove_leftovers"]

_PREFIX = "importing-"
_CACHE_KB = 131_072  # of the project's database, while a data set is published


class Staging:
    """Collects the files of one import. A context manager; what was not published is deleted at its end."""

    def __init__(
        self, database: Database, project: Path, published: Callable[[], object], name: str = "data",
        joins: DatasetInfo | None = None,
    ) -> None:  # fmt: skip
        """``published`` is called when the data set ``name`` is there. ``joins``: the data set that is added to."""
        self._database = database
        self._published = published
        self._project = project
        self.joins = joins
        cache = project / "cache"
        cache.mkdir(exist_ok=True)
        stem = f"{_PREFIX}{os.getpid()}-{_token(os.getpid())}-{time.time_ns()}"
        self.path = cache / f"{stem}.sqlite"
        self._work, self._final = project / "data" / f".{stem}", _free_folder(project / "data", name)
        with readable_errors(self.path):
            self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                self._connection.executescript(TABLES)
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
        shutil.rmtree(self._work, ignore_errors=True)

    # What the project keeps itself

    @property
    def folder(self) -> Path:
        """Where to put files that are to become the project's own; it exists from the first use on."""
        self._work.mkdir(parents=True, exist_ok=True)
        return self._work

    def is_own(self, path: str | os.PathLike[str]) -> bool:
        """Whether something lies below :attr:`folder`."""
        return Path(path).is_relative_to(self._work)

    def kept(self, file: Path) -> str:
        """How a file below :attr:`folder` is named as a container."""
        return f"{OWN}{(self._final / file.relative_to(self._work)).relative_to(self._project).as_posix()}"

    def at_hand(self, container: str) -> str:
        """Where a container of :meth:`kept` lies while the import is under way; others are as they are."""
        prefix = f"{OWN}data/{self._final.name}/"
        return f"{self._work}/{container[len(prefix) :]}" if container.startswith(prefix) else container

    def final_root(self, root: Path) -> Path:
        """Where ``root`` lies when the data set is there; the project's own folder where no file is outside of it."""
        if self.is_own(root):
            return self._final / root.relative_to(self._work)
        query = f"SELECT 1 FROM files WHERE container NOT LIKE '{OWN}%' OR partner != '' LIMIT 1"
        outside = self._connection.execute(query).fetchone() is not None
        return root if outside or not self._work.is_dir() else self._final

    # Files

    def found(self, files: Iterable[FoundFile]) -> None:
        """Adds files that are still to be checked; one that is named a second time is skipped with a reason."""
        query = (
            "INSERT OR IGNORE INTO files (path, label, given, group_key, container, start, length, meta, partner, time)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        with self._batch() as connection:
            for file in files:
                if connection.execute(query, file).rowcount == 0:
                    self._skip_again(connection, file)

    def leave_known(self, paths: Iterable[str]) -> int:
        """Forgets the files that the data set has already; how many there were."""
        forgotten = 0
        with self._batch() as connection:
            for path in paths:
                forgotten += connection.execute("DELETE FROM files WHERE path = ?", (path,)).rowcount
        return forgotten

    def leave_known_content(self, contents: Iterable[bytes]) -> int:
        """Likewise, by SHA-256 (32 bytes each), once the files are checked."""
        forgotten = 0
        with self._batch() as connection:
            connection.execute("CREATE INDEX IF NOT EXISTS files_by_content ON files (sha256)")
            for sha256 in contents:
                forgotten += connection.execute("DELETE FROM files WHERE sha256 = ?", (sha256,)).rowcount
        return forgotten

    def count(self) -> int:
        return int(self._connection.execute("SELECT COUNT(*) FROM files").fetchone()[0])

    def pending(self, size: int) -> Iterator[tuple[int, str]]:
        """Streams (id, path) of every file, reading ``size`` at a time; files may be changed meanwhile."""
        for file in self.to_check(size):
            yield file.id, file.path

    def to_check(self, size: int) -> Iterator[ToCheck]:
        """As :meth:`pending`, with all that is needed to read the files."""
        last = 0
        query = "SELECT id, path, container, start, length, label FROM files WHERE id > ? ORDER BY id LIMIT ?"
        while page := self._connection.execute(query, (last, size)).fetchall():
            yield from (ToCheck(*row) for row in page)
            last = page[-1][0]

    def checked(self, files: Iterable[tuple[int, CheckedFile]]) -> None:
        """Notes what checking has told of files, by id; an empty label leaves that of the source."""
        query = (
            "UPDATE files SET sha256 = ?, width = ?, height = ?, bytes = ?, mtime_ns = ?, caption = ?, phash = ?,"
            " facts = ?, label = CASE WHEN ?9 = '' THEN label ELSE ?9 END WHERE id = ?10"
        )
        with self._batch() as connection:
            connection.executemany(query, ((*_signed(file), number) for number, file in files))

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
        query = (
            "SELECT id, path, label, given, group_key, sha256, time, phash FROM files WHERE sha256 IS NOT NULL"
            " ORDER BY path"
        )
        for row in self._connection.execute(query):
            yield StagedFile._make((*row[:7], None if row[7] is None else row[7] % 2**64))

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
        split_note: str, warnings: Sequence[str], encoding: dict[str, Any] | None = None,
    ) -> str:  # fmt: skip
        """Makes the data set visible as revision 1, or adds to that which the staging joins, and returns its
        fingerprint. All of it happens, or nothing. Raises :class:`DataError` where the name was taken meanwhile.
        """
        made = publishing.Made(
            name=name, task=task, modality=modality, format=format, root=self.final_root(root),
            class_names=tuple(class_names), split_note=split_note, warnings=tuple(warnings), encoding=encoding or {},
        )  # fmt: skip
        with self._database.transaction(attach=self.path) as db, _large_cache(db):
            if self.joins is None:
                if db.execute("SELECT 1 FROM datasets WHERE name = ?", (name,)).fetchone():
                    raise name_taken(name)
                fingerprint = publishing.publish(db, self._project, made)
            else:
                try:
                    fingerprint = publishing.join(db, self._project, made)
                except sqlite3.IntegrityError as error:
                    raise DataError(
                        f"Other files have been added to '{name}' meanwhile, some of them the same. Add yours again."
                    ) from error
            if self._work.is_dir():
                os.replace(self._work, self._final)
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


@contextlib.contextmanager
def _large_cache(db: sqlite3.Connection) -> Iterator[None]:
    """Rows that come in the order of one index hit all others anywhere."""
    (usual,) = db.execute("PRAGMA cache_size").fetchone()
    db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    try:
        yield
    finally:
        db.execute(f"PRAGMA cache_size = {usual}")


def name_taken(name: str) -> DataError:
    return DataError(f"The project already has a data set named '{name}'. Choose another name.")


def remove_leftovers(project: Path) -> None:
    """Deletes what imports left behind whose process is gone."""
    found = [*(project / "cache").glob(f"{_PREFIX}*.sqlite*"), *(project / "data").glob(f".{_PREFIX}*")]
    for path in found:
        number, token, *_ = [*path.name.removeprefix(".").removeprefix(_PREFIX).split("-"), ""]
        if number.isdecimal() and not (lives(int(number)) and _token(int(number)) == token):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else _remove(path)


def _signed(file: CheckedFile) -> tuple[Any, ...]:
    """SQLite's integers have a sign."""
    phash = file.phash
    return (*file[:6], phash - 2**64 if phash is not None and phash >= 2**63 else phash, *file[7:])


def _free_folder(data: Path, name: str) -> Path:
    stem = re.sub(r"[^\w-]+", "_", name)[:60].strip("_") or "data"
    for number in range(1, 10_000):
        folder = data / (stem if number == 1 else f"{stem}-{number}")
        if not folder.exists():
            return folder
    return data / f"{stem}-{time.time_ns()}"


def _token(pid: int) -> str:
    """The identity of a process, short enough for a file's name."""
    return hashlib.sha256(identity(pid).encode()).hexdigest()[:12]


def _remove(path: Path) -> None:
    for file in (path, path.with_name(path.name + "-journal")):
        file.unlink(missing_ok=True)
