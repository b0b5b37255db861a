"""What an import collects: its tables, and the rows that go in and out."""

from typing import NamedTuple

TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000;
CREATE TABLE files (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, label TEXT NOT NULL, given TEXT NOT NULL,
  group_key TEXT NOT NULL, container TEXT NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL,
  meta TEXT NOT NULL, partner TEXT NOT NULL, time TEXT NOT NULL,
  sha256 BLOB, width INTEGER, height INTEGER, bytes INTEGER, mtime_ns INTEGER,
  caption TEXT, phash INTEGER, facts TEXT, split INTEGER
);
CREATE TABLE skipped (position INTEGER PRIMARY KEY, path TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE named (label TEXT PRIMARY KEY, target_id INTEGER NOT NULL) WITHOUT ROWID;
"""


class FoundFile(NamedTuple):
    """A sample as the source declares it. ``path`` relative to the root with ``/``; ``label`` in the task's notation;
    ``split`` and ``group`` or empty. A part of a file: ``container`` is that file, relative to the root, absolute, or
    :meth:`Staging.kept`'s. ``meta``: JSON list of [name, value]. ``partner`` as ``container``. ``time`` to split by.
    """

    path: str
    label: str
    split: str
    group: str
    container: str = ""
    start: int = 0
    length: int = 0
    meta: str = ""
    partner: str = ""
    time: str = ""


class CheckedFile(NamedTuple):
    """What reading a sample has told, as :class:`tlstudio.api.modality.Facts`; its size in bytes, and the time of
    change of its file in ns. ``facts``: JSON list of [name, value]. ``label`` where it is another one now (masks).
    """

    sha256: bytes
    width: int
    height: int
    bytes: int
    mtime_ns: int
    caption: str = ""
    phash: int | None = None
    facts: str = ""
    label: str = ""


class StagedFile(NamedTuple):
    """A usable file, for splitting."""

    id: int
    path: str
    label: str
    split: str
    group: str
    sha256: bytes
    time: str = ""
    phash: int | None = None


class ToCheck(NamedTuple):
    id: int
    path: str
    container: str
    start: int
    length: int
    label: str
