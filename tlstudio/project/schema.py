"""The tables of ``project.sqlite`` and how an older file becomes a newer one.

A revision of a data set is never changed. An item's target and split are rows of ``item_states`` that hold
from one revision up to, but without, another; a correction closes one row and opens one, so that a revision
costs as many rows as it has changes, not as many as there are items. So do the counts.
"""

import platform
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from tlstudio.api.errors import ProjectError
from tlstudio.project.copying import copy_database

APPLICATION_ID = 0x544C5354  # "TLST": tells our files from other SQLite files
OPEN_ENDED = 2**31 - 1  # to_revision of what holds today

_VERSION_1 = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- root_relative: to the project's folder, with '/'; empty where there is no such path (another drive)
CREATE TABLE datasets (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  task TEXT NOT NULL, modality TEXT NOT NULL, format TEXT NOT NULL,
  root_relative TEXT NOT NULL, root_absolute TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created REAL NOT NULL
);
CREATE TABLE revisions (
  dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  revision INTEGER NOT NULL,
  created REAL NOT NULL, split_note TEXT NOT NULL, fingerprint TEXT NOT NULL,
  PRIMARY KEY (dataset_id, revision)
) WITHOUT ROWID;
CREATE TABLE classes (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  name TEXT NOT NULL, position INTEGER NOT NULL,
  UNIQUE (dataset_id, name)
);
CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  path TEXT NOT NULL, sha256 BLOB NOT NULL, group_key TEXT NOT NULL,
  width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
);
CREATE UNIQUE INDEX items_by_path ON items (dataset_id, path);
CREATE INDEX items_by_content ON items (dataset_id, sha256);
CREATE TABLE item_states (
  dataset_id INTEGER NOT NULL, item_id INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE,
  class_id INTEGER NOT NULL, split INTEGER NOT NULL,
  from_revision INTEGER NOT NULL, to_revision INTEGER NOT NULL DEFAULT {OPEN_ENDED},
  PRIMARY KEY (dataset_id, item_id, from_revision)
) WITHOUT ROWID;
CREATE INDEX states_by_item ON item_states (item_id);
CREATE INDEX states_by_class ON item_states (dataset_id, to_revision, class_id, item_id, split);
CREATE INDEX states_by_split ON item_states (dataset_id, to_revision, split, item_id, class_id);
CREATE TABLE revision_counts (
  dataset_id INTEGER NOT NULL, revision INTEGER NOT NULL, class_id INTEGER NOT NULL, split INTEGER NOT NULL,
  items INTEGER NOT NULL,
  PRIMARY KEY (dataset_id, revision, class_id, split),
  FOREIGN KEY (dataset_id, revision) REFERENCES revisions(dataset_id, revision) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE skipped (
  dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE, position INTEGER NOT NULL,
  path TEXT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (dataset_id, position)
) WITHOUT ROWID;
CREATE TABLE warnings (
  dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE, revision INTEGER NOT NULL,
  position INTEGER NOT NULL, sentence TEXT NOT NULL,
  PRIMARY KEY (dataset_id, revision, position)
) WITHOUT ROWID;
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  state TEXT NOT NULL, dataset TEXT NOT NULL, revision INTEGER NOT NULL,
  backbone TEXT NOT NULL, weights TEXT NOT NULL, method TEXT NOT NULL, seed INTEGER NOT NULL,
  options TEXT NOT NULL,
  created REAL NOT NULL, started REAL, ended REAL,
  metrics TEXT NOT NULL DEFAULT '{{}}', seconds TEXT NOT NULL DEFAULT '{{}}',
  images_per_second REAL NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '', pid INTEGER NOT NULL DEFAULT 0
);
"""

# position: place in the queue, 0 for what is not in line. spec: content of spec.json. batch: the first run of a sweep.
# process: what tells the process `pid` from another with the same number.
_VERSION_2 = """
ALTER TABLE runs ADD COLUMN position REAL NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN spec TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN process TEXT NOT NULL DEFAULT '';
"""

# targets: the distinct values that items are labelled with, in the task's notation; shown: in words; rank: to sort by.
# items.container: the file that an item is a part of (bytes start to start + length), empty where path is the file;
# after 'project:' relative to the project's folder. phash: 64 bits, signed. split 3: excluded.
# revisions.accumulator: sum of the items' hashes, from which the next one is made; warned: whose warnings hold.
# counts.class_id 0: all items. classes.added_revision: the first revision that knows the class.
_VERSION_3 = f"""
CREATE TABLE targets (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  value TEXT NOT NULL, shown TEXT NOT NULL, rank REAL NOT NULL DEFAULT 0,
  UNIQUE (dataset_id, value)
);
CREATE INDEX targets_by_rank ON targets (dataset_id, rank, shown, id);
CREATE TABLE target_classes (
  class_id INTEGER NOT NULL REFERENCES classes(id) ON DELETE CASCADE,
  target_id INTEGER NOT NULL REFERENCES targets(id) ON DELETE CASCADE,
  PRIMARY KEY (class_id, target_id)
) WITHOUT ROWID;
CREATE INDEX classes_of_target ON target_classes (target_id, class_id);
INSERT INTO targets SELECT id, dataset_id, name, name, position FROM classes;
INSERT INTO target_classes SELECT id, id FROM classes;
ALTER TABLE item_states RENAME COLUMN class_id TO target_id;
CREATE INDEX states_begun ON item_states (dataset_id, from_revision, item_id) WHERE from_revision > 1;
CREATE INDEX states_ended ON item_states (dataset_id, to_revision, item_id) WHERE to_revision < {OPEN_ENDED};
ALTER TABLE classes ADD COLUMN added_revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE items ADD COLUMN container TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN length INTEGER NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN phash INTEGER;
ALTER TABLE items ADD COLUMN partner TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN added_revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE items ADD COLUMN caption TEXT NOT NULL DEFAULT '';
CREATE INDEX items_by_group ON items (dataset_id, group_key, id);
CREATE INDEX items_by_width ON items (dataset_id, width, id);
CREATE INDEX items_by_height ON items (dataset_id, height, id);
CREATE INDEX items_by_bytes ON items (dataset_id, bytes, id);
CREATE INDEX items_by_pixels ON items (dataset_id, width * height, id);
CREATE TABLE item_meta (
  item_id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE, meta TEXT NOT NULL
);
ALTER TABLE revisions ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE revisions ADD COLUMN kind TEXT NOT NULL DEFAULT 'import';
ALTER TABLE revisions ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE revisions ADD COLUMN accumulator TEXT NOT NULL DEFAULT '';
ALTER TABLE revisions ADD COLUMN warned INTEGER NOT NULL DEFAULT 1;
CREATE INDEX revisions_by_content ON revisions (dataset_id, accumulator);
UPDATE revisions SET warned = revision, note = 'Imported.', changed = COALESCE((
  SELECT SUM(items) FROM revision_counts c
  WHERE c.dataset_id = revisions.dataset_id AND c.revision = revisions.revision), 0);
