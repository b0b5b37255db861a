"""Pages of a data set's items, filtered and sorted, for data sets of any size.

The first pages come straight from an index of the database. What lies deeper, and what no index answers (a search, a
finding, what a run predicted), is found once as an array of ids in order, of which pages are slices.
"""

import json
import sqlite3
import threading
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tlstudio.api.errors import UsageError
from tlstudio.project import lookup
from tlstudio.project.database import Database
from tlstudio.project.lookup import Row
from tlstudio.project.notation import masks_own
from tlstudio.project.querying import by_state, ids_by, searched, targets_of
from tlstudio.project.records import ORDERS, PARTS, Item, ItemFilter

_DIRECT = 2_000  # items from the beginning that the database finds by itself
_RARE = 20_000  # fewer are filtered first and sorted then
_INDICES = {
    "path": ("i.path", "items_by_path"),
    "group": ("i.group_key", "items_by_group"),
    "width": ("i.width", "items_by_width"),
    "height": ("i.height", "items_by_height"),
    "bytes": ("i.bytes", "items_by_bytes"),
    "pixels": ("i.width * i.height", "items_by_pixels"),
}
_ITEM = (
    "SELECT i.id, i.path, t.shown, s.split, i.sha256, i.width, i.height, t.value, i.bytes, i.caption, i.group_key,"
    " i.phash, i.container, i.start, i.length, i.partner"
)

Ranks = Mapping[int, float]
"""Ids of items that are chosen from outside of the tables, with a number to sort them by."""


