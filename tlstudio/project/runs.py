"""The table of runs, and the folders that belong to its rows."""

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tlstudio.api.errors import ProjectError, UsageError
from tlstudio.project.database import Database
from tlstudio.project.processes import identity
from tlstudio.project.records import RUN_STATES, Run

_JSON = ("options", "metrics", "seconds")
_COLUMNS = (
    "id", "state", "dataset", "revision", "backbone", "weights", "method", "seed", "options", "created",
    "started", "ended", "metrics", "seconds", "images_per_second", "reason", "model", "pid", "position", "batch",
)  # fmt: skip
_CHANGEABLE = frozenset(_COLUMNS) - {"id", "created"}
_SELECTED = f"{', '.join(_COLUMNS)}, CASE WHEN json_valid(spec) THEN json_extract(spec, '$.select_by') END"


class Spec(Protocol):
    """What the table needs of a run's specification (``tlstudio.training.spec.RunSpec``)."""

    @property
    def dataset(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def backbone(self) -> str: ...
    @property
    def weights(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def options(self) -> dict[str, Any]: ...

    def save(self, run_dir: Path) -> None: ...


class Runs:
    """Reads and writes the rows; ``folder`` is the project's ``runs``."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def directory(self, run_id: int) -> Path:
        return self._folder / str(run_id)

    def create(self, make_spec: Callable[[int], Spec], queued: bool = False, batch: int = 0) -> Run:
        """Reserves the next id, makes its folder, saves ``spec.json`` there and adds the row, or leaves nothing."""
        directory: Path | None = None
        try:
            with self._database.transaction() as connection:
                run_id = self._next_id(connection)
                spec = make_spec(run_id)
                directory = self.directory(run_id)
                directory.mkdir(parents=True)
                spec.save(directory)
                position = last_position(connection) + 1 if queued else 0
                text = (directory / "spec.json").read_text(encoding="utf-8")
                connection.execute(
                    "INSERT INTO runs (id, state, dataset, revision, backbone, weights, method, seed, options,"
                    " created, position, batch, spec) VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (run_id, spec.dataset, spec.revision, spec.backbone, spec.weights, spec.method, spec.seed,
                     json.dumps(spec.options), time.time(), position, batch, text),
                )  # fmt: skip
        except BaseException as error:
            if directory is not None:
                shutil.rmtree(directory, ignore_errors=True)
            if isinstance(error, OSError):
                raise ProjectError(f"The run's folder {directory} cannot be written: {error.strerror}.") from error
            raise
        return self.get(run_id)

    def all(self) -> list[Run]:
        with self._database.connection() as connection:
            rows = connection.execute(f"SELECT {_SELECTED} FROM runs ORDER BY id").fetchall()
        return [self._record(row) for row in rows]

    def get(self, run_id: int) -> Run:
        with self._database.connection() as connection:
            query = f"SELECT {_SELECTED} FROM runs WHERE id = ?"
            row = connection.execute(query, (run_id,)).fetchone()
            known = [] if row else connection.execute("SELECT id FROM runs ORDER BY id").fetchall()
        if row is None:
            names = ", ".join(str(number) for (number,) in known) or "none yet"
            raise UsageError(f"There is no run {run_id} in this project. There are: {names}.")
        return self._record(row)

    def update(self, run_id: int, **fields: Any) -> Run:
        """Changes the named columns. Raises ``UsageError`` for an unknown run, ``ValueError`` for a bad
        field.
        """
        unknown = fields.keys() - _CHANGEABLE
        if unknown:
            raise ValueError(f"a run has no field {', '.join(sorted(unknown))}")
        if fields.get("state", "queued") not in RUN_STATES:
            raise ValueError(f"{fields['state']!r} is no state of a run")
        if fields:
            with self._database.transaction() as connection:
                change(connection, run_id, **fields)
        return self.get(run_id)

    def update_if(self, run: Run, **fields: Any) -> bool:
        """Changes the row only where it still has the state and the process that ``run`` has; whether it did."""
        with self._database.transaction() as connection:
            query = "SELECT 1 FROM runs WHERE id = ? AND state = ? AND pid = ?"
            still = connection.execute(query, (run.id, run.state, run.pid)).fetchone() is not None
            if still:
                change(connection, run.id, **fields)
            return still

    def processes(self) -> dict[int, str]:
        """What tells each run's process from another with the same number, where that is known."""
        with self._database.connection() as connection:
            return dict(connection.execute("SELECT id, process FROM runs"))

    def _next_id(self, connection: sqlite3.Connection) -> int:
        highest = int(connection.execute("SELECT COALESCE(MAX(id), 0) FROM runs").fetchone()[0])
        if self._folder.is_dir():
            numbers = [int(entry.name) for entry in self._folder.iterdir() if entry.name.isdecimal()]
            highest = max([highest, *numbers])
        return highest + 1

    def _record(self, row: tuple[Any, ...]) -> Run:
        *plain, select_by = row
        values = dict(zip(_COLUMNS, plain, strict=True))
        values.update({name: json.loads(values[name]) for name in _JSON})
        return Run(**values, select_by=select_by or "accuracy", dir=self.directory(values["id"]))


def change(connection: sqlite3.Connection, run_id: int, **fields: Any) -> None:
    """Writes columns of a row inside the caller's transaction; with a ``pid`` goes the identity of that process."""
    if "pid" in fields:
        fields["process"] = identity(fields["pid"])
    values = [json.dumps(value) if name in _JSON else value for name, value in fields.items()]
    assignments = ", ".join(f"{name} = ?" for name in fields)
    connection.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*values, run_id))


def last_position(connection: sqlite3.Connection) -> float:
    return float(connection.execute("SELECT COALESCE(MAX(position), 0) FROM runs").fetchone()[0])
