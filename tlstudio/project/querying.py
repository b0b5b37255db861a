"""Questions to the tables of items that views ask."""

import sqlite3
from array import array
from collections.abc import Sequence

from tlstudio.api.errors import DataError
from tlstudio.project.lookup import Row

_MANY_TARGETS = 1_000


def by_state(where: str, row: Row, order: str, down: str) -> str:
    if order == "split":
        index = "INDEXED BY states_by_split" if "to_revision =" in where else ""
        return f"SELECT s.item_id FROM item_states s {index} WHERE {where} ORDER BY s.split{down}, s.item_id{down}"
    index = "INDEXED BY states_by_class" if "to_revision =" in where else ""
    return (
        f"SELECT s.item_id FROM targets t CROSS JOIN item_states s {index} ON s.target_id = t.id"
        f" WHERE t.dataset_id = {row.id} AND {where}"
        f" ORDER BY t.rank{down}, t.shown{down}, t.id{down}, s.item_id{down}"
    )


def targets_of(connection: sqlite3.Connection, row: Row, label: str) -> str:
    """The values that a label stands for, as SQL: those with that class, or that which is shown so.

    Raises :class:`DataError` where there is neither.
    """
    query = "SELECT id FROM classes WHERE dataset_id = ? AND name = ?"
    found = connection.execute(query, (row.id, label)).fetchone()
    if found is not None:
        query = f"SELECT target_id FROM target_classes WHERE class_id = {found[0]:d}"
        ids = [number for (number,) in connection.execute(f"{query} LIMIT {_MANY_TARGETS}")]
        return query if len(ids) == _MANY_TARGETS else ", ".join(map(str, ids))
    query = "SELECT id FROM targets WHERE dataset_id = ? AND ? IN (shown, value)"
    ids = [number for (number,) in connection.execute(query, (row.id, label))]
    if not ids:
        raise DataError(f"The data set '{row.name}' has no class '{label}'.")
    return ", ".join(map(str, ids))


def searched(connection: sqlite3.Connection, row: Row, text: str, most: int = -1) -> "array[int]":
    """One pass over the table, which is quicker than any index of the data set would be; the first ``most``."""
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    first, last = (
        connection.execute(f"SELECT {f}(item_id) FROM item_states WHERE dataset_id = ?", (row.id,)).fetchone()[0] or 0
        for f in ("MIN", "MAX")
    )
    query = (
        "SELECT id FROM items NOT INDEXED WHERE id BETWEEN ?1 AND ?2 AND dataset_id = ?3"
        r" AND (path LIKE ?4 ESCAPE '\' OR caption LIKE ?4 ESCAPE '\') ORDER BY id LIMIT ?5"
    )
    return ids_by(connection, query, (first, last, row.id, pattern, most))


def ids_by(connection: sqlite3.Connection, query: str, values: Sequence[object] = ()) -> "array[int]":
    cursor = connection.execute(query, tuple(values))
    found: array[int] = array("q")
    while rows := cursor.fetchmany(20_000):
        found.extend([number for (number,) in rows])
    return found
