"""What every question about a data set begins with: its row, its folder, its classes."""

import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from tlstudio.api.errors import DataError
from tlstudio.project import roots
from tlstudio.project.schema import OPEN_ENDED

OWN = "project:"  # begins a container that lies in the project's folder
_COLUMNS = "id, name, task, modality, format, root_relative, root_absolute, revision, created, encoding"


class Row(NamedTuple):
    """One row of the table of data sets."""

    id: int
    name: str
    task: str
    modality: str
    format: str
    root_relative: str
    root_absolute: str
    revision: int
    created: float
    encoding: str

    @property
    def pixels(self) -> dict[str, Any]:
        found = json.loads(self.encoding)
        return found if isinstance(found, dict) else {}


def all_rows(connection: sqlite3.Connection) -> list[Row]:
    return [Row(*found) for found in connection.execute(f"SELECT {_COLUMNS} FROM datasets ORDER BY id")]


def row_of(connection: sqlite3.Connection, folder: Path, name: str) -> Row:
    """Raises :class:`DataError`, which names the data sets that there are."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM datasets WHERE name = ?", (name,)).fetchone()
    if found is None:
        names = [n for (n,) in connection.execute("SELECT name FROM datasets ORDER BY id")]
        there = f"There are: {', '.join(names)}." if names else "It holds none yet; import one first."
        raise DataError(f"The project {folder} has no data set '{name}'. {there}")
    return Row(*found)


def known_revision(connection: sqlite3.Connection, row: Row, revision: int | None) -> int:
    """The revision itself, the newest for ``None``. Raises :class:`DataError` for one that there is not."""
    if revision is None:
        return row.revision
    query = "SELECT 1 FROM revisions WHERE dataset_id = ? AND revision = ?"
    if connection.execute(query, (row.id, revision)).fetchone() is None:
        raise DataError(f"The data set '{row.name}' has no revision {revision}; the newest is {row.revision}.")
    return revision


def root_of(connection: sqlite3.Connection, folder: Path, row: Row) -> tuple[Path, bool]:
    """The folder that the data set's paths begin at, and whether it is there."""
    query = "SELECT path, container FROM items WHERE dataset_id = ? ORDER BY id LIMIT 1"
    path, container = connection.execute(query, (row.id,)).fetchone() or ("", "")
    first = "" if container.startswith(OWN) else container or path
    return roots.find_root(folder, row.root_relative, row.root_absolute, first)


def container_path(folder: Path, container: str) -> str:
    """A container as items carry it: what the project keeps itself becomes absolute."""
    return str(folder / container.removeprefix(OWN)) if container.startswith(OWN) else container


def holds(row: Row, revision: int) -> str:
    """The condition on ``item_states s`` (or ``counts s``) for what holds in a revision."""
    if revision == row.revision:
        return f"s.to_revision = {OPEN_ENDED}"
    return f"s.from_revision <= {revision:d} AND s.to_revision > {revision:d}"


def class_names(connection: sqlite3.Connection, row: Row, revision: int | None = None) -> list[tuple[int, str]]:
    """(id, name) in class order; of a revision only those that it knew."""
    query = "SELECT id, name FROM classes WHERE dataset_id = ? AND added_revision <= ? ORDER BY position"
    return connection.execute(query, (row.id, 2**31 if revision is None else revision)).fetchall()