class ItemView:
    """The items that fit a filter, as of one revision; safe from any thread. It stays as it is when the data set
    gets a newer revision: ask the project for another view then.
    """

    def __init__(
        self, database: Database, folder: Path, row: Row, wanted: ItemFilter,
        chosen: Callable[[], Ranks] | None = None, restricts: bool = True,
    ) -> None:  # fmt: skip
        """``chosen`` gives the items of a finding or of a run's predictions; it is called once, when it is needed, and
        ``restricts`` the view to them or ranks them alone.
        """
        if wanted.order not in ORDERS:
            raise UsageError(f"There is no order '{wanted.order}'. There are: {', '.join(ORDERS)}.")
        if wanted.split and wanted.split not in PARTS:
            raise UsageError(f"There is no split '{wanted.split}'. There are: {', '.join(PARTS)}.")
        self._database, self._folder, self._wanted = database, folder, wanted
        self._chosen, self._restricts = chosen, restricts
        self.dataset, self.revision = row.name, row.revision if wanted.revision is None else wanted.revision
        self._guard = threading.Lock()
        self._found: array[int] | None = None
        self._count: int | None = None
        with database.connection() as connection:
            lookup.known_revision(connection, row, wanted.revision)
            self._targets = targets_of(connection, row, wanted.label) if wanted.label else None

    @property
    def count(self) -> int:
        """How many items there are."""
        if self._found is not None:
            return len(self._found)
        if self._count is None:
            self._count = self._counted()
        return self._count

    def page(self, offset: int, limit: int) -> list[Item]:
        """``limit`` items from position ``offset`` on; fewer at the end."""
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, self.dataset)
            early = self._found is None and offset + limit <= _DIRECT
            if early and self._plain(row):
                ids = self._directly(connection, row, offset, limit)
            elif early and self._is_search(connection, row):
                first = searched(connection, row, self._wanted.search, offset + limit)
                if len(first) < offset + limit and not self._wanted.descending:
                    self._found = first
                ids = first[offset:].tolist()
            else:
                ids = self._all(connection)[offset : offset + limit].tolist()
            return read_items(connection, self._folder, row, ids, self.revision)

    def ids(self) -> list[int]:
        """The ids of all items, in order."""
        with self._database.connection() as connection:
            return self._all(connection).tolist()

    def _plain(self, row: Row) -> bool:
        """Whether an index of the newest revision answers."""
        w = self._wanted
        outside = self._chosen is not None or w.ids is not None or w.search or w.group
        return not outside and self.revision == row.revision and w.order in ("id", "label", "split", *_INDICES)

    def _is_search(self, connection: sqlite3.Connection, row: Row) -> bool:
        """Whether the first that are found are the first of the view."""
        w = self._wanted
        alone = ItemFilter(search=w.search, revision=w.revision) == w
        return alone and bool(w.search) and self._everyone(connection, row)

    def _everyone(self, connection: sqlite3.Connection, row: Row) -> bool:
        """Whether no item of the data set is left out by its label, its split or the revision."""
        if self._wanted.split or self._targets is not None or self.revision != row.revision:
            return False
        holds = lookup.holds(row, row.revision)
        query = f"SELECT SUM(items) FROM counts s WHERE dataset_id = ? AND class_id = 0 AND {holds}"
        (here,) = connection.execute(query, (row.id,)).fetchone()
        (ever,) = connection.execute("SELECT COUNT(*) FROM items WHERE dataset_id = ?", (row.id,)).fetchone()
        return bool(here == ever)

    def _counted(self) -> int:
        w = self._wanted
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, self.dataset)
            if self._chosen is not None or w.ids is not None or w.search or w.group:
                return len(self._all(connection))
            holds = lookup.holds(row, self.revision)
            if self._targets is None:
                split = f" AND split = {PARTS.index(w.split)}" if w.split else ""
                query = f"SELECT SUM(items) FROM counts s WHERE dataset_id = ? AND class_id = 0 AND {holds}{split}"
                return int(connection.execute(query, (row.id,)).fetchone()[0] or 0)
            query = f"SELECT COUNT(*) FROM item_states s WHERE {self._where(row)}"
            return int(connection.execute(query).fetchone()[0])

    def _where(self, row: Row) -> str:
        """The condition on ``item_states s``; all of it numbers of our own."""
        where = f"s.dataset_id = {row.id} AND {lookup.holds(row, self.revision)}"
        if self._targets is not None:
            where += f" AND s.target_id IN ({self._targets})"
        if self._wanted.split:
            where += f" AND s.split = {PARTS.index(self._wanted.split)}"
        return where

    def _directly(self, connection: sqlite3.Connection, row: Row, offset: int, limit: int) -> list[int]:
        w, where = self._wanted, self._where(row)
        down = " DESC" if w.descending else ""
        end = f" LIMIT {limit:d} OFFSET {offset:d}"
        if w.order == "id":
            index = "NOT INDEXED" if not w.split and self._targets is None else ""
            index = "INDEXED BY states_by_split" if w.split and self._targets is None else index
            query = f"SELECT s.item_id FROM item_states s {index} WHERE {where} ORDER BY s.item_id{down}{end}"
        elif w.order in ("split", "label"):
            query = by_state(where, row, w.order, down) + end
        else:
            column, index = _INDICES[w.order]
            order = f"ORDER BY {column}{down}, i.id{down}{end}"
            if self.count < _RARE:
                query = f"SELECT i.id FROM item_states s CROSS JOIN items i ON i.id = s.item_id WHERE {where} {order}"
            else:
                query = (
                    f"SELECT i.id FROM items i INDEXED BY {index} CROSS JOIN item_states s ON s.dataset_id = {row.id}"
                    f" AND s.item_id = i.id WHERE i.dataset_id = {row.id} AND {where} {order}"
                )
        return [number for (number,) in connection.execute(query)]

    def _all(self, connection: sqlite3.Connection) -> "array[int]":
        with self._guard:
            if self._found is None:
                connection.execute("BEGIN")
                try:
                    row = lookup.row_of(connection, self._folder, self.dataset)
                    self._found = self._find(connection, row)
                finally:
                    connection.execute("COMMIT")
            return self._found

    def _find(self, connection: sqlite3.Connection, row: Row) -> "array[int]":
        w = self._wanted
        ranks = self._chosen() if self._chosen is not None else None
        conditions: list[Iterable[int]] = []
        if ranks is not None and self._restricts:
            conditions.append(ranks)
        if w.ids is not None:
            conditions.append(w.ids)
        if w.group:
            query = "SELECT id FROM items WHERE dataset_id = ? AND group_key = ?"
            conditions.append(ids_by(connection, query, (row.id, w.group)))
        if w.search:
            conditions.append(searched(connection, row, w.search))
        within = set[int].intersection(*(set(ids) for ids in conditions)) if conditions else None
        found = self._ordered(connection, row, within, ranks)
        if w.descending:
            found.reverse()
        return found

    def _ordered(
        self, connection: sqlite3.Connection, row: Row, within: set[int] | None, ranks: Ranks | None
    ) -> "array[int]":
        order, where = self._wanted.order, self._where(row)
        if order in ("split", "label"):
            found = ids_by(connection, by_state(where, row, order, ""))
            return found if within is None else array("q", (i for i in found if i in within))
        everyone = self._everyone(connection, row)
        if everyone and within is None and order in _INDICES:
            return ids_by(connection, _sequence(row, order))
        if everyone and within is not None and ranks is None and self._wanted.ids is None:
            members = array("q", sorted(within))
        elif within is not None and len(within) < _RARE:
            query = (
                f"SELECT s.item_id FROM json_each(?) j CROSS JOIN item_states s ON s.item_id = j.value WHERE {where}"
            )
            members = ids_by(connection, query, (json.dumps(list(within)),))
        else:
            members = ids_by(connection, f"SELECT s.item_id FROM item_states s WHERE {where}")
            if within is not None:
                members = array("q", (i for i in members if i in within))
        if order in ("suspicion", "confidence"):
            known = ranks or {}
            return array("q", sorted(members, key=lambda number: (known.get(number, 0.0), number)))
        if order == "id":
            return array("q", sorted(members))
        column, _ = _INDICES[order]
        if len(members) < _RARE:
            query = f"SELECT i.id FROM json_each(?) j CROSS JOIN items i ON i.id = j.value ORDER BY {column}, i.id"
            return ids_by(connection, query, (json.dumps(members.tolist()),))
        kept = set(members)
        return array("q", (i for i in ids_by(connection, _sequence(row, order)) if i in kept))


