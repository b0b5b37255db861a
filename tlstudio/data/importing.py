"""The job ``import-data``: from a folder or a table to a data set of a project, all of it or nothing."""

import re
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from tlstudio.api.dataset_format import FormatDescriptor
from tlstudio.api.errors import DataError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.data import pool, scanning
from tlstudio.data.clusters import SplitItem
from tlstudio.data.splitting import SPLITS, SplitPlan, SplitResult, parse_plan, split
from tlstudio.project import Project
from tlstudio.project.staging import CheckedFile, Staging
from tlstudio.registry import Registry

_TOLD_EVERY = 0.2  # seconds
_LISTED = 20  # files that were left out, in the result


def import_job(
    control: Control, project: str, source: str, name: str, format: str = "auto", task: str = "auto",
    splits: str = "", group_by: str = "", seed: int = 0,
) -> Generator[Event, None, dict[str, Any]]:  # fmt: skip
    """Lists the files, reads and checks every one of them, splits them and adds the data set ``name``.

    ``splits`` as in :func:`tlstudio.data.splitting.parse_plan`; ``group_by`` a column of a table, or a pattern with
    one group that is looked for in the relative path. Returns what the command line prints.
    Raises ``StudioError``: the project is left as it was.
    """
    started = time.monotonic()
    plan = parse_plan(splits)
    with Project.open(project) as opened, opened.stage_import(name) as staging:
        path, root = scanning.open_source(source)
        descriptor, reader = yield from scanning.choose_format(Registry.discover(), format, path)
        task = _task(task, descriptor)
        group_of = scanning.group_finder(group_by, reader, path)
        yield Message(text=f"Reading {path} as: {descriptor.title}.")
        labels = yield from scanning.scan(reader.read(path), root, staging, group_of, control.raise_if_stopped)
        yield from _check(staging, root, control)
        class_names = _class_names(staging, path)
        warnings = _empty_classes(labels, class_names)
        yield Progress(done=staging.count(), total=staging.count(), unit="files", text="Splitting")
        result = _split(staging, plan, seed)
        control.raise_if_stopped()
        warnings += result.warnings
        for sentence in warnings:
            yield Message(text=sentence, level="warning")
        staging.publish(
            name=name, task=task, modality=descriptor.modality, format=descriptor.id, root=root,
            class_names=class_names, split_note=result.note, warnings=warnings,
        )  # fmt: skip
        skipped, first = staging.skipped(_LISTED)
        counts = opened.dataset(name).split_counts
    return {
        "dataset": name,
        "items": sum(counts.values()),
        "classes": class_names,
        "splits": counts,
        "split_note": result.note,
        "skipped": skipped,
        "skipped_files": [{"path": file, "reason": reason} for file, reason in first],
        "warnings": warnings,
        "revision": 1,
        "format": descriptor.id,
        "task": task,
        "seconds": round(time.monotonic() - started, 3),
    }


def _task(task: str, descriptor: FormatDescriptor) -> str:
    if descriptor.modality != "image":
        raise DataError(
            f"The format '{descriptor.id}' reads {descriptor.modality}; only pictures can be imported. Choose another "
            f"format."
        )
    if task not in ("", "auto", descriptor.task):
        raise DataError(
            f"The format '{descriptor.id}' gives data for {descriptor.task}, not for {task}. Leave the task out, or "
            f"choose another format."
        )
    return descriptor.task


def _check(staging: Staging, root: Path, control: Control) -> Generator[Event, None, None]:
    """Reads every file that was found; what cannot be used moves to what is left out."""
    total, done = staging.count(), 0
    paths: dict[int, str] = {}

    def pending() -> Iterator[tuple[int, str]]:
        for number, path in staging.pending(1000):
            paths[number] = path
            yield number, str(root / path)

    run = pool.check_inline if total < pool.INLINE_BELOW else pool.check_in_processes
    began = told = time.monotonic()
    for chunk in run(pending(), control.raise_if_stopped):
        good = [(number, CheckedFile(*checked[:5])) for number, checked in chunk if not checked.reason]
        staging.checked(good)
        if len(good) < len(chunk):
            staging.reject((n, paths[n], checked.reason) for n, checked in chunk if checked.reason)
        for number, _ in chunk:
            del paths[number]
        done += len(chunk)
        now = time.monotonic()
        if now - told > _TOLD_EVERY or done == total:
            told = now
            eta = round((now - began) / done * (total - done), 1)
            yield Progress(done=done, total=total, unit="files", text="Checking pictures", eta=eta)


def _class_names(staging: Staging, source: Path) -> list[str]:
    """The classes that have a usable picture, numbers in them in the order of their value."""
    names = sorted(staging.labels(), key=lambda label: ([_part(p) for p in re.split(r"(\d+)", label)], label))
    if not names:
        count, first = staging.skipped(3)
        reasons = " ".join(f"{path}: {reason}" for path, reason in first)
        raise DataError(f"{source} has no picture that can be used; {count} files were left out. {reasons}".strip())
    if len(names) == 1:
        raise DataError(
            f"All {staging.count()} usable pictures of {source} belong to one class, '{names[0]}'. A classifier needs "
            f"at least two: give each class a folder of its own, and name the folder that holds them all."
        )
    return names


def _part(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdecimal() else (1, 0, text.casefold())


def _empty_classes(labels: set[str], class_names: list[str]) -> list[str]:
    empty = sorted(labels.difference(class_names))
    return [f"The class '{label}' has no usable picture and is left out." for label in empty]


def _split(staging: Staging, plan: SplitPlan, seed: int) -> SplitResult:
    ids: list[int] = []
    items: list[SplitItem] = []
    labels: dict[str, str] = {}
    for file in staging.usable():
        ids.append(file.id)
        label = labels.setdefault(file.label, file.label)  # one string for each class, not for each file
        items.append(SplitItem(file.path, label, file.sha256, file.split, file.group))
    result = split(items, plan, seed)
    number = {name: position for position, name in enumerate(SPLITS)}
    staging.assign((number[name], item_id) for name, item_id in zip(result.splits, ids, strict=True))
    return result
