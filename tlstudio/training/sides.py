"""The data sets of a run, each with what is learnt of it: the target, and the source where there is one."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from tlstudio.api.backbone import BackboneDescriptor, Preprocessing
from tlstudio.api.descriptors import DatasetProfile
from tlstudio.api.errors import TrainingError
from tlstudio.api.method import MethodDescriptor
from tlstudio.api.phases import UNLABELLED, Data
from tlstudio.api.task import Objective
from tlstudio.project import Manifest, Project, SplitData
from tlstudio.registry import Registry
from tlstudio.seeding import derive
from tlstudio.training import subject as subjects
from tlstudio.training.spec import OtherData, RunSpec
from tlstudio.training.subject import Subject


@dataclasses.dataclass(frozen=True)
class Side:
    """One data set as a run reads it. ``manifest.splits`` has ``unlabelled`` too."""

    manifest: Manifest
    subject: Subject
    objective: Objective
    profile: DatasetProfile


def of_run(
    project: Project,
    registry: Registry,
    spec: RunSpec,
    method: MethodDescriptor,
    descriptor: BackboneDescriptor,
    preprocessing: Preprocessing,
    settings: dict[str, Any],
) -> dict[Data, Side]:
    """Raises ``TrainingError`` where a data set is not what it was when the run was created."""
    target = _checked(
        project, OtherData(dataset=spec.dataset, revision=spec.revision, fingerprint=spec.data_fingerprint)
    )
    if spec.labels_per_class:
        target = few_labels(target, spec.labels_per_class, spec.seed)
    if spec.unlabelled:
        target = with_pool(target, _checked(project, spec.unlabelled))
    what = subjects.of_manifest(target, registry, descriptor, preprocessing)
    sides: dict[Data, Side] = {}
    if spec.source:
        source = _checked(project, spec.source)
        other = subjects.of_manifest(source, registry, descriptor, preprocessing)
        if other.modality.id == what.modality.id:  # inputs of one shape
            other = dataclasses.replace(other, parameters=what.parameters)
        if method.same_classes:
            info = dataclasses.replace(other.info, class_names=what.info.class_names)
            counts = dict(zip(other.info.class_names, other.info.class_counts, strict=False))
            info = dataclasses.replace(info, class_counts=tuple(counts.get(n, 0) for n in info.class_names))
            other = dataclasses.replace(other, info=info)
        sides["source"] = _side(project, spec.source.dataset, source, other, settings)
    if not method.target_labels:
        target = hidden(target)
        counts_ = sides["source"].subject.info.class_counts if "source" in sides else ()
        what = dataclasses.replace(what, info=dataclasses.replace(what.info, class_counts=counts_))
    sides["target"] = _side(project, spec.dataset, target, what, settings)
    return sides


def few_labels(manifest: Manifest, count: int, seed: int) -> Manifest:
    """``count`` training items of each class keep their labels; which, is drawn by their content, so that copies of an
    item stay together and fewer labels are a part of more. The others become the split ``unlabelled``.
    """
    train = manifest.splits["train"]
    first: dict[str, str] = {}
    for sha256, value in zip(train.hashes, train.values, strict=True):
        first.setdefault(sha256, value)
    chosen: dict[str, set[str]] = {}
    for sha256 in sorted(first, key=lambda sha256: derive(seed, "labels", sha256)):
        members = chosen.setdefault(first[sha256], set())
        if len(members) < count:
            members.add(sha256)
    kept = [p for p, (s, v) in enumerate(zip(train.hashes, train.values, strict=True)) if s in chosen.get(v, ())]
    names = set(kept)
    rest = [position for position in range(len(train.paths)) if position not in names]
    return _with(manifest, train=take(train, kept), unlabelled=without_labels(take(train, rest)))


def with_pool(manifest: Manifest, pool: Manifest) -> Manifest:
    """Every item of ``pool`` joins the split ``unlabelled``, but for copies of what is validated or tested on."""
    held_out = {*manifest.splits["val"].hashes, *manifest.splits["test"].hashes}
    parts = [manifest.splits[UNLABELLED]] if UNLABELLED in manifest.splits else []
    parts += [
        take(split, [p for p, sha256 in enumerate(split.hashes) if sha256 not in held_out])
        for split in pool.splits.values()
    ]
    return _with(manifest, unlabelled=without_labels(joined(parts)))


def hidden(manifest: Manifest) -> Manifest:
    """Nobody can learn from the labels of its training items."""
    return _with(manifest, train=without_labels(manifest.splits["train"]))


def take(split: SplitData, positions: Sequence[int]) -> SplitData:
    """The items at ``positions``, in that order."""
    lists = {
        field.name: [values[p] for p in positions] if (values := getattr(split, field.name)) else []
        for field in dataclasses.fields(split)
    }
    return SplitData(**lists)


def joined(parts: Sequence[SplitData]) -> SplitData:
    names = [field.name for field in dataclasses.fields(SplitData)]
    return SplitData(**{name: [value for part in parts for value in getattr(part, name)] for name in names})


def without_labels(split: SplitData) -> SplitData:
    return dataclasses.replace(split, labels=[-1] * len(split.paths), values=[])


def parts_of(split: SplitData, folds: int, seed: int) -> list[int]:
    """The part ``0..folds-1`` of each item: whole groups, copies together, each class spread evenly over the parts."""
    keys = [split.groups[p] if split.groups and split.groups[p] else split.hashes[p] for p in range(len(split.paths))]
    members: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        members.setdefault(key, []).append(position)
    values = split.values or [""] * len(keys)
    sizes = [0] * folds
    of_class: dict[tuple[str, int], int] = {}
    part_of: dict[str, int] = {}
    ordered = sorted(members, key=lambda key: (-len(members[key]), derive(seed, "fold", key)))
    for key in ordered:
        value = values[members[key][0]]
        best = min(range(folds), key=lambda k: (of_class.get((value, k), 0), sizes[k], k))
        part_of[key] = best
        sizes[best] += len(members[key])
        for position in members[key]:
            of_class[values[position], best] = of_class.get((values[position], best), 0) + 1
    return [part_of[key] for key in keys]


def _checked(project: Project, wanted: OtherData) -> Manifest:
    manifest = project.manifest(wanted.dataset, wanted.revision)
    if manifest.fingerprint != wanted.fingerprint:
        raise TrainingError(
            f"Revision {wanted.revision} of the data set '{wanted.dataset}' is not what it was when this run was "
            "created: its pictures, labels or splits are others. Create a new run for the data as they are now."
        )
    return manifest


def _side(project: Project, name: str, manifest: Manifest, what: Subject, settings: dict[str, Any]) -> Side:
    objective = what.make_objective({**settings, "items": len(manifest.splits["train"].paths)})
    return Side(manifest, what, objective, project.dataset(name).profile)


def _with(manifest: Manifest, **splits: SplitData) -> Manifest:
    return dataclasses.replace(manifest, splits={**manifest.splits, **splits})
