"""What a run is given beside its data set and its backbone, checked when it is planned. No torch here."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tlstudio import weights
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import DataError, StudioError, UsageError
from tlstudio.api.method import MethodDescriptor, Need
from tlstudio.project import DatasetInfo, Project
from tlstudio.registry import Registry
from tlstudio.training.spec import OtherData, RunSpec

RUN = "run:"  # before the number of a run
FLAGS: Mapping[Need, str] = {
    "source": "--source-dataset",
    "teacher": "--teacher",
    "unlabelled": "--unlabelled (or --labels-per-class)",
    "runs": "--from-run",
}
_WHAT: Mapping[Need, str] = {
    "source": "a second data set, the source",
    "teacher": "a teacher: a finished run, a model file or a backbone",
    "unlabelled": "samples without labels",
    "runs": "finished runs to begin from",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunInputs:
    """The fields of a ``RunSpec`` that say so, and the plugins that they need."""

    source: OtherData | None = None
    unlabelled: OtherData | None = None
    labels_per_class: int = 0
    teacher: str = ""
    teacher_sha256: str = ""
    runs: tuple[int, ...] = ()
    plugins: dict[str, str] = dataclasses.field(default_factory=dict)


def missing(method: MethodDescriptor, given: Sequence[Need]) -> str:
    """A sentence where a need of the method is not met; empty otherwise."""
    for need in method.needs:
        if need not in given:
            return f"'{method.id}' needs {_WHAT[need]}: {FLAGS[need]}."
    return ""


def check(
    project: Project,
    registry: Registry,
    method: MethodDescriptor,
    info: DatasetInfo,
    backbone: BackboneDescriptor,
    *,
    source: str = "",
    teacher: str = "",
    unlabelled: str = "",
    labels_per_class: int = 0,
    runs: Sequence[int] = (),
) -> RunInputs:
    """Raises ``UsageError``, ``DataError`` where something is missing, does not fit, or is of no use to the method."""
    given: list[Need] = []
    given += ["source"] if source else []
    given += ["teacher"] if teacher else []
    given += ["unlabelled"] if unlabelled or labels_per_class else []
    given += ["runs"] if runs else []
    if reason := missing(method, given):
        raise UsageError(reason)
    for need in given:
        if need not in (*method.needs, *method.takes) and not (need == "unlabelled" and not unlabelled):
            raise UsageError(f"'{method.id}' has no use for {_WHAT[need]}; leave out {FLAGS[need]}.")
    plugins: dict[str, str] = {}
    if labels_per_class:
        _hidden(registry, method, info, labels_per_class, unlabelled)
    other = _source(project, registry, method, info, backbone, source, plugins) if source else None
    pool = _pool(project, info, unlabelled) if unlabelled else None
    name, sha256 = _teacher(project, registry, info, teacher, plugins) if teacher else ("", "")
    if twice := next((run for run in runs if list(runs).count(run) > 1), None):
        raise UsageError(f"Run {twice} is named twice; name each run once.")
    for run in runs:
        _finished(project, info, run, plugins)
    return RunInputs(
        source=other,
        unlabelled=pool,
        labels_per_class=labels_per_class,
        teacher=name,
        teacher_sha256=sha256,
        runs=tuple(runs),
        plugins=plugins,
    )


def _hidden(registry: Registry, method: MethodDescriptor, info: DatasetInfo, count: int, unlabelled: str) -> None:
    """Whether hiding all but ``count`` labels of each class can be done, and is of any use."""
    if registry.task(info.task).label != "class":
        raise UsageError(f"Labels can be hidden by class only; the task of '{info.name}' is {info.task}.")
    if count < 0:
        raise UsageError(f"--labels-per-class is the number of labels that each class keeps, and cannot be {count}.")
    largest = max((split.get("train", 0) for split in info.class_split_counts.values()), default=0)
    if "unlabelled" in method.needs and not unlabelled and count >= largest:
        raise UsageError(
            f"With {count} labels per class every sample keeps its label, since no class of '{info.name}' has more "
            f"than {largest} to train on; '{method.id}' needs samples without. Keep fewer, or name some: --unlabelled."
        )


def _as_it_is(project: Project, name: str) -> OtherData:
    manifest = project.manifest(name)
    return OtherData(dataset=name, revision=manifest.revision, fingerprint=manifest.fingerprint)


def _source(
    project: Project,
    registry: Registry,
    method: MethodDescriptor,
    info: DatasetInfo,
    backbone: BackboneDescriptor,
    name: str,
    plugins: dict[str, str],
) -> OtherData:
    found = project.dataset(name)
    if name == info.name:
        raise UsageError(f"The source must be another data set than '{name}', which is the target.")
    kinds = method.modalities_of_source or (info.modality,)
    if found.modality not in kinds:
        raise UsageError(
            f"The source '{name}' holds {found.modality}, and '{method.id}' takes {' or '.join(kinds)} here."
        )
    if backbone.modality not in registry.modality(found.modality).backbones:
        raise UsageError(
            f"The source '{name}' holds {found.modality}, and the backbone '{backbone.id}' takes {backbone.modality}. "
            "Choose another source, or another backbone."
        )
    if registry.task(found.task).classes and len(found.class_names) < 2:
        raise UsageError(f"The source '{name}' has no labels to learn from; choose a source with two classes or more.")
    if method.same_classes and set(found.class_names) != set(info.class_names):
        differing = sorted(set(found.class_names) ^ set(info.class_names))
        raise UsageError(
            f"'{method.id}' needs a source with the classes of the target. '{name}' and '{info.name}' differ in "
            f"{', '.join(differing[:6])}{' and more' if len(differing) > 6 else ''}. Rename the classes, or choose "
            "another source."
        )
    if not found.split_counts.get("train"):
        raise UsageError(f"The source '{name}' has no items in its training split.")
    for plugin in (registry.owner("tasks", found.task), registry.owner("modalities", found.modality)):
        plugins[plugin.name] = plugin.version
    return _as_it_is(project, name)


def _pool(project: Project, info: DatasetInfo, name: str) -> OtherData:
    found = project.dataset(name)
    if name == info.name:
        raise UsageError(
            f"'{name}' is the data set itself. To hide labels of its training items, say how many of each class are to "
            "keep theirs: --labels-per-class."
        )
    if found.modality != info.modality:
        raise UsageError(f"The samples without labels in '{name}' are {found.modality}; those of '{info.name}' are "
                         f"{info.modality}.")  # fmt: skip
    return _as_it_is(project, name)


def _teacher(
    project: Project, registry: Registry, info: DatasetInfo, text: str, plugins: dict[str, str]
) -> tuple[str, str]:
    """Its name as a spec has it, and the SHA-256 of its file."""
    number = text.removeprefix(RUN)
    if number.isdigit():
        sha256 = _finished(project, info, int(number), plugins)
        _check_teacher(info, f"run {int(number)}", _model_card(project.run_dir(int(number)) / "model.json"))
        return f"{RUN}{int(number)}", sha256
    path = Path(text).expanduser()
    if path.is_file():
        if path.suffix != ".safetensors":
            raise UsageError(f"The teacher {path.name} must be a model that was exported as safetensors.")
        from tlstudio.weights.hashing import remembered_sha256

        _check_teacher(info, path.name, _exported_card(path))
        return str(path.resolve()), remembered_sha256(path)
    try:
        descriptor, named = weights.split_backbone(registry, text, project)
        resolved = weights.resolve(descriptor, named, project)
    except StudioError as error:
        raise UsageError(
            f"The teacher '{text}' is no run (run:3), no model file and no backbone that can be used. {error}"
        ) from error
    if descriptor.modality not in registry.modality(info.modality).backbones:
        raise UsageError(
            f"The teacher '{descriptor.id}' takes {descriptor.modality}, and '{info.name}' holds {info.modality}."
        )
    owner = registry.owner("backbones", descriptor.id)
    plugins[owner.name] = owner.version
    return f"{descriptor.id}:{resolved.id}", resolved.sha256


def _check_teacher(info: DatasetInfo, title: str, card: Mapping[str, Any]) -> None:
    """``card``: what the model says of itself; of one that says nothing, the run finds out."""
    wrong = [
        f"has learnt {name} '{card[key]}', and here it is '{own}'"
        for key, name, own in (("task", "the task", info.task), ("modality", "of the modality", info.modality))
        if card.get(key, own) != own
    ]
    names = card.get("class_names", info.class_names)
    if isinstance(names, list | tuple) and sorted(map(str, names)) != sorted(info.class_names):
        wrong.append(f"knows other classes ({_some(names)}) than '{info.name}' ({_some(info.class_names)})")
    if wrong:
        raise UsageError(f"The teacher ({title}) {wrong[0]}. Choose a teacher that was trained for the same.")


def _some(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names[:6])) + (" and more" if len(names) > 6 else "") or "none"


def _model_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _exported_card(path: Path) -> dict[str, Any]:
    """What stands in the header of an exported file; it is data, read without torch. Raises ``UsageError``."""
    import safetensors

    try:
        with safetensors.safe_open(path, "numpy") as file:
            card = json.loads((file.metadata() or {}).get("tlstudio_card", "{}"))
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise UsageError(f"The teacher {path} is damaged or cut short ({error}). Export or copy it again.") from error
    if not isinstance(card, dict) or not card:
        raise UsageError(
            f"The teacher {path} was not exported by this application: it does not say what its classes are. Export a "
            "model with 'tlstudio export', or import the weights and name the backbone."
        )
    return card


def _finished(project: Project, info: DatasetInfo, number: int, plugins: dict[str, str]) -> str:
    """The SHA-256 of the model of a run that has one for the same task."""
    from tlstudio.weights.hashing import remembered_sha256

    run = project.run(number)
    model = run.dir / "model.safetensors"
    if not model.is_file() or run.state != "finished":
        raise UsageError(f"Run {number} cannot be built upon: it is {run.state}, and only finished runs can.")
    spec = RunSpec.load(run.dir)
    there = spec.dataset in {d.name for d in project.datasets()}
    task = project.dataset(spec.dataset).task if there else info.task
    if task != info.task:
        raise UsageError(f"Run {number} has learnt {task}, and the task of '{info.name}' is {info.task}.")
    if there and (seen := _seen(project, info, spec)):
        raise UsageError(
            f"Run {number} has trained on {seen:,} of the samples that '{info.name}' validates or tests on now: the "
            "splits were others then, and no figure would mean anything. Train that run again with the splits as they "
            "are, or choose another."
        )
    plugins.update(spec.plugins)
    return remembered_sha256(model)


def _seen(project: Project, info: DatasetInfo, spec: RunSpec) -> int:
    """How many of what is held out now the run has trained on; copies of what is trained on now do not count."""
    if (spec.dataset, spec.revision) == (info.name, info.revision):
        return 0
    now = project.manifest(info.name)
    try:
        then = project.manifest(spec.dataset, spec.revision)
    except DataError:  # its files are no longer where they were: nobody can tell
        return 0
    held_out = {*now.splits["val"].hashes, *now.splits["test"].hashes} - set(now.splits["train"].hashes)
    return len(held_out.intersection(then.splits["train"].hashes))
