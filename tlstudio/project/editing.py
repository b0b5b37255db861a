"""Changes to a data set. Each makes one immutable revision in one transaction, at the cost of what it changes."""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tlstudio.api.errors import DataError, UsageError
from tlstudio.project import fingerprints, history, lookup
from tlstudio.project.backup import note_change
from tlstudio.project.database import Database
from tlstudio.project.lookup import Row
from tlstudio.project.notation import Notation, masks_own
from tlstudio.project.publishing import change_counts, target_ids
from tlstudio.project.records import PARTS, SPLITS, Change, RevisionInfo
from tlstudio.project.schema import OPEN_ENDED

# The plus keeps SQLite from the indices by class and split, along which it would read all items for a few.
_NOW = f"+s.to_revision = {OPEN_ENDED}"
# Of each item that changes: what it becomes; no target: it leaves the data set.
_WANTED = """
CREATE TEMP TABLE IF NOT EXISTS wanted (item_id INTEGER PRIMARY KEY, target_id INTEGER, split INTEGER);
DELETE FROM temp.wanted;
"""


class _Revision(NamedTuple):
    note: str
    kind: str
    split_note: str
    warned: int  # 0: this one has warnings of its own


class Editing:
    """Changes the data sets of the project in ``folder``."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def edit(self, name: str, changes: Sequence[Change], note: str, kind: str) -> RevisionInfo:
        with self._database.transaction() as db:
            row = lookup.row_of(db, self._folder, name)
            notation = Notation(row.task, [known for _, known in lookup.class_names(db, row)])
            values = {change.value: self._kept(row, change.value) for change in changes if change.value is not None}
            ids = target_ids(db, row.id, notation, iter(values.values()))
            wanted = [
                (
                    change.item_id,
                    None if change.value is None else ids[values[change.value]],
                    None if change.split is None else _part(change.split),
                )
                for change in changes
            ]
            self._want(db, row, wanted)
            split_note, warned = self._said(db, row, row.revision)
            return self._apply(db, row, _Revision(note, kind, split_note, warned))

    def resplit(
        self, name: str, assignments: Iterable[tuple[int, str]], split_note: str, warnings: Sequence[str]
    ) -> RevisionInfo:  # fmt: skip
        with self._database.transaction() as db:
            row = lookup.row_of(db, self._folder, name)
            self._want(db, row, ((item_id, None, _part(split)) for item_id, split in assignments))
            info = self._apply(db, row, _Revision("Split anew.", "split", split_note, 0))
            db.executemany(
                "INSERT INTO warnings VALUES (?, ?, ?, ?)",
                [(row.id, info.revision, position, sentence) for position, sentence in enumerate(warnings)],
            )
            return info

    def restore(self, name: str, revision: int, note: str) -> RevisionInfo:
        with self._database.transaction() as db:
            row = lookup.row_of(db, self._folder, name)
            lookup.known_revision(db, row, revision)
            _prepare(db)
            history.touched(db, row, revision, row.revision)
            db.execute(
                "INSERT INTO temp.wanted SELECT t.item_id, s.target_id, s.split FROM temp.touched t"
                f" LEFT JOIN item_states s ON s.dataset_id = {row.id} AND s.item_id = t.item_id"
                " AND s.from_revision <= ?1 AND s.to_revision > ?1",
                (revision,),
            )
            split_note, warned = self._said(db, row, revision)
            note = note or f"Back to revision {revision}."
            return self._apply(db, row, _Revision(note, "restore", split_note, warned))

    def add_class(self, name: str, class_name: str) -> None:
        if not class_name or class_name != class_name.strip() or not class_name.isprintable() or len(class_name) > 200:
            raise UsageError(
                f"'{class_name}' cannot be the name of a class: it needs 1 to 200 printable characters, with none of "
                "them a space at either end."
            )
        with self._database.transaction() as db:
            row = lookup.row_of(db, self._folder, name)
            if row.task not in ("classification", "multilabel"):
                raise UsageError(f"The task of '{name}' is {row.task}: a class cannot be added to it.")
            classes = lookup.class_names(db, row)
            if class_name in (known for _, known in classes):
                raise UsageError(f"The data set '{name}' has a class '{class_name}' already.")
            db.execute(
                "INSERT INTO classes (dataset_id, name, position, added_revision) VALUES (?, ?, ?, ?)",
                (row.id, class_name, len(classes), row.revision + 1),
            )
            note_change(db)

    def _kept(self, row: Row, value: str) -> str:
        return masks_own(self._folder, value, out=False) if row.task == "segmentation" else value

    def _want(
        self, db: sqlite3.Connection, row: Row, wanted: Iterable[tuple[int, int | None, int | None]]
    ) -> None:  # fmt: skip
        """Fills the table of what is wanted; what is not said stays as it is."""
        _prepare(db)
        db.executemany("INSERT OR REPLACE INTO temp.wanted VALUES (?, ?, ?)", wanted)
        query = (
            "SELECT w.item_id FROM temp.wanted w LEFT JOIN item_states s ON s.dataset_id = ? AND s.item_id = w.item_id"
            f" AND {_NOW} WHERE s.item_id IS NULL LIMIT 1"
        )
        unknown = db.execute(query, (row.id,)).fetchone()
        if unknown:
            raise DataError(f"The data set '{row.name}' has no item {unknown[0]} (any more). Look at it again.")
        of_item = f"FROM item_states s WHERE s.dataset_id = {row.id} AND s.item_id = wanted.item_id AND {_NOW}"
        for column in ("target_id", "split"):
            db.execute(f"UPDATE temp.wanted SET {column} = (SELECT s.{column} {of_item}) WHERE wanted.{column} IS NULL")

    def _said(self, db: sqlite3.Connection, row: Row, revision: int) -> tuple[str, int]:
        query = "SELECT split_note, warned FROM revisions WHERE dataset_id = ? AND revision = ?"
        found: tuple[str, int] = db.execute(query, (row.id, revision)).fetchone()
        return found

    def _apply(self, db: sqlite3.Connection, row: Row, made: _Revision) -> RevisionInfo:
        total = fingerprints.accumulator(db, row)
        new = row.revision + 1
        now = f"s.dataset_id = {row.id} AND {_NOW}"
        db.execute(
            "DELETE FROM temp.wanted WHERE EXISTS (SELECT 1 FROM item_states s WHERE s.item_id = wanted.item_id AND"
            f" {now} AND s.target_id = wanted.target_id AND s.split = wanted.split)"
        )
        counted: Counter[tuple[int, int]] = Counter()  # target (0: all), split
        changed = 0
        for sha256, old, old_value, old_split, target, value, split in db.execute(
            "SELECT i.sha256, s.target_id, o.value, s.split, w.target_id, n.value, w.split FROM temp.wanted w"
            f" CROSS JOIN items i ON i.id = w.item_id LEFT JOIN item_states s ON s.item_id = w.item_id AND {now}"
            " LEFT JOIN targets o ON o.id = s.target_id LEFT JOIN targets n ON n.id = w.target_id"
        ):
            changed += 1
            if old is not None:
                total -= fingerprints.weight(sha256, old_value, old_split)
                counted[old, old_split] -= 1
                counted[0, old_split] -= 1
            if target is not None:
                total += fingerprints.weight(sha256, value, split)
                counted[target, split] += 1
                counted[0, split] += 1
        if not changed:
            raise UsageError("Nothing would change: all of it is so already.")
        db.execute(
            f"UPDATE item_states AS s SET to_revision = {new} WHERE {now}"
            " AND s.item_id IN (SELECT item_id FROM temp.wanted)"
        )
        db.execute(
            "INSERT INTO item_states (dataset_id, item_id, target_id, split, from_revision)"
            f" SELECT {row.id}, item_id, target_id, split, {new} FROM temp.wanted WHERE target_id IS NOT NULL"
        )
        change_counts(db, row.id, new, _by_class(db, counted))
        fingerprint = fingerprints.fingerprint(db, row.id, total)
        created = time.time()
        db.execute("UPDATE datasets SET revision = ? WHERE id = ?", (new, row.id))
        db.execute(
            "INSERT INTO revisions (dataset_id, revision, created, split_note, fingerprint, note, kind, changed,"
            " accumulator, warned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row.id, new, created, made.split_note, fingerprint, made.note, made.kind, changed,
             fingerprints.text(total), made.warned or new),
        )  # fmt: skip
        db.execute("DELETE FROM temp.wanted")
        note_change(db)
        return RevisionInfo(
            revision=new, created=created, note=made.note, kind=made.kind, changed=changed, fingerprint=fingerprint
        )


def _prepare(db: sqlite3.Connection) -> None:
    for statement in _WANTED.split(";"):
        db.execute(statement)


def _by_class(db: sqlite3.Connection, counted: "Counter[tuple[int, int]]") -> dict[tuple[int, int], int]:
    """Counts of targets as counts of the classes in them; 0 stays what it is."""
    found: Counter[tuple[int, int]] = Counter()
    query = "SELECT class_id FROM target_classes WHERE target_id = ?"
    classes: dict[int, list[int]] = {0: [0]}
    for (target, split), count in counted.items():
        if target not in classes:
            classes[target] = [number for (number,) in db.execute(query, (target,))]
        for class_id in classes[target]:
            found[class_id, split] += count
    return dict(found)


def _part(split: str) -> int:
    if split not in PARTS:
        raise UsageError(f"There is no split '{split}'. There are: {', '.join(SPLITS)}, and excluded.")
    return PARTS.index(split)
