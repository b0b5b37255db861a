"""From a staged import to rows of the project, within the transaction that the caller has opened."""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tlstudio.project import fingerprints, lookup, roots
from tlstudio.project.backup import note_change
from tlstudio.project.notation import Notation
from tlstudio.project.schema import OPEN_ENDED

_ITEMS = (
    "dataset_id, path, sha256, group_key, width, height, bytes, mtime_ns, container, start, length, phash, partner,"
    " caption"
)


class Made(NamedTuple):
    """What the import found out about the whole."""

    name: str
    task: str
    modality: str
    format: str
    root: Path
    class_names: tuple[str, ...]
    split_note: str
    warnings: tuple[str, ...]
    encoding: dict[str, Any]


def publish(db: sqlite3.Connection, project: Path, made: Made) -> str:
    """A new data set, revision 1; its fingerprint."""
    now = time.time()
    dataset_id = db.execute(
        "INSERT INTO datasets (name, task, modality, format, root_relative, root_absolute, revision, created, encoding)"
        " VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)",
        (made.name, made.task, made.modality, made.format, roots.relative_root(project, made.root), str(made.root),
         now, json.dumps(made.encoding)),
    ).lastrowid  # fmt: skip
    assert dataset_id is not None
    db.executemany(
        "INSERT INTO classes (dataset_id, name, position) VALUES (?, ?, ?)",
        [(dataset_id, name, position) for position, name in enumerate(made.class_names)],
    )
    total = _insert(db, dataset_id, 1, Notation(made.task, made.class_names))
    (items,) = db.execute("SELECT COUNT(*) FROM items WHERE dataset_id = ?", (dataset_id,)).fetchone()
    db.execute(
        "INSERT INTO counts SELECT dataset_id, 0, split, 1, ?, COUNT(*) FROM item_states WHERE dataset_id = ?"
        " GROUP BY split",
        (OPEN_ENDED, dataset_id),
    )
    db.execute(
        "INSERT INTO counts SELECT s.dataset_id, c.class_id, s.split, 1, ?, COUNT(*) FROM item_states s"
        " JOIN target_classes c ON c.target_id = s.target_id WHERE s.dataset_id = ? GROUP BY c.class_id, s.split",
        (OPEN_ENDED, dataset_id),
    )
    return _finish(db, dataset_id, 1, made, "import", f"Imported {items:,} items.", items, total)


def join(db: sqlite3.Connection, project: Path, made: Made) -> str:
    """More items for the data set of that name, as its next revision; its fingerprint."""
    row = lookup.row_of(db, project, made.name)
    revision = row.revision + 1
    known = {name for _, name in lookup.class_names(db, row)}
    fresh = [name for name in made.class_names if name not in known]
    db.executemany(
        "INSERT INTO classes (dataset_id, name, position, added_revision) VALUES (?, ?, ?, ?)",
        [(row.id, name, len(known) + position, revision) for position, name in enumerate(fresh)],
    )
    total = fingerprints.accumulator(db, row)
    names = [name for _, name in lookup.class_names(db, row)]
    total += _insert(db, row.id, revision, Notation(row.task, names))
    added: dict[tuple[int, int], int] = {}
    for query in (
        "SELECT 0, split, COUNT(*) FROM item_states WHERE dataset_id = ? AND from_revision = ? GROUP BY split",
        "SELECT c.class_id, s.split, COUNT(*) FROM item_states s JOIN target_classes c ON c.target_id = s.target_id"
        " WHERE s.dataset_id = ? AND s.from_revision = ? GROUP BY c.class_id, s.split",
    ):
        for class_id, split, items in db.execute(query, (row.id, revision)):
            added[class_id, split] = items
    change_counts(db, row.id, revision, added)
    items = sum(count for (class_id, _), count in added.items() if class_id == 0)
    db.execute("UPDATE datasets SET revision = ? WHERE id = ?", (revision, row.id))
    return _finish(db, row.id, revision, made, "add", f"Added {items:,} items.", items, total)


def change_counts(
    db: sqlite3.Connection, dataset_id: int, revision: int, changes: dict[tuple[int, int], int]
) -> None:  # fmt: skip
    """Makes a revision's counts from those before it; ``changes`` maps (class, split) to what is to be added."""
    for (class_id, split), delta in changes.items():
        if not delta:
            continue
        key = (dataset_id, class_id, split)
        where = f"WHERE dataset_id = ? AND class_id = ? AND split = ? AND to_revision = {OPEN_ENDED}"
        found = db.execute(f"SELECT items FROM counts {where}", key).fetchone()
        db.execute(f"UPDATE counts SET to_revision = ? {where}", (revision, *key))
        db.execute(
            "INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?)",
            (*key, revision, OPEN_ENDED, (found[0] if found else 0) + delta),
        )


