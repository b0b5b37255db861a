"""The revisions of a data set: what they are, and how two of them differ."""

import sqlite3
from pathlib import Path

from tlstudio.project import lookup
from tlstudio.project.database import Database
from tlstudio.project.lookup import Row
from tlstudio.project.records import PARTS, ItemDifference, RevisionDifference, RevisionInfo

_LISTED = 1000
_EXCLUDED = PARTS.index("excluded")
# What the first item of a pair of states becomes in the second, as numbers of 0 and 1.
_KINDS = {
    "added": "o.target_id IS NULL AND n.target_id IS NOT NULL",
    "removed": "o.target_id IS NOT NULL AND n.target_id IS NULL",
    "relabelled": "o.target_id != n.target_id",
    "excluded": f"o.split != {_EXCLUDED} AND n.split = {_EXCLUDED}",
    "restored": f"o.split = {_EXCLUDED} AND n.split != {_EXCLUDED}",
    "moved": f"o.split != n.split AND o.split != {_EXCLUDED} AND n.split != {_EXCLUDED}",
}


class History:
    """Of the data sets of the project in ``folder``."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def revisions(self, name: str) -> list[RevisionInfo]:
        query = (
            "SELECT revision, created, note, kind, changed, fingerprint FROM revisions WHERE dataset_id = ?"
            " ORDER BY revision DESC"
        )
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            found = connection.execute(query, (row.id,)).fetchall()
            runs: dict[int, list[int]] = {}
            for run, revision in connection.execute("SELECT id, revision FROM runs WHERE dataset = ?", (name,)):
                runs.setdefault(revision, []).append(run)
        return [
            RevisionInfo(
                revision=r[0], created=r[1], note=r[2], kind=r[3], changed=r[4], fingerprint=r[5],
                runs=tuple(runs.get(r[0], ())),
            )
            for r in found
        ]  # fmt: skip

    def compare(self, name: str, a: int, b: int) -> RevisionDifference:
        """Raises :class:`DataError` for a revision that there is not."""
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            lookup.known_revision(connection, row, a)
            lookup.known_revision(connection, row, b)
            touched(connection, row, a, b)
            states = (
                f"FROM temp.touched x LEFT JOIN item_states o ON o.dataset_id = {row.id} AND o.item_id = x.item_id"
                f" AND o.from_revision <= {a:d} AND o.to_revision > {a:d}"
                f" LEFT JOIN item_states n ON n.dataset_id = {row.id} AND n.item_id = x.item_id"
                f" AND n.from_revision <= {b:d} AND n.to_revision > {b:d}"
            )
            sums = ", ".join(f"COALESCE(SUM({condition}), 0)" for condition in _KINDS.values())
            counts = dict(zip(_KINDS, connection.execute(f"SELECT {sums} {states}").fetchone(), strict=True))
            flags = ", ".join(f"({condition})" for condition in _KINDS.values())
            listed: list[ItemDifference] = []
            for r in connection.execute(
                f"SELECT x.item_id, i.path, p.shown, o.split, q.shown, n.split, {flags} {states}"
                " JOIN items i ON i.id = x.item_id LEFT JOIN targets p ON p.id = o.target_id"
                " LEFT JOIN targets q ON q.id = n.target_id WHERE o.target_id IS NOT n.target_id"
                f" OR o.split IS NOT n.split ORDER BY x.item_id LIMIT {_LISTED}"
            ):
                listed += _differences(r)
        return RevisionDifference(a=a, b=b, **counts, items=tuple(listed[:_LISTED]))


def touched(connection: sqlite3.Connection, row: Row, a: int, b: int) -> None:
    """Fills the table ``temp.touched`` with the items whose state changed between two revisions."""
    low, high = min(a, b), max(a, b)
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS touched (item_id INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM temp.touched")
    for column in ("from_revision", "to_revision"):
        limit = "from_revision > 1" if column == "from_revision" else f"to_revision < {2**31 - 1}"
        connection.execute(
            f"INSERT OR IGNORE INTO temp.touched SELECT item_id FROM item_states WHERE dataset_id = {row.id}"
            f" AND {column} > {low:d} AND {column} <= {high:d} AND {limit}"
        )


def _differences(r: tuple[object, ...]) -> list[ItemDifference]:
    item_id, path = int(str(r[0])), str(r[1])
    before, after = _Shown(r[2], r[3]), _Shown(r[4], r[5])
    found = []
    for what, flag in zip(_KINDS, r[6:], strict=True):
        if flag:
            by_label = what in ("added", "removed", "relabelled")
            texts = (before.label, after.label) if by_label else (before.split, after.split)
            found.append(ItemDifference(item_id, path, what, *texts))
    return found


class _Shown:
    def __init__(self, label: object, split: object) -> None:
        self.label = "" if label is None else str(label)
        self.split = PARTS[split] if isinstance(split, int) else ""