def _sequence(row: Row, order: str) -> str:
    """All items that the data set ever had, along an index."""
    column, index = _INDICES[order]
    return f"SELECT i.id FROM items i INDEXED BY {index} WHERE i.dataset_id = {row.id:d} ORDER BY {column}, i.id"


def read_items(
    connection: sqlite3.Connection, folder: Path, row: Row, ids: Sequence[int], revision: int
) -> list[Item]:  # fmt: skip
    """The items in the order of ``ids``, without those that the revision does not have."""
    query = (
        f"{_ITEM} FROM json_each(?) j CROSS JOIN item_states s ON s.dataset_id = {row.id} AND s.item_id = j.value"
        f" CROSS JOIN items i ON i.id = s.item_id CROSS JOIN targets t ON t.id = s.target_id"
        f" WHERE {lookup.holds(row, revision)} ORDER BY j.key"
    )
    found = []
    for r in connection.execute(query, (json.dumps(list(ids)),)):
        value = masks_own(folder, r[7], out=True) if row.task == "segmentation" else r[7]
        phash = None if r[11] is None else r[11] % 2**64
        container, partner = lookup.container_path(folder, r[12]), lookup.container_path(folder, r[15])
        fields: tuple[Any, ...] = (
            *r[:3], PARTS[r[3]], r[4].hex(), r[5], r[6], value, *r[8:11], phash, container, r[13], r[14], partner,
        )  # fmt: skip
        found.append(Item(*fields))
    return found
