"""The project: one folder, one object. Every method is safe from any thread."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tlstudio.api.errors import ProjectError
from tlstudio.locks import FileLock
from tlstudio.project import backup, restoring, staging
from tlstudio.project.aside import Aside
from tlstudio.project.copying import put_in_place
from tlstudio.project.data_side import DataSide
from tlstudio.project.database import Database, DiskFull, readable_errors
from tlstudio.project.opening import open_database
from tlstudio.project.project_lock import ProjectLock
from tlstudio.project.queueing import Queue
from tlstudio.project.reconcile import Reconciler
from tlstudio.project.records import Run
from tlstudio.project.repair import DATABASE
from tlstudio.project.runs import Runs, Spec
from tlstudio.project.schema import write_new

_FOLDERS = ("runs", "cache/features", "cache/thumbnails", "exports")
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})

_OPENING = threading.RLock()  # what one thread repairs, another need not look at before it is done


class Project(DataSide):
    """Made by :meth:`create` or :meth:`open`; a context manager. Close it to leave a single database file."""

    def __init__(self, path: Path, database: Database) -> None:
        self._runs = Runs(database, path / "runs")
        super().__init__(path, database, self._runs.directory)
        self._queue = Queue(database, self._runs)
        self._reconciler = Reconciler(self._runs)
        self._lock = ProjectLock(path)
        self.queue_lock = FileLock(path / "queue.lock")

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> "Project":
        """Makes a new project in a folder that is empty or does not exist yet. Raises
        :class:`ProjectError`.
        """
        folder = _absolute(path)
        if (folder / DATABASE).exists():
            raise ProjectError(f"{folder} is a project already. Open it, or choose another folder.")
        try:
            if folder.exists() and (not folder.is_dir() or {entry.name for entry in folder.iterdir()} - _LITTER):
                raise ProjectError(
                    f"{folder} is not empty. A new project needs a folder of its own; choose another name."
                )
            for name in _FOLDERS:
                (folder / name).mkdir(parents=True, exist_ok=True)
            _write_database(folder)
        except OSError as error:
            raise ProjectError(f"The project {folder} cannot be created: {error.strerror}.") from error
        return cls.open(folder)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Project":
        """Opens a project by its folder or its ``project.sqlite``: upgrades it where it is older, repairs it where it
        is damaged (``notices`` says what was done), and ends the runs whose worker is gone. Raises
        :class:`ProjectError` where there is none, or it is newer or read-only.
        """
        folder = _absolute(path)
        if folder.name == DATABASE and not folder.is_dir():
            folder = folder.parent
        try:
            with _OPENING:
                return cls._open(folder)
        except OSError as error:
            raise ProjectError(f"The project {folder} cannot be opened: {error.strerror}.") from error

    @classmethod
    def _open(cls, folder: Path) -> "Project":
        aside = Aside(folder)
        database, notices = open_database(folder, aside)
        try:
            project = cls(folder, database)
            for name in _FOLDERS:
                (folder / name).mkdir(parents=True, exist_ok=True)
            staging.remove_leftovers(folder)
            project.notices = notices
            project._make_true(aside)
            aside.tell(project.notices)
        except BaseException:
            database.close()
            raise
        return project

    def _make_true(self, aside: Aside) -> None:
        """A full disk is no reason not to look at what there is."""
        try:
            self.notices += restoring.restore_runs(self.database, self._runs, self.path, aside)
            self._reconciler.reconcile(thorough=True)
            self.notices += self._backed_up(lambda: backup.ensure(self.database, self.path, aside))
        except DiskFull as error:
            self.notices.append(f"{error} Until then, what is shown of the runs may not be true any more.")

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".tlproj")

    def take_lock(self, purpose: str = "window") -> str | None:
        """Makes this the one ``purpose`` of the project until it is closed or this process dies; else a sentence that
        says who has it. The command line asks for no lock and works beside a window.
        """
        return self._lock.take(purpose)

    def close(self) -> None:
        if not self.database.closed:
            self._backing.finish()
        self._lock.release()
        self.queue_lock.release()
        self.database.close()

    def __enter__(self) -> "Project":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Runs

    def create_run(self, make_spec: Callable[[int], Spec], *, queued: bool = False, batch: int = 0) -> Run:
        """Reserves the next id, makes ``runs/<id>/`` and saves ``make_spec(id)`` there. ``queued`` puts the run at
        the end of the line; ``batch`` is the first run of the sweep that it belongs to.
        """
        return self._runs.create(make_spec, queued, batch)

    def runs(self) -> list[Run]:
        return self._runs.all()

    def run(self, run_id: int) -> Run:
        """Raises ``UsageError``, which lists the runs that there are."""
        return self._runs.get(run_id)

    def update_run(self, run_id: int, **fields: Any) -> Run:
        """Changes fields of the row (``state=..., metrics=..., pid=...``) and returns it."""
        return self._runs.update(run_id, **fields)

    def run_dir(self, run_id: int) -> Path:
        return self._runs.directory(run_id)

    def reconcile(self) -> list[int]:
        """Makes the rows true where runs were begun, held or ended by others; the ids of those that have ended."""
        return self._reconciler.reconcile()

    def queue(self) -> list[Run]:
        """The runs in line, the next one first."""
        return self._queue.all()

    def enqueue(self, run_id: int) -> Run:
        """Puts a run at the end of the line. Raises ``UsageError`` for one that is at work or finished."""
        return self._queue.enqueue(run_id)

    def move(self, run_id: int, place: int) -> None:
        """Gives a run in the line its place there, from 1."""
        self._queue.move(run_id, place)

    def dequeue(self, run_id: int) -> Run:
        """Takes a run out of the line: stopped where it never began, else parked."""
        return self._queue.dequeue(run_id)

    def claim(self, run_id: int) -> bool:
        """Makes this process the one that starts a run that waits or was interrupted; false where it was too late."""
        return self._queue.claim(run_id)

    def claim_next(self) -> Run | None:
        """Likewise for the first in line, ``None`` where there is none."""
        return self._queue.claim_next()


def _absolute(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.abspath(Path(path).expanduser()))


def _write_database(folder: Path) -> None:
    """Writes the empty database under another name first, so that a project is there completely or not at
    all.
    """
    temporary = folder / f"{DATABASE}.new"
    temporary.unlink(missing_ok=True)
    with readable_errors(temporary):
        write_new(temporary)
    put_in_place(temporary, folder / DATABASE)
