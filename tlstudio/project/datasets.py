"""Reading data sets: what there is, what was left out, and the manifest that a run reads."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tlstudio import places
from tlstudio.api.descriptors import DatasetProfile
from tlstudio.project import changes, lookup, roots
from tlstudio.project.backup import note_change
from tlstudio.project.database import Database
from tlstudio.project.lookup import Row
from tlstudio.project.notation import masks_own
from tlstudio.project.records import PARTS, SPLITS, DatasetInfo, FileRecord, Manifest, SkippedFile, SplitData

_EXCLUDED = PARTS.index("excluded")


class Datasets:
    """The data sets of the project in ``folder``."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def all(self) -> list[DatasetInfo]:
        with self._database.connection() as connection:
            return [self._info(connection, row) for row in lookup.all_rows(connection)]

    def get(self, name: str) -> DatasetInfo:
        with self._database.connection() as connection:
            return self._info(connection, lookup.row_of(connection, self._folder, name))

    def skipped(self, name: str, offset: int, limit: int) -> list[SkippedFile]:
        query = "SELECT path, reason FROM skipped WHERE dataset_id = ? ORDER BY position LIMIT ? OFFSET ?"
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            return [SkippedFile(*found) for found in connection.execute(query, (row.id, limit, offset))]

    def warnings(self, name: str) -> list[str]:
        query = (
            "SELECT sentence FROM warnings w JOIN revisions r ON r.dataset_id = w.dataset_id AND r.warned = w.revision"
            " WHERE r.dataset_id = ? AND r.revision = ? ORDER BY position"
        )
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            return [sentence for (sentence,) in connection.execute(query, (row.id, row.revision))]

    def manifest(self, name: str, revision: int | None = None) -> Manifest:
        """Raises :class:`DataError` for an unknown data set or revision, and where its folder is missing."""
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            revision = lookup.known_revision(connection, row, revision)
            query = "SELECT fingerprint FROM revisions WHERE dataset_id = ? AND revision = ?"
            (fingerprint,) = connection.execute(query, (row.id, revision)).fetchone()
            root, there = lookup.root_of(connection, self._folder, row)
            if not there:
                raise roots.missing_root(self._folder, name, root)
            names = tuple(name for _, name in lookup.class_names(connection, row, revision))
            index = {name: position for position, name in enumerate(names)} if row.task == "classification" else {}
            splits = {split: SplitData(paths=[], labels=[], hashes=[], item_ids=[]) for split in SPLITS}
            prefix = os.path.join(root, "")
            values: dict[str, str] = {}
            files: dict[str, str] = {}
            groups: dict[str, str] = {}
            for path, container, start, length, value, split, sha256, item_id, group, *size in connection.execute(
                "SELECT i.path, i.container, i.start, i.length, t.value, s.split, i.sha256, i.id, i.group_key,"
                " i.width, i.height FROM item_states s"
                " JOIN items i ON i.id = s.item_id JOIN targets t ON t.id = s.target_id"
                f" WHERE s.dataset_id = ? AND {lookup.holds(row, revision)} ORDER BY s.item_id",
                (row.id,),
            ):
                if split == _EXCLUDED:
                    continue
                data = splits[SPLITS[split]]
                if container:
                    file = files.get(container) or files.setdefault(
                        container, os.path.join(root, lookup.container_path(self._folder, container))
                    )
                    data.paths.append(places.place(file, start, length))
                else:
                    data.paths.append(prefix + path)
                data.labels.append(index.get(value, 0))
                data.hashes.append(sha256.hex())
                data.item_ids.append(item_id)
                data.values.append(values.get(value) or values.setdefault(value, self._shown_value(row, value)))
                data.groups.append(groups.setdefault(group, group))
                data.widths.append(size[0])
                data.heights.append(size[1])
        return Manifest(
            dataset=name, revision=revision, root=root, class_names=names, splits=splits, fingerprint=fingerprint,
            task=row.task, modality=row.modality, encoding=row.pixels,
        )  # fmt: skip

    def _shown_value(self, row: Row, value: str) -> str:
        return masks_own(self._folder, value, out=True) if row.task == "segmentation" else value

    def changes(self, name: str, revision: int) -> list[str]:
        """What differs between the files on disk and those of a revision, in sentences; empty: nothing."""
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            root, there = lookup.root_of(connection, self._folder, row)
            if not there:
                return [str(roots.missing_root(self._folder, name, root))]
            rows = connection.execute(
                "SELECT i.path, i.sha256, i.bytes, i.mtime_ns, i.container, i.start, i.length"
                " FROM item_states s JOIN items i ON i.id = s.item_id"
                f" WHERE s.dataset_id = ? AND {lookup.holds(row, revision)} AND s.split < {_EXCLUDED}"
                " ORDER BY s.item_id",
                (row.id,),
            )
            what = "pictures" if row.modality == "image" else "files"
            files: dict[str, str] = {"": ""}

            def container(kept: str) -> str:
                return files.get(kept) or files.setdefault(kept, lookup.container_path(self._folder, kept))

            found = (changes.Recorded._make((*r[:4], container(r[4]), *r[5:])) for r in rows)
            return changes.compare(root, what, found)

    def files(self, name: str) -> Iterator[FileRecord]:
        """Streams every item of the newest revision with what is known of its file."""
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            root, _ = lookup.root_of(connection, self._folder, row)
            prefix, files = os.path.join(root, ""), dict[str, str]()
            query = (
                "SELECT i.id, i.path, t.shown, s.split, i.sha256, i.width, i.height, i.bytes, i.mtime_ns, t.value, "
                "i.group_key, i.phash, i.caption, i.container, i.start, i.length "
                "FROM item_states s JOIN items i ON i.id = s.item_id JOIN targets t ON t.id = s.target_id "
                f"WHERE s.dataset_id = ? AND {lookup.holds(row, row.revision)} ORDER BY s.item_id"
            )
            for r in connection.execute(query, (row.id,)):
                phash = None if r[11] is None else r[11] % 2**64
                if r[13]:
                    file = files.get(r[13]) or files.setdefault(r[13], lookup.container_path(self._folder, r[13]))
                    place = places.place(os.path.join(root, file), r[14], r[15])
                else:
                    place = prefix + r[1]
                value = self._shown_value(row, r[9])
                yield FileRecord._make((*r[:3], PARTS[r[3]], r[4].hex(), *r[5:9], value, r[10], phash, r[12], place))

    def relocate(self, name: str, folder: Path) -> DatasetInfo:
        """Says where the data set's files lie now, after looking for all of them and reading a sample."""
        folder = Path(os.path.realpath(folder))
        with self._database.connection() as connection:
            row = lookup.row_of(connection, self._folder, name)
            query = (
                "SELECT path, sha256, bytes, mtime_ns, container, start, length FROM items WHERE dataset_id = ?"
                f" AND container NOT LIKE '{lookup.OWN}%' ORDER BY id"
            )
            found = connection.execute(query, (row.id,)).fetchall()
        roots.check_folder(name, folder, [(r[4] or r[0], r[1], r[5], r[6]) for r in found])
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE datasets SET root_relative = ?, root_absolute = ? WHERE id = ?",
                (roots.relative_root(self._folder, folder), str(folder), row.id),
            )
            note_change(connection)
        return self.get(name)

    def _info(self, connection: sqlite3.Connection, row: Row) -> DatasetInfo:
        key = (row.id, row.revision)
        query = "SELECT split_note FROM revisions WHERE dataset_id = ? AND revision = ?"
        (note,) = connection.execute(query, key).fetchone()
        (skipped,) = connection.execute("SELECT COUNT(*) FROM skipped WHERE dataset_id = ?", key[:1]).fetchone()
        classes = lookup.class_names(connection, row)
        by_id: dict[int, dict[str, int]] = {0: dict.fromkeys(PARTS, 0)}
        by_id.update((number, dict.fromkeys(PARTS, 0)) for number, _ in classes)
        for class_id, split, items in connection.execute(
            f"SELECT class_id, split, items FROM counts s WHERE dataset_id = ? AND {lookup.holds(row, row.revision)}",
            key[:1],
        ):
            by_id[class_id][PARTS[split]] = items
        total = by_id[0]
        table = {name: {split: by_id[number][split] for split in SPLITS} for number, name in classes}
        by_class = {name: sum(counts.values()) for name, counts in table.items()}
        by_split = {split: total[split] for split in SPLITS}
        root, there = lookup.root_of(connection, self._folder, row)
        profile = DatasetProfile(
            items=sum(by_split.values()), train_items=by_split["train"], val_items=by_split["val"],
            test_items=by_split["test"], classes=len(classes),
            smallest_class=min(by_class.values(), default=0), largest_class=max(by_class.values(), default=0),
        )  # fmt: skip
        return DatasetInfo(
            id=row.id, name=row.name, task=row.task, modality=row.modality, format=row.format, root=root,
            root_found=there, revision=row.revision, class_names=tuple(name for _, name in classes),
            class_counts=by_class, split_counts=by_split, class_split_counts=table, split_note=note, skipped=skipped,
            created=row.created, profile=profile, excluded=total["excluded"], encoding=row.pixels,
        )  # fmt: skip
