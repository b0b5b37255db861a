"""Reading data sets: what there is, pages of items, and the manifest that a run reads."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlstudio.api.descriptors import DatasetProfile
from tlstudio.api.errors import DataError, UsageError
from tlstudio.project import changes, roots
from tlstudio.project.backup import note_change
from tlstudio.project.database import Database
from tlstudio.project.records import SPLITS, DatasetInfo, FileRecord, Item, Manifest, SkippedFile, SplitData
from tlstudio.project.schema import OPEN_ENDED

_COLUMNS = "id, name, task, modality, format, root_relative, root_absolute, revision, created"


class Datasets:
    """The data sets of the project in ``folder``."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def all(self) -> list[DatasetInfo]:
        with self._database.connection() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM datasets ORDER BY id").fetchall()
            return [self._info(connection, row) for row in rows]

    def get(self, name: str) -> DatasetInfo:
        with self._database.connection() as connection:
            return self._info(connection, self._row(connection, name))

    def items(
        self, name: str, split: str = "", label: str = "", search: str = "", offset: int = 0, limit: int = 200
    ) -> list[Item]:
        with self._database.connection() as connection:
            row = self._row(connection, name)
            where, values = self._filter(connection, row, split, label, search)
            page = f"SELECT s.item_id, s.class_id, s.split {where} ORDER BY s.item_id LIMIT ? OFFSET ?"
            query = (
                f"SELECT i.id, i.path, c.name, s.split, hex(i.sha256), i.width, i.height FROM ({page}) s "
                "JOIN items i ON i.id = s.item_id JOIN classes c ON c.id = s.class_id ORDER BY s.item_id"
            )
            found = connection.execute(query, (*values, limit, offset)).fetchall()
        return [Item(r[0], r[1], r[2], SPLITS[r[3]], r[4].lower(), r[5], r[6]) for r in found]

    def count(self, name: str, split: str = "", label: str = "", search: str = "") -> int:
        with self._database.connection() as connection:
            row = self._row(connection, name)
            where, values = self._filter(connection, row, split, label, search)
            return int(connection.execute(f"SELECT COUNT(*) {where}", values).fetchone()[0])

    def skipped(self, name: str, offset: int, limit: int) -> list[SkippedFile]:
        query = "SELECT path, reason FROM skipped WHERE dataset_id = ? ORDER BY position LIMIT ? OFFSET ?"
        with self._database.connection() as connection:
            row = self._row(connection, name)
            return [SkippedFile(*found) for found in connection.execute(query, (row["id"], limit, offset))]

    def warnings(self, name: str) -> list[str]:
        query = "SELECT sentence FROM warnings WHERE dataset_id = ? AND revision = ? ORDER BY position"
        with self._database.connection() as connection:
            row = self._row(connection, name)
            return [sentence for (sentence,) in connection.execute(query, (row["id"], row["revision"]))]

    def manifest(self, name: str, revision: int | None = None) -> Manifest:
        """Raises :class:`DataError` for an unknown data set or revision, and where its folder is missing."""
        with self._database.connection() as connection:
            row = self._row(connection, name)
            revision = row["revision"] if revision is None else revision
            found = connection.execute(
                "SELECT fingerprint FROM revisions WHERE dataset_id = ? AND revision = ?",
                (row["id"], revision),
            ).fetchone()
            if found is None:
                raise DataError(f"The data set '{name}' has no revision {revision}; the newest is {row['revision']}.")
            root, there = self._root(connection, row)
            if not there:
                raise roots.missing_root(self._folder, name, root)
            classes = connection.execute(
                "SELECT id, name FROM classes WHERE dataset_id = ? ORDER BY position", (row["id"],)
            ).fetchall()
            index = {class_id: position for position, (class_id, _) in enumerate(classes)}
            splits = {split: SplitData(paths=[], labels=[], hashes=[], item_ids=[]) for split in SPLITS}
            prefix = os.path.join(root, "")
            for path, class_id, split, sha256, item_id in connection.execute(
                "SELECT i.path, s.class_id, s.split, i.sha256, i.id FROM item_states s JOIN items i ON i.id "
                "= s.item_id"
                " WHERE s.dataset_id = ? AND s.from_revision <= ? AND s.to_revision > ? ORDER BY s.item_id",
                (row["id"], revision, revision),
            ):
                data = splits[SPLITS[split]]
                data.paths.append(prefix + path)
                data.labels.append(index[class_id])
                data.hashes.append(sha256.hex())
                data.item_ids.append(item_id)
        return Manifest(
            dataset=name, revision=revision, root=root, class_names=tuple(name for _, name in classes),
            splits=splits, fingerprint=found[0],
        )  # fmt: skip

    def changes(self, name: str, revision: int) -> list[str]:
        """What differs between the files on disk and those of a revision, in sentences; empty: nothing."""
        with self._database.connection() as connection:
            row = self._row(connection, name)
            root, there = self._root(connection, row)
            if not there:
                return [str(roots.missing_root(self._folder, name, root))]
            rows = connection.execute(
                "SELECT i.path, i.sha256, i.bytes, i.mtime_ns FROM item_states s JOIN items i ON i.id = s.item_id"
                " WHERE s.dataset_id = ? AND s.from_revision <= ? AND s.to_revision > ? ORDER BY s.item_id",
                (row["id"], revision, revision),
            )
            what = "pictures" if row["modality"] == "image" else "files"
            return changes.compare(root, what, (changes.Recorded(*found) for found in rows))

    def files(self, name: str) -> Iterator[FileRecord]:
        """Streams every item of the newest revision with what is known of its file."""
        with self._database.connection() as connection:
            row = self._row(connection, name)
            query = (
                "SELECT i.id, i.path, c.name, s.split, i.sha256, i.width, i.height, i.bytes, i.mtime_ns "
                "FROM item_states s JOIN items i ON i.id = s.item_id JOIN classes c ON c.id = s.class_id "
                "WHERE s.dataset_id = ? AND s.to_revision = ? ORDER BY s.item_id"
            )
            values = (row["id"], OPEN_ENDED)
            for r in connection.execute(query, values):
                yield FileRecord(r[0], r[1], r[2], SPLITS[r[3]], r[4].hex(), *r[5:])

    def relocate(self, name: str, folder: Path) -> DatasetInfo:
        """Says where the data set's files lie now, after looking for all of them and reading a sample."""
        folder = Path(os.path.realpath(folder))
        with self._database.connection() as connection:
            row = self._row(connection, name)
            query = "SELECT path, sha256 FROM items WHERE dataset_id = ? ORDER BY id"
            roots.check_folder(name, folder, connection.execute(query, (row["id"],)).fetchall())
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE datasets SET root_relative = ?, root_absolute = ? WHERE id = ?",
                (roots.relative_root(self._folder, folder), str(folder), row["id"]),
            )
            note_change(connection)
        return self.get(name)

    def _row(self, connection: sqlite3.Connection, name: str) -> dict[str, Any]:
        cursor = connection.execute(f"SELECT {_COLUMNS} FROM datasets WHERE name = ?", (name,))
        found = cursor.fetchone()
        if found is None:
            names = [n for (n,) in connection.execute("SELECT name FROM datasets ORDER BY id")]
            there = f"There are: {', '.join(names)}." if names else "It holds none yet; import one first."
            raise DataError(f"The project {self._folder} has no data set '{name}'. {there}")
        return dict(zip(_COLUMNS.split(", "), found, strict=True))

    def _root(self, connection: sqlite3.Connection, row: dict[str, Any]) -> tuple[Path, bool]:
        query = "SELECT path FROM items WHERE dataset_id = ? ORDER BY id LIMIT 1"
        first = connection.execute(query, (row["id"],)).fetchone()
        return roots.find_root(self._folder, row["root_relative"], row["root_absolute"], first[0] if first else "")

    def _filter(
        self, connection: sqlite3.Connection, row: dict[str, Any], split: str, label: str, search: str
    ) -> tuple[str, list[Any]]:
        """The FROM and WHERE of a page of items, which always follows one of the indices of
        ``item_states``.
        """
        joined = "JOIN items i ON i.id = s.item_id " if search else ""
        where = f"FROM item_states s {joined}WHERE s.dataset_id = ? AND s.to_revision = ?"
        values: list[Any] = [row["id"], OPEN_ENDED]
        if label:
            found = connection.execute(
                "SELECT id FROM classes WHERE dataset_id = ? AND name = ?", (row["id"], label)
            ).fetchone()
            if found is None:
                raise DataError(f"The data set '{row['name']}' has no class '{label}'.")
            where, values = f"{where} AND s.class_id = ?", [*values, found[0]]
        if split:
            if split not in SPLITS:
                raise UsageError(f"There is no split '{split}'. There are: {', '.join(SPLITS)}.")
            where, values = f"{where} AND s.split = ?", [*values, SPLITS.index(split)]
        if search:
            pattern = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            where, values = f"{where} AND i.path LIKE ? ESCAPE '\\'", [*values, f"%{pattern}%"]
        return where, values

    def _info(self, connection: sqlite3.Connection, row: "dict[str, Any] | tuple[Any, ...]") -> DatasetInfo:
        if isinstance(row, tuple):
            row = dict(zip(_COLUMNS.split(", "), row, strict=True))
        key = (row["id"], row["revision"])
        (note,) = connection.execute(
            "SELECT split_note FROM revisions WHERE dataset_id = ? AND revision = ?", key
        ).fetchone()
        (skipped,) = connection.execute("SELECT COUNT(*) FROM skipped WHERE dataset_id = ?", key[:1]).fetchone()
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM classes WHERE dataset_id = ? ORDER BY position", key[:1]
            )
        ]
        table = {name: dict.fromkeys(SPLITS, 0) for name in names}
        for name, split, items in connection.execute(
            "SELECT c.name, r.split, r.items FROM revision_counts r JOIN classes c ON c.id = r.class_id"
            " WHERE r.dataset_id = ? AND r.revision = ?",
            key,
        ):
            table[name][SPLITS[split]] = items
        by_class = {name: sum(counts.values()) for name, counts in table.items()}
        by_split = {split: sum(counts[split] for counts in table.values()) for split in SPLITS}
        root, there = self._root(connection, row)
        profile = DatasetProfile(
            items=sum(by_class.values()), train_items=by_split["train"], val_items=by_split["val"],
            test_items=by_split["test"], classes=len(names),
            smallest_class=min(by_class.values(), default=0), largest_class=max(by_class.values(), default=0),
        )  # fmt: skip
        return DatasetInfo(
            id=row["id"], name=row["name"], task=row["task"], modality=row["modality"], format=row["format"],
            root=root, root_found=there, revision=row["revision"], class_names=tuple(names), class_counts=by_class,
            split_counts=by_split, class_split_counts=table, split_note=note, skipped=skipped,
            created=row["created"], profile=profile,
        )  # fmt: skip
