"""What a project answers: frozen records, none of which keeps a connection to the database."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from tlstudio.api.descriptors import DatasetProfile

SPLITS = ("train", "val", "test")  # their position is the number in the database
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


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One picture. ``path`` is relative to the data set's root, with ``/``; width and height as displayed."""

    id: int
    path: str
    label: str
    split: str
    sha256: str
    width: int
    height: int


class FileRecord(NamedTuple):
    """All that is known of an item's file: ``bytes`` and ``mtime_ns`` as they were when it was read."""

    id: int
    path: str
    label: str
    split: str
    sha256: str
    width: int
    height: int
    bytes: int
    mtime_ns: int


@dataclasses.dataclass(frozen=True, slots=True)
class SkippedFile:
    """Something in the source that was left out. ``path`` is relative to the root and always printable."""

    path: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitData:
    """One split, four lists of the same length: absolute paths, class indices, SHA-256 in hex, ids of the
    items.
    """

    paths: list[str]
    labels: list[int]
    hashes: list[str]
    item_ids: list[int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """Exactly what a run reads. ``fingerprint`` is a SHA-256 over the sorted (hash, label, split) of all
    items.
    """

    dataset: str
    revision: int
    root: Path
    class_names: tuple[str, ...]
    splits: dict[str, SplitData]
    fingerprint: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One row of the table of runs. Times are seconds since the epoch; ``seconds`` durations by name.

    ``state`` is one of ``RUN_STATES``; ``reason`` a sentence where it did not simply finish; ``model`` the
    path of the best model relative to the project, empty where there is none; ``metrics`` maps split to name
    to value. ``position`` orders the queue, 0 where the run is not in line; ``batch`` is the first run of the
    sweep that it belongs to, 0 where it belongs to none.
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

    @property
    def resumable(self) -> bool:
        """Whether it can be told to go on (where it never began, to begin)."""
        return self.state in RESUMABLE_STATES
