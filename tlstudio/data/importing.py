"""The job ``import-data``: from a folder, a table or an archive to a data set of a project, all of it or nothing."""

import json
import os
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from tlstudio import places
from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.api.modality import ModalityDescriptor
from tlstudio.api.task import TaskInfo
from tlstudio.control import Control
from tlstudio.data import labels, notes, pool
from tlstudio.data.clusters import SplitItem
from tlstudio.data.inspecting import Sample, Seen
from tlstudio.data.labels import Labelling
from tlstudio.data.scanning import Scan, group_finder
from tlstudio.data.sources import Source, open_source
from tlstudio.data.splitting import SPLITS, SplitPlan, SplitResult, parse_plan, split
from tlstudio.places import readable
from tlstudio.project import EXCLUDED, DatasetInfo, Project
from tlstudio.project.roots import missing_root
from tlstudio.project.staging import CheckedFile, Staging
from tlstudio.registry import Registry

_TOLD_EVERY = 0.2  # seconds
_LISTED = 20  # files that were left out, in the result


def import_job(
    control: Control, project: str, source: str, name: str, format: str = "auto", task: str = "auto",
    modality: str = "auto", splits: str = "", group_by: str = "", time_by: str = "", seed: int = 0,
    options: Mapping[str, Any] | None = None, add: bool = False, near: bool = True,
) -> Generator[Event, None, dict[str, Any]]:  # fmt: skip
    """Lists the samples, reads and checks every one of them, splits them and adds the data set ``name``.

    ``source``: a folder, a file, an archive, or ``torchvision:NAME``. ``splits`` as in
    :func:`tlstudio.data.splitting.parse_plan`; ``group_by`` a column of a table, or a pattern with one group that is
    looked for in the relative path; ``time_by`` a column to split by time with; ``options`` of the format; ``near``:
    near duplicates stay together. ``add``: the samples that are new join the data set ``name`` as a new revision, and
    what it has already stays as it is. Returns what the command line prints.
    Raises ``StudioError``: the project is left as it was.
    """
    started = time.monotonic()
    plan = parse_plan(splits)
    registry = Registry.discover()
    with Project.open(project) as opened, _staging(opened, name, add) as staging:
        old = staging.joins
        if old is not None and not old.root_found:
            raise missing_root(opened.path, name, old.root)
        if old is not None and task in ("", "auto"):
            task = old.task
        found = yield from open_source(
            control, registry, staging, source, format=format, task=task, modality=modality, options=options or {},
            joins=old,
        )  # fmt: skip
        root = old.root if old is not None else found.root
        yield Message(text=f"Reading {found.path} as: {found.format.title}.")
        scan = Scan(
            staging, root, found.path if found.path.is_dir() else found.path.parent,
            Labelling(found.task, old.class_names if old is not None and found.task.id == "regression" else ()),
            group_finder(group_by, found.reader, found.path), time_by,
        )  # fmt: skip
        staging.skip((readable(s.path), s.reason) for s in found.skipped)
        yield from scan.run(found.reader.read(found.path), control.raise_if_stopped)
        if time_by and not scan.timed:
            raise UsageError(f"'{time_by}' is no column of {found.path} that says when its samples were made.")
        known = staging.leave_known(record.path for record in opened.file_records.files(name)) if old else 0
        check = _Check(staging, root, found.modality, found.task.id == "segmentation")
        yield from check.run(control)
        if old is not None:
            known += staging.leave_known_content(
                bytes.fromhex(record.sha256) for record in opened.file_records.files(name)
            )
        class_names, encoding, warnings = _classes(staging, scan, check, found, old)
        yield Progress(done=staging.count(), total=staging.count(), unit="files", text="Splitting")
        result = _split(opened, staging, old, found, class_names, plan, seed, near)
        control.raise_if_stopped()
        warnings += result.warnings
        for sentence in warnings:
            yield Message(text=sentence, level="warning")
        added = staging.count()
        staging.publish(
            name=name, task=found.task.id, modality=found.modality.id, format=found.format.id, root=root,
            class_names=class_names, split_note=result.note, warnings=warnings, encoding=encoding,
        )  # fmt: skip
        skipped, first = staging.skipped(_LISTED)
        info = opened.dataset(name)
    return {
        "dataset": name,
        "items": info.profile.items,
        "added": added,
        "known": known,
        "classes": list(info.class_names),
        "splits": info.split_counts,
        "split_note": result.note,
        "skipped": skipped,
        "skipped_files": [{"path": file, "reason": reason} for file, reason in first],
        "warnings": warnings,
        "revision": info.revision,
        "format": found.format.id,
        "task": found.task.id,
        "modality": found.modality.id,
        "seconds": round(time.monotonic() - started, 3),
    }


def _staging(project: Project, name: str, add: bool) -> Staging:
    return project.stage_addition(name) if add else project.stage_import(name)


