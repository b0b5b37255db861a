"""The project: one folder, one object. Every method is safe from any thread."""

import os
import platform
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tlstudio.api.errors import DataError, ProjectError
from tlstudio.project import reconcile, staging
from tlstudio.project.database import Database, readable_errors
from tlstudio.project.datasets import Datasets
from tlstudio.project.records import DatasetInfo, Item, Manifest, Run, SkippedFile
from tlstudio.project.runs import Runs, Spec
from tlstudio.project.schema import APPLICATION_ID, migrate

DATABASE = "project.sqlite"
_FOLDERS = ("runs", "cache/features", "cache/thumbnails", "exports")
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


class Project:
    """Made by :meth:`create` or :meth:`open`; a context manager. Close it to leave a single database file."""

    def __init__(self, path: Path, database: Database) -> None:
        self.path = path
        self.database = database
        self._datasets = Datasets(database, path)
        self._runs = Runs(database, path / "runs")

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
        """Opens a project by its folder or its ``project.sqlite``, upgrades it where it is older, and ends
        the runs whose worker is gone. Raises :class:`ProjectError` where there is none, or it is damaged,
        newer or read-only.
        """
        folder = _absolute(path)
        if folder.name == DATABASE and not folder.is_dir():
            folder = folder.parent
        file = folder / DATABASE
        if not file.is_file():
            raise ProjectError(
                f"There is no project in {folder}. Create one with: tlstudio project create {folder}"
                if folder.is_dir() or not folder.exists()
                else f"{folder} is a file and no project. Name the project's folder."
            )
        if not os.access(folder, os.W_OK) or not os.access(file, os.W_OK):
            raise ProjectError(
                f"The project {folder} cannot be written, since it is read-only for you. Copy it to a folder "
                "that "
                f"you may write to, and open it there."
            )
        database = Database(file)
        try:
            with database.connection() as connection:
                _check_identity(connection, file)
                migrate(connection, file)
                connection.execute("SELECT COUNT(*) FROM datasets").fetchone()
            project = cls(folder, database)
            for name in _FOLDERS:
                (folder / name).mkdir(parents=True, exist_ok=True)
            staging.remove_leftovers(folder)
            reconcile.reconcile(project._runs)
        except OSError as error:
            database.close()
            raise ProjectError(f"The project {folder} cannot be opened: {error.strerror}.") from error
        except BaseException:
            database.close()
            raise
        return project

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".tlproj")

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> "Project":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Data sets

    def datasets(self) -> list[DatasetInfo]:
        return self._datasets.all()

    def dataset(self, name: str) -> DatasetInfo:
        """Raises :class:`DataError`, which names the data sets that there are."""
        return self._datasets.get(name)

    def items(
        self, dataset: str, *, split: str = "", label: str = "", search: str = "", offset: int = 0, limit: int = 200
    ) -> list[Item]:  # fmt: skip
        """One page of the items that fit every filter, in a stable order. ``search`` is a part of the
        path.
        """
        return self._datasets.items(dataset, split, label, search, offset, limit)

    def count_items(self, dataset: str, *, split: str = "", label: str = "", search: str = "") -> int:
        return self._datasets.count(dataset, split, label, search)

    def problems(self, dataset: str, offset: int = 0, limit: int = 1000) -> list[SkippedFile]:
        """What was left out of the data set when it was imported, and why."""
        return self._datasets.skipped(dataset, offset, limit)

    def warnings(self, dataset: str) -> list[str]:
        """Sentences about the data set as a whole, such as classes that are too small to split."""
        return self._datasets.warnings(dataset)

    def manifest(self, dataset: str, revision: int | None = None) -> Manifest:
        """Raises :class:`DataError` where the data set's folder is missing, naming it and the way out."""
        return self._datasets.manifest(dataset, revision)

    def relocate(self, dataset: str, folder: str | os.PathLike[str]) -> DatasetInfo:
        """Points the data set to where its files lie now. Raises :class:`DataError` where they are not
        those.
        """
        return self._datasets.relocate(dataset, Path(folder))

    def stage_import(self, name: str) -> staging.Staging:
        """Begins an import under a name that is still free."""
        if any(info.name == name for info in self.datasets()):
            raise staging.name_taken(name)
        if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 100:
            raise DataError(
                f"'{name}' cannot be the name of a data set: it needs 1 to 100 printable characters, with "
                "none "
                f"of them a space at either end."
            )
        return staging.Staging(self.database, self.path)

    @property
    def file_records(self) -> Datasets:
        """The table behind the data sets, for reports that stream over every file."""
        return self._datasets

    # Runs

    def create_run(self, make_spec: Callable[[int], Spec]) -> Run:
        """Adds a queued run: reserves the next id, makes ``runs/<id>/`` and saves ``make_spec(id)`` there."""
        return self._runs.create(make_spec)

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


def _absolute(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.abspath(Path(path).expanduser()))


def _write_database(folder: Path) -> None:
    """Writes the empty database under another name first, so that a project is there completely or not at
    all.
    """
    temporary = folder / f"{DATABASE}.new"
    temporary.unlink(missing_ok=True)
    with readable_errors(temporary):
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            migrate(connection, temporary)
            connection.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [("created", str(time.time())), ("created_on", platform.system())],
            )
        finally:
            connection.close()
    os.replace(temporary, folder / DATABASE)


def _check_identity(connection: sqlite3.Connection, file: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise ProjectError(
            f"{file} is not the database of a Transfer Learning Studio project, or it is damaged. Restore "
            "the folder "
            f"from a copy, or create a new project."
        )
