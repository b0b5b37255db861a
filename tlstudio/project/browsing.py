"""Views of data sets: which items fit, and what is known of them."""

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from tlstudio.api.errors import DataError
from tlstudio.project import lookup, predictions, reports
from tlstudio.project.database import Database
from tlstudio.project.lookup import Row
from tlstudio.project.records import PARTS, SPLITS, Item, ItemFilter
from tlstudio.project.views import ItemView, Ranks, read_items

_KEPT = 8  # views, with the arrays that they have found
_BINS = 20


class Browsing:
    """Of the data sets of the project in ``folder``; ``run_dir`` says where a run's files lie."""

    def __init__(self, database: Database, folder: Path, run_dir: Callable[[int], Path]) -> None:
        self._database, self._folder, self._run_dir = database, folder, run_dir
        self._views: OrderedDict[tuple[object, ...], ItemView] = OrderedDict()
        self._guard = threading.Lock()

    def view(self, name: str, wanted: ItemFilter) -> ItemView:
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            outside = bool(wanted.finding or wanted.run) or wanted.order in ("suspicion", "confidence")
            stamp = (reports.stamp(connection, row), self._written(wanted.run)) if outside else ()
        key = (row.id, row.revision, wanted, stamp)
        with self._guard:
            if key in self._views:
                self._views.move_to_end(key)
                return self._views[key]
        view = ItemView(
            self._database, self._folder, row, wanted, (lambda: self._ranks(row, wanted)) if outside else None,
            restricts=bool(wanted.finding or wanted.run),
        )  # fmt: skip
        with self._guard:
            self._views[key] = view
            while len(self._views) > _KEPT:
                self._views.popitem(last=False)
        return view

    def items_of(self, name: str, ids: Sequence[int]) -> list[Item]:
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            return read_items(connection, self._folder, row, ids, row.revision)

    def ids_of(self, name: str, paths: Sequence[str]) -> list[int]:
        found = []
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            for path in paths:
                query = "SELECT id FROM items WHERE dataset_id = ? AND path = ?"
                item = connection.execute(query, (row.id, path)).fetchone()
                if item is None:
                    raise DataError(f"The data set '{name}' has no item '{path}'.")
                found.append(item[0])
        return found

    def splits_before_exclusion(self, name: str, ids: Sequence[int]) -> dict[int, str]:
        query = (
            "SELECT split FROM item_states WHERE dataset_id = ? AND item_id = ? AND split < ?"
            " ORDER BY from_revision DESC LIMIT 1"
        )
        found = {}
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            for number in ids:
                state = connection.execute(query, (row.id, number, len(SPLITS))).fetchone()
                if state:
                    found[number] = SPLITS[state[0]]
        return found

    def meta(self, name: str, item_id: int) -> list[tuple[str, str]]:
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            query = (
                "SELECT m.meta FROM items i LEFT JOIN item_meta m ON m.item_id = i.id"
                " WHERE i.id = ? AND i.dataset_id = ?"
            )
            found = connection.execute(query, (item_id, row.id)).fetchone()
        if found is None:
            raise DataError(f"The data set '{name}' has no item {item_id}.")
        return [(str(key), str(value)) for key, value in json.loads(found[0] or "[]")]

    def class_values(self, name: str) -> dict[str, dict[str, int]]:
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            where = f"s.dataset_id = {row.id} AND {lookup.holds(row, row.revision)}"
            if row.task == "regression":
                return _histogram(connection, where)
            found: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
            if row.task == "segmentation":
                query = f"SELECT s.split, COUNT(*) FROM item_states s WHERE {where} GROUP BY s.split"
                return found | {PARTS[split]: {"mask": items} for split, items in connection.execute(query)}
            for split, shown, items in connection.execute(
                f"SELECT s.split, t.shown, s.items FROM (SELECT s.split, s.target_id, COUNT(*) items FROM item_states s"
                f" WHERE {where} GROUP BY s.split, s.target_id) s JOIN targets t ON t.id = s.target_id"
                " ORDER BY t.rank, t.shown"
            ):
                found.setdefault(PARTS[split], {})[shown] = items
            return found

    def _written(self, run: int) -> tuple[tuple[str, int], ...]:
        folder = self._run_dir(run) / "predictions" if run else None
        files = sorted(folder.glob("*.npz")) if folder is not None else []
        return tuple((file.name, file.stat().st_mtime_ns) for file in files)

    def _ranks(self, row: Row, wanted: ItemFilter) -> Ranks:
        run: dict[int, float] | None = None
        if wanted.run:
            with self._database.connection() as connection:
                query = "SELECT dataset, revision FROM runs WHERE id = ?"
                dataset, revision = connection.execute(query, (wanted.run,)).fetchone() or ("", 0)
                if dataset != row.name:
                    raise DataError(f"Run {wanted.run} was not trained with the data set '{row.name}'.")
                names = tuple(name for _, name in lookup.class_names(connection, row, revision))
            run = predictions.chosen(predictions.read(self._run_dir(wanted.run), names), wanted, row.task)
        found: dict[int, float] = {}
        if wanted.finding or wanted.order == "suspicion":
            with self._database.connection() as connection:
                if wanted.finding or reports.stamp(connection, row):
                    found = reports.chosen(connection, row, wanted.finding)
        if run is None:
            return found
        if wanted.finding:
            run = {number: confidence for number, confidence in run.items() if number in found}
        return {number: found.get(number, 0.0) for number in run} if wanted.order == "suspicion" else run


def _histogram(connection: sqlite3.Connection, where: str) -> dict[str, dict[str, int]]:
    """Of the first number, in bins of equal width, named by where they begin and end."""
    low, high = connection.execute(
        f"SELECT MIN(t.rank), MAX(t.rank) FROM item_states s JOIN targets t ON t.id = s.target_id WHERE {where}"
    ).fetchone()
    found: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    if low is None:
        return found
    width = (high - low) / _BINS or 1.0
    names = [f"{low + i * width:.4g} to {low + (i + 1) * width:.4g}" for i in range(_BINS if high > low else 1)]
    for split in SPLITS:
        found[split] = dict.fromkeys(names, 0)
    for split, position, items in connection.execute(
        "SELECT s.split, MIN(CAST((t.rank - ?1) / ?2 AS INTEGER), ?3) position, COUNT(*) FROM item_states s"
        f" JOIN targets t ON t.id = s.target_id WHERE {where} GROUP BY 1, 2",
        (low, width, len(names) - 1),
    ):
        found.setdefault(PARTS[split], dict.fromkeys(names, 0))[names[position]] = items
    return found