class _Check:
    """Reads every sample that was found; what cannot be used moves to what is left out."""

    def __init__(self, staging: Staging, root: Path, modality: ModalityDescriptor, masks: bool) -> None:
        self._staging, self._root, self._modality, self._masks = staging, root, modality, masks
        self._waiting: dict[int, tuple[str, str]] = {}  # path and label of what is under way
        self.pixels: Counter[int] = Counter()  # values in masks, and in how many
        self.first: dict[int, str] = {}  # of each value, a picture whose mask has it

    def run(self, control: Control) -> Generator[Event, None, None]:
        total, done = self._staging.count(), 0
        run = pool.check_inline if total < pool.INLINE_BELOW else pool.check_in_processes
        began = told = time.monotonic()
        news: list[str] = []
        for chunk in run(self._modality.factory, self._samples(), control.raise_if_stopped, news.append):
            while news:
                yield Message(level="warning", text=news.pop())
            good = [(number, self._checked(number, seen)) for number, seen in chunk if not seen.reason]
            self._staging.checked(good)
            if len(good) < len(chunk):
                self._staging.reject((n, self._waiting[n][0], seen.reason) for n, seen in chunk if seen.reason)
            for number, _ in chunk:
                del self._waiting[number]
            done += len(chunk)
            now = time.monotonic()
            if now - told > _TOLD_EVERY or done == total:
                told = now
                eta = round((now - began) / done * (total - done), 1)
                text = f"Checking {self._modality.noun[1]}"
                yield Progress(done=done, total=total, unit="files", text=text, eta=eta)

    def _samples(self) -> Iterator[Sample]:
        for file in self._staging.to_check(1000):
            self._waiting[file.id] = (file.path, file.label)
            path = self._staging.at_hand(file.container) if file.container else file.path
            place = places.place(os.path.join(self._root, path), file.start, file.length)
            yield Sample(file.id, place, file.path, self._mask_place(file.label) if self._masks else "")

    def _mask_place(self, label: str) -> str:
        mask = json.loads(label)
        path = os.path.join(self._root, self._staging.at_hand(mask["mask"]))
        return places.place(path, mask.get("offset", 0), mask.get("length", 0))

    def _checked(self, number: int, seen: Seen) -> CheckedFile:
        path, label = self._waiting[number]
        if self._masks:
            label = json.dumps(json.loads(label) | {"sha256": seen.mask_sha256}, ensure_ascii=False)
            self.pixels.update(seen.pixels)
            for value in seen.pixels:
                self.first.setdefault(value, path)
        else:
            label = ""
        return CheckedFile(*seen[:5], seen.caption, seen.phash, seen.facts, label)


def _classes(
    staging: Staging, scan: Scan, check: _Check, source: Source, old: DatasetInfo | None
) -> tuple[list[str], dict[str, Any], list[str]]:
    """Names of the classes (or numbers), what the pixels of masks mean, and warnings. Raises :class:`DataError`."""
    one, several = source.modality.noun
    values, task = staging.labels(), source.task.id
    if not staging.count():
        if old is not None:
            raise DataError(f"{source.path} has nothing that '{old.name}' does not have already. Nothing was changed.")
        count, first = staging.skipped(3)
        reasons = " ".join(f"{path}: {reason}" for path, reason in first)
        raise DataError(f"{source.path} has no {one} that can be used; {count} files were left out. {reasons}".strip())
    declared = source.declared()
    names, empty = labels.class_names(task, values, declared, set(check.pixels))
    if task in ("classification", "multilabel"):
        seen, _ = labels.class_names(task, scan.labels, declared, set())
        empty += [name for name in sorted(seen, key=labels.natural) if name not in names and name not in empty]
    if old is not None:
        kept = old.class_names if task in ("regression", "segmentation") else (*old.class_names, *names)
        return list(dict.fromkeys(kept)), old.encoding, []
    warnings = [f"The class '{name}' has no usable {one} and is left out." for name in empty]
    if task == "classification" and len(names) == 1 and source.format.labelled:
        raise DataError(
            f"All {staging.count()} usable {several} of {source.path} belong to one class, '{names[0]}'. A classifier "
            "needs at least two: give each class a folder of its own, and name the folder that holds them all. Samples "
            "that have no labels are the format 'unlabelled'."
        )
    if not names:
        raise DataError(f"No {one} of {source.path} has a label. Without any, there is nothing to learn.")
    if task != "segmentation":
        return names, {}, warnings
    values_of = labels.pixel_values(names, declared, set(check.pixels))
    for value in sorted(set(check.pixels).difference(values_of, {255})):
        count, first_path = check.pixels[value], check.first[value]
        which = f"{count} masks have" if count > 1 else "One mask has"
        warnings.append(
            f"{which} pixels of value {value}, which is no class (that of {first_path}); these pixels do not count."
        )
    return names, {"pixels": values_of}, warnings


def _split(
    project: Project, staging: Staging, old: DatasetInfo | None, source: Source, class_names: list[str],
    plan: SplitPlan, seed: int, near: bool,
) -> SplitResult:  # fmt: skip
    """Assigns every staged file. What the data set has already keeps its split; what has no labels is to train on."""
    if not source.format.labelled:
        staging.assign((0, file.id) for file in list(staging.usable()))
        return SplitResult([], notes.UNLABELLED, [])
    items: list[SplitItem] = []
    values: list[str] = []
    one_of: dict[str, str] = {}  # one string for each value, not for each file
    for record in project.file_records.files(old.name) if old is not None else ():
        if record.split != EXCLUDED:
            values.append(one_of.setdefault(record.value, record.value))
            items.append(
                SplitItem(
                    record.path, "", bytes.fromhex(record.sha256), record.split, record.group,
                    phash=record.phash if near else None, fixed=True,
                )
            )  # fmt: skip
    there = len(items)
    ids: list[int] = []
    for file in staging.usable():
        ids.append(file.id)
        values.append(one_of.setdefault(file.label, file.label))
        phash = file.phash if near else None
        items.append(SplitItem(file.path, "", file.sha256, file.split, file.group, file.time, phash))
    task = source.task.load()(TaskInfo(class_names=tuple(class_names)))
    for position, stratum in enumerate(task.strata(values)):
        items[position] = items[position]._replace(label=stratum)
    result = split(items, plan, seed, classes=source.task.label == "class")
    number = {name: position for position, name in enumerate(SPLITS)}
    staging.assign((number[name], item_id) for name, item_id in zip(result.splits[there:], ids, strict=True))
    return result