def target_ids(db: sqlite3.Connection, dataset_id: int, notation: Notation, values: Iterator[str]) -> dict[str, int]:
    """The id of each value, which becomes a target of the data set where it is none yet. Raises ``DataError``."""
    known = dict(db.execute("SELECT value, id FROM targets WHERE dataset_id = ?", (dataset_id,)).fetchall())
    classes = dict(db.execute("SELECT name, id FROM classes WHERE dataset_id = ?", (dataset_id,)).fetchall())
    (last,) = db.execute("SELECT COALESCE(MAX(id), 0) FROM targets").fetchone()
    ids: dict[str, int] = {}
    for value in values:
        target = notation.target(value)
        if target.value not in known:
            last += 1
            known[target.value] = last
            db.execute(
                "INSERT INTO targets VALUES (?, ?, ?, ?, ?)",
                (last, dataset_id, target.value, target.shown, target.rank),
            )
            rows = [(classes[name], last) for name in target.classes]
            db.executemany("INSERT INTO target_classes (class_id, target_id) VALUES (?, ?)", rows)
        ids[value] = known[target.value]
    return ids


def _insert(db: sqlite3.Connection, dataset_id: int, revision: int, notation: Notation) -> int:
    """Every staged item that is usable; the sum of their weights."""
    labels = db.execute("SELECT DISTINCT label FROM staged.files WHERE sha256 IS NOT NULL ORDER BY label")
    ids = target_ids(db, dataset_id, notation, (label for (label,) in labels.fetchall()))
    db.executemany("INSERT INTO staged.named VALUES (?, ?)", ids.items())
    (base,) = db.execute("SELECT COALESCE(MAX(id), 0) FROM items").fetchone()
    db.execute("CREATE TABLE staged.ordered (id INTEGER PRIMARY KEY, file INTEGER NOT NULL)")
    db.execute(
        "INSERT INTO staged.ordered SELECT ? + ROW_NUMBER() OVER (ORDER BY by, id), id FROM (SELECT id, CASE"
        " WHEN container = '' THEN path ELSE '' END AS by FROM staged.files WHERE sha256 IS NOT NULL) ORDER BY by, id",
        (base,),
    )
    db.execute(
        f"INSERT INTO items (id, added_revision, {_ITEMS})"
        " SELECT o.id, ?, ?, path, sha256, group_key, width, height, bytes, mtime_ns, container, start, length, phash,"
        " partner, COALESCE(caption, '') FROM staged.ordered o CROSS JOIN staged.files f ON f.id = o.file"
        " ORDER BY o.id",
        (revision, dataset_id),
    )
    db.execute(
        "INSERT INTO item_states (dataset_id, item_id, target_id, split, from_revision)"
        " SELECT ?, o.id, n.target_id, f.split, ? FROM staged.ordered o CROSS JOIN staged.files f ON f.id = o.file"
        " JOIN staged.named n ON n.label = f.label ORDER BY o.id",
        (dataset_id, revision),
    )
    _insert_meta(db)
    total = 0
    for sha256, value, split in db.execute(
        "SELECT f.sha256, t.value, f.split FROM staged.files f JOIN staged.named n ON n.label = f.label"
        " JOIN targets t ON t.id = n.target_id WHERE f.sha256 IS NOT NULL"
    ):
        total += fingerprints.weight(sha256, value, split)
    return total


def _insert_meta(db: sqlite3.Connection) -> None:
    query = (
        "SELECT o.id, f.meta, f.facts FROM staged.ordered o CROSS JOIN staged.files f ON f.id = o.file"
        " WHERE f.meta != '' OR f.facts != ''"
    )
    rows = (
        (item_id, f"{meta[:-1]}, {facts[1:]}" if meta and facts else meta or facts)
        for item_id, meta, facts in db.execute(query)
    )
    db.executemany("INSERT INTO item_meta VALUES (?, ?)", rows)


def _finish(
    db: sqlite3.Connection, dataset_id: int, revision: int, made: Made, kind: str, note: str, changed: int, total: int
) -> str:  # fmt: skip
    fingerprint = fingerprints.fingerprint(db, dataset_id, total)
    db.execute(
        "INSERT INTO revisions (dataset_id, revision, created, split_note, fingerprint, note, kind, changed,"
        " accumulator, warned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (dataset_id, revision, time.time(), made.split_note, fingerprint, note, kind, changed, fingerprints.text(total),
         revision),
    )  # fmt: skip
    (last,) = db.execute(
        "SELECT COALESCE(MAX(position), 0) FROM skipped WHERE dataset_id = ?", (dataset_id,)
    ).fetchone()
    db.execute(
        "INSERT INTO skipped SELECT ?, ? + position, path, reason FROM staged.skipped", (dataset_id, last)
    )  # fmt: skip
    db.executemany(
        "INSERT INTO warnings VALUES (?, ?, ?, ?)",
        [(dataset_id, revision, position, sentence) for position, sentence in enumerate(made.warnings)],
    )
    note_change(db)
    return fingerprint
