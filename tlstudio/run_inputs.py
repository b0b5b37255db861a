"""What a run is given beside its data set and its backbone, checked when it is planned. No torch here."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from tlstudio import weights
from tlstudio.api.errors import StudioError, UsageError
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
    if labels_per_class and registry.task(info.task).label != "class":
        raise UsageError(f"Labels can be hidden by class only; the task of '{info.name}' is {info.task}.")
    other = _source(project, registry, method, info, source, plugins) if source else None
    pool = _pool(project, info, unlabelled) if unlabelled else None
    name, sha256 = _teacher(project, registry, info, teacher, plugins) if teacher else ("", "")
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


def _as_it_is(project: Project, name: str) -> OtherData:
    manifest = project.manifest(name)
    return OtherData(dataset=name, revision=manifest.revision, fingerprint=manifest.fingerprint)


def _source(
    project: Project,
    registry: Registry,
    method: MethodDescriptor,
    info: DatasetInfo,
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
        return f"{RUN}{int(number)}", _finished(project, info, int(number), plugins)
    path = Path(text).expanduser()
    if path.is_file():
        if path.suffix != ".safetensors":
            raise UsageError(f"The teacher {path.name} must be a model that was exported as safetensors.")
        from tlstudio.weights.hashing import remembered_sha256

        return str(path.resolve()), remembered_sha256(path)
    try:
        descriptor, named = weights.split_backbone(registry, text, project)
        resolved = weights.resolve(descriptor, named, project)
    except StudioError as error:
        raise UsageError(
            f"The teacher '{text}' is no run (run:3), no model file and no backbone that can be used. {error}"
        ) from error
    owner = registry.owner("backbones", descriptor.id)
    plugins[owner.name] = owner.version
    return f"{descriptor.id}:{resolved.id}", resolved.sha256


def _finished(project: Project, info: DatasetInfo, number: int, plugins: dict[str, str]) -> str:
    """The SHA-256 of the model of a run that has one for the same task."""
    from tlstudio.weights.hashing import remembered_sha256

    run = project.run(number)
    model = run.dir / "model.safetensors"
    if not model.is_file() or run.state != "finished":
        raise UsageError(f"Run {number} cannot be built upon: it is {run.state}, and only finished runs can.")
    spec = RunSpec.load(run.dir)
    task = project.dataset(spec.dataset).task if spec.dataset in {d.name for d in project.datasets()} else info.task
    if task != info.task:
        raise UsageError(f"Run {number} has learnt {task}, and the task of '{info.name}' is {info.task}.")
    plugins.update(spec.plugins)
    return remembered_sha256(model)
