"""What a project answers: frozen records, none of which keeps a connection to the database."""

import dataclasses
import os
from pathlib import Path
from typing import Any, NamedTuple

from tlstudio import places
from tlstudio.api.descriptors import DatasetProfile

SPLITS = ("train", "val", "test")  # their position is the number in the database
EXCLUDED = "excluded"  # the item stays in the data set, but no run reads it
PARTS = (*SPLITS, EXCLUDED)
ORDERS = (
    "id", "path", "label", "split", "group", "width", "height", "bytes", "pixels", "suspicion", "confidence",
)  # fmt: skip
RUN_STATES = (
    "queued", "running", "holding", "parked", "stopping", "stopped", "failed", "finished",
)  # fmt: skip
ALIVE_STATES = ("running", "holding", "stopping")  # there is a process that works on it
RESUMABLE_STATES = ("parked", "stopped", "failed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """One data set as of its newest revision.

    ``root`` is the folder that the items' paths begin at, where it lies today; ``root_found`` is false where
    it is neither beside the project nor at the place it was imported from. ``split_note`` is a sentence that
    says how the splits came about. ``created`` is in seconds since the epoch.

    ``class_names``: the classes, or the names of the numbers (regression). ``class_counts``: items with each class
    that are not excluded; all 0 where the task has no classes of items (regression, segmentation). ``split_counts``
    has train, val and test; ``excluded`` counts the items that no run reads. ``encoding`` says what the pixels of
    masks mean: ``{"pixels": [value of the first class, ...]}``; other values do not count.
    """

    id: int
    name: str
    task: str
    modality: str
    format: str
    root: Path
    root_found: bool
    revision: int
    class_names: tuple[str, ...]
    class_counts: dict[str, int]
    split_counts: dict[str, int]
    class_split_counts: dict[str, dict[str, int]]
    split_note: str
    skipped: int
    created: float
    profile: DatasetProfile
    excluded: int = 0
    encoding: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One sample. ``path`` is relative to the data set's root, with ``/``, and unique in the data set; of a part of
    a file it is the file's and the part's name. ``label`` is what is shown, ``value`` the task's notation. ``split``:
    train, val, test or excluded. What ``width`` and ``height`` mean: :class:`tlstudio.api.modality.Facts`.

    ``container``: the file that it is a part of, relative to the root or absolute; empty where ``path`` is the file.
    ``partner``: likewise the file of the aligned sample in a second modality.
    """

    id: int
    path: str
    label: str
    split: str
    sha256: str
    width: int
    height: int
    value: str = ""
    bytes: int = 0
    caption: str = ""
    group: str = ""
    phash: int | None = None
    container: str = ""
    offset: int = 0
    length: int = 0
    partner: str = ""

    def place(self, root: str | os.PathLike[str]) -> str:
        """Where it lies, as in :mod:`tlstudio.places`; ``root`` is ``DatasetInfo.root``."""
        return places.place(os.path.join(root, self.container or self.path), self.offset, self.length)


class FileRecord(NamedTuple):
    """All that is known of an item's file: ``bytes`` and ``mtime_ns`` as they were when it was read. ``place`` is
    absolute, the rest as in :class:`Item`.
    """

    id: int
    path: str
    label: str
    split: str
    sha256: str
    width: int
    height: int
    bytes: int
    mtime_ns: int
    value: str = ""
    group: str = ""
    phash: int | None = None
    caption: str = ""
    place: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemFilter:
    """Which items of a data set, and in which order. What is empty does not restrict.

    ``label`` is a class (multi-label: the item has it) or a value as it is shown; ``split`` train, val, test or
    excluded; ``search`` a part of the path or of the caption; ``finding`` a kind of finding of the newest doctor's
    report. ``run`` is a run whose predictions there are: only its items, those that it ``predicted`` so, and those
    that are ``wrong`` (or not). ``order`` is one of ``ORDERS``; equals follow by id. ``revision``: the newest.
    """

    split: str = ""
    label: str = ""
    search: str = ""
    group: str = ""
    ids: tuple[int, ...] | None = None
    finding: str = ""
    run: int = 0
    predicted: str = ""
    wrong: bool | None = None
    order: str = "id"
    descending: bool = False
    revision: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one item: another ``value`` (the task's notation), another ``split`` (or excluded), or both."""

    item_id: int
    value: str | None = None
    split: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionInfo:
    """One state of a data set, which never changes. ``kind``: import, relabel, exclude, restore, split, add, ...;
    ``changed``: items that differ from the revision before; ``runs``: ids of the runs that name it.
    """

    revision: int
    created: float
    note: str
    kind: str
    changed: int
    fingerprint: str
    runs: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ItemDifference:
    """``what``: relabelled, moved, excluded, restored, added or removed; an item can be named twice."""

    item_id: int
    path: str
    what: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionDifference:
    """What happened between revision ``a`` and ``b``; ``items`` are the first 1000 differences."""

    a: int
    b: int
    relabelled: int
    moved: int
    excluded: int
    restored: int
    added: int
    removed: int
    items: tuple[ItemDifference, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class SkippedFile:
    """Something in the source that was left out. ``path`` is relative to the root and always printable."""

    path: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitData:
    """One split, lists of the same length: absolute places (:mod:`tlstudio.places`), class indices (0 where the task
    is not classification), SHA-256 in hex, ids of the items, values in the task's notation, groups.
    """

    paths: list[str]
    labels: list[int]
    hashes: list[str]
    item_ids: list[int]
    values: list[str] = dataclasses.field(default_factory=list)
    groups: list[str] = dataclasses.field(default_factory=list)
    widths: list[int] = dataclasses.field(default_factory=list)
    heights: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """Exactly what a run reads. ``fingerprint``: 64 hex digits that are equal where hashes, values and splits are."""

    dataset: str
    revision: int
    root: Path
    class_names: tuple[str, ...]
    splits: dict[str, SplitData]
    fingerprint: str
    task: str = "classification"
    modality: str = "image"
    encoding: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One row of the table of runs. Times are seconds since the epoch; ``seconds`` durations by name.

    ``state`` is one of ``RUN_STATES``; ``reason`` a sentence where it did not simply finish; ``model`` the
    path of the best model relative to the project, empty where there is none; ``metrics`` maps split to name
    to value. ``position`` orders the queue, 0 where the run is not in line; ``batch`` is the first run of the
    sweep that it belongs to, 0 where it belongs to none. ``select_by``: the metric that chooses the model.
    """

    id: int
    state: str
    dataset: str
    revision: int
    backbone: str
    weights: str
    method: str
    seed: int
    options: dict[str, Any]
    created: float
    started: float | None
    ended: float | None
    metrics: dict[str, dict[str, float]]
    seconds: dict[str, float]
    images_per_second: float
    reason: str
    model: str
    pid: int
    position: float
    batch: int
    dir: Path
    select_by: str = "accuracy"

    def score(self, split: str, end: str = "") -> float | None:
        """The metric that chose the model, on a split; ``end``: ``_low`` or ``_high`` of its interval."""
        return self.metrics.get(split, {}).get(f"{self.select_by}{end}")

    @property
    def resumable(self) -> bool:
        """Whether it can be told to go on (where it never began, to begin)."""
        return self.state in RESUMABLE_STATES