ALTER TABLE datasets ADD COLUMN encoding TEXT NOT NULL DEFAULT '{{}}';
CREATE TABLE counts (
  dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  class_id INTEGER NOT NULL, split INTEGER NOT NULL,
  from_revision INTEGER NOT NULL, to_revision INTEGER NOT NULL DEFAULT {OPEN_ENDED}, items INTEGER NOT NULL,
  PRIMARY KEY (dataset_id, class_id, split, from_revision)
) WITHOUT ROWID;
INSERT INTO counts SELECT c.dataset_id, c.class_id, c.split, c.revision,
  CASE WHEN c.revision = d.revision THEN {OPEN_ENDED} ELSE c.revision + 1 END, c.items
  FROM revision_counts c JOIN datasets d ON d.id = c.dataset_id;
INSERT INTO counts SELECT dataset_id, 0, split, from_revision, to_revision, SUM(items) FROM counts
  GROUP BY dataset_id, split, from_revision, to_revision;
DROP TABLE revision_counts;
CREATE TABLE reports (
  dataset_id INTEGER PRIMARY KEY REFERENCES datasets(id) ON DELETE CASCADE,
  revision INTEGER NOT NULL, created REAL NOT NULL, report BLOB NOT NULL
);
CREATE TABLE findings (
  dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  kind TEXT NOT NULL, item_id INTEGER NOT NULL, score REAL NOT NULL,
  PRIMARY KEY (dataset_id, kind, item_id)
) WITHOUT ROWID;
"""

# The n-th leads from n - 1 to n; never edited later.
MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3)


def write_new(file: Path) -> None:
    """Writes an empty database as one file."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrate(connection, file)
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [("created", str(time.time())), ("created_on", platform.system())],
        )
    finally:
        connection.close()


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS, *, keep_copy: bool = True
) -> None:  # fmt: skip
    """Brings the database up to date in one transaction, after a copy of a file that held something.

    ``connection`` is in autocommit mode. Raises :class:`ProjectError` for a file of a newer application.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise ProjectError(
            f"The project {path.parent} was written by a newer Transfer Learning Studio (format {version}; "
            "this one "
            f"reads up to {len(migrations)}). Update the application to open it; nothing was changed."
        )
    if version == len(migrations):
        return
    if version > 0 and keep_copy:
        copy_database(connection, path.with_name(f"{path.name}.before-v{len(migrations)}"))
    statements = "".join(migrations[version:])
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {len(migrations)}; COMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
