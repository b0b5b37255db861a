"""Looks a data set over: what is missing, changed, doubled, lopsided or odd.

A finding is ``{"kind", "count", "sentence", "items"}``; ``items`` holds the first 50 as ``{"path", "label", "note"}``,
with what does not apply left empty.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tlstudio.project import DatasetInfo, Project
from tlstudio.project.records import FileRecord

LISTED = 50
_HASHED = 200  # files that are read again, at most
_TINY = 10  # pictures in a class
_LOPSIDED = 5.0  # largest class to smallest
_FACTOR = 16.0  # in pixels, against the median picture
_NARROW = 4.0  # longer side to shorter

Finding = dict[str, Any]


def doctor(project: Project, dataset: str) -> dict[str, Any]:
    """Every finding about the newest revision. Raises ``DataError`` for an unknown data set."""
    began = time.monotonic()
    info = project.dataset(dataset)
    files = list(project.file_records.files(dataset))
    findings = [
        *(_on_disk(info.root, files) if info.root_found else [_root_missing(info)]),
        *_skipped(project, info),
        *_copies(files),
        *_classes(info),
        *_sizes(files),
    ]
    return {
        "dataset": dataset,
        "revision": info.revision,
        "items": len(files),
        "root": str(info.root),
        "root_found": info.root_found,
        "healthy": not findings,
        "findings": findings,
        "seconds": round(time.monotonic() - began, 3),
    }


def _finding(kind: str, count: int, sentence: str, items: Sequence[dict[str, str]]) -> Finding:
    return {"kind": kind, "count": count, "sentence": sentence, "items": list(items[:LISTED])}


def _item(path: str = "", label: str = "", note: str = "") -> dict[str, str]:
    return {"path": path, "label": label, "note": note}


def _root_missing(info: DatasetInfo) -> Finding:
    sentence = f"The folder of the data set is missing: {info.root}. Put it back, or relocate the data set."
    return _finding("root-missing", info.profile.items, sentence, [])


def _on_disk(root: Path, files: Sequence[FileRecord]) -> list[Finding]:
    """Compares size and time of every file; reads again those that differ in time, and a sample of the rest."""
    missing: list[dict[str, str]] = []
    changed: list[dict[str, str]] = []
    same: list[FileRecord] = []
    suspects: list[FileRecord] = []
    for file in files:
        try:
            status = os.stat(root / file.path)
        except OSError:
            missing.append(_item(file.path, file.label, "It is not there any more."))
            continue
        if status.st_size != file.bytes:
            note = f"It had {file.bytes} bytes and has {status.st_size}."
            changed.append(_item(file.path, file.label, note))
        else:
            (suspects if status.st_mtime_ns != file.mtime_ns else same).append(file)
    step = max(1, len(same) // 50)
    for file in [*suspects, *same[::step]][:_HASHED]:
        try:
            content = (root / file.path).read_bytes()
        except OSError as error:
            missing.append(_item(file.path, file.label, f"It cannot be read: {error.strerror}."))
            continue
        if hashlib.sha256(content).hexdigest() != file.sha256:
            changed.append(_item(file.path, file.label, "Its content is another one."))
    found = []
    if missing:
        sentence = f"{_files(missing)} missing or unreadable below {root}; training on this data set will fail."
        found.append(_finding("missing", len(missing), sentence, missing))
    if changed:
        sentence = f"{_files(changed)} changed since the import. Import the folder again to use what is there now."
        found.append(_finding("changed", len(changed), sentence, changed))
    return found


def _skipped(project: Project, info: DatasetInfo) -> list[Finding]:
    if not info.skipped:
        return []
    listed = [_item(path=file.path, note=file.reason) for file in project.problems(info.name, limit=LISTED)]
    sentence = f"{info.skipped} {'entry was' if info.skipped == 1 else 'entries were'} left out of the import."
    return [_finding("skipped", info.skipped, sentence, listed)]


def _copies(files: Sequence[FileRecord]) -> list[Finding]:
    counts = Counter(file.sha256 for file in files)
    groups: dict[str, list[FileRecord]] = {}
    for file in files:
        if counts[file.sha256] > 1:
            groups.setdefault(file.sha256, []).append(file)
    alike, torn = [], []
    for group in groups.values():
        labels = sorted({file.label for file in group})
        others = ", ".join(file.path for file in group[1:6])
        if len(labels) > 1:
            torn.append(
                _item(group[0].path, group[0].label, f"The same picture: {others}. Labels: {', '.join(labels)}.")
            )
        else:
            alike.append(_item(group[0].path, group[0].label, f"The same picture: {others}."))
    found = []
    if alike:
        extra = sum(counts[file.sha256] - 1 for file in {f.sha256: f for f in files}.values())
        sentence = f"{len(alike)} pictures are there more than once ({extra} surplus copies in all), in one split each."
        found.append(_finding("duplicates", len(alike), sentence, alike))
    if torn:
        sentence = f"{len(torn)} pictures are there more than once with different labels. Keep the copy that is right."
        found.append(_finding("label-conflicts", len(torn), sentence, torn))
    return found


def _classes(info: DatasetInfo) -> list[Finding]:
    found = []
    small, large = info.profile.smallest_class, info.profile.largest_class
    by_size = sorted(info.class_counts.items(), key=lambda pair: (pair[1], pair[0]))
    if small and large / small >= _LOPSIDED:
        sentence = (
            f"The largest class has {large / small:.1f} times as many pictures as the smallest ({large} and {small}); "
            f"look at balanced accuracy rather than at accuracy."
        )
        listed = [_item(label=name, note=f"{count} pictures") for name, count in by_size]
        found.append(_finding("imbalance", len(by_size), sentence, listed))
    tiny = [_item(label=name, note=f"{count} pictures") for name, count in by_size if count < _TINY]
    if tiny:
        noun = "class has" if len(tiny) == 1 else "classes have"
        sentence = f"{len(tiny)} {noun} fewer than {_TINY} pictures; what is measured on so few is mostly chance."
        found.append(_finding("tiny-classes", len(tiny), sentence, tiny))
    return found


def _sizes(files: Sequence[FileRecord]) -> list[Finding]:
    if not files:
        return []
    usual = median(file.width * file.height for file in files)
    odd = []
    for file in files:
        pixels, ratio = file.width * file.height, max(file.width, file.height) / min(file.width, file.height)
        if pixels * _FACTOR < usual or pixels > usual * _FACTOR or ratio > _NARROW:
            odd.append(_item(file.path, file.label, f"{file.width} x {file.height} pixels"))
    if not odd:
        return []
    sentence = (
        f"{_files(odd)} of an unusual size or shape: far from the others, or very narrow, so that much is cut off."
    )
    return [_finding("odd-sizes", len(odd), sentence, odd)]


def _files(found: Sequence[object]) -> str:
    return "1 file is" if len(found) == 1 else f"{len(found)} files are"
