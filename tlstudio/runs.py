"""Planning a run: every reason why it could not work is found here, before anything starts."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tlstudio import recipes, run_inputs, weights
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.method import MethodDescriptor
from tlstudio.api.options import Options, parse_options
from tlstudio.api.task import TaskDescriptor
from tlstudio.project import DatasetInfo, Project, Run
from tlstudio.registry import Registry
from tlstudio.training.spec import ChosenRecipe, RunSpec, RuntimePreferences
from tlstudio.weights import heads

LOPSIDED = 5.0  # largest class to smallest, from which on every class counts the same when the model is chosen


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """A run that has been checked and can be created."""

    dataset: DatasetInfo
    backbone: BackboneDescriptor
    weights: "weights.ResolvedWeights"
    method: MethodDescriptor
    options: Options
    seed: int
    engine: str
    runtime: RuntimePreferences
    plugins: dict[str, str]
    select_by: str
    inputs: run_inputs.RunInputs = dataclasses.field(default_factory=run_inputs.RunInputs)
    recipe: ChosenRecipe | None = None


def plan_run(
    project: Project,
    registry: Registry,
    *,
    dataset: str,
    backbone: str,
    method: str,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    weights_id: str = "",
    engine: str = "local",
    runtime: RuntimePreferences | None = None,
    source: str = "",
    teacher: str = "",
    unlabelled: str = "",
    labels_per_class: int = 0,
    runs: Sequence[int] = (),
    recipe: str = "",
) -> RunPlan:
    """Checks everything. ``backbone`` may name imported weights, alone or as ``backbone:name``. ``source`` and
    ``unlabelled`` are data sets; ``teacher``: ``run:3``, a model file, or a backbone. ``recipe``: of the method, for
    the options that ``options`` leaves out.

    Raises ``UsageError`` (unknown ids, unsupported combinations), ``OptionsError``, ``DataError``, ``WeightsError``.
    """
    info = project.dataset(dataset)
    descriptor, named = weights.split_backbone(registry, backbone, project)
    chosen = registry.method(method)
    task, modality = registry.task(info.task), registry.modality(info.modality)
    if descriptor.modality not in modality.backbones:
        raise UsageError(f"The backbone '{descriptor.id}' takes {descriptor.modality}, not {info.modality}.")
    if info.modality not in task.modalities:
        raise UsageError(f"'{task.title}' is learnt of {' or '.join(task.modalities)}, not of {info.modality}.")
    if task.label == "mask" and not descriptor.levels:
        raise UsageError(
            f"The backbone '{descriptor.id}' names no feature levels, and a class for each pixel needs them."
        )
    for what in (descriptor, chosen):
        if reason := what.supports(info.task, info.modality, info.profile):
            raise UsageError(f"'{what.id}' cannot be used with the data set '{info.name}'. {reason}")
    if task.classes and len(info.class_names) < 2:
        raise UsageError(
            f"The data set '{info.name}' has no labels to learn from; it can be given to a method as '--unlabelled'."
            if len(info.class_names) == 1 and task.label == "class"
            else f"The data set '{info.name}' has fewer than two classes."
        )
    if not info.split_counts.get("train"):
        raise DataError(f"The data set '{info.name}' has nothing to train on.")
    if not info.root_found:
        raise DataError(
            f"The {modality.noun[1]} of '{info.name}' are no longer in {info.root}. If they were moved, say where: "
            f"tlstudio data relocate PROJECT {info.name} FOLDER."
        )
    registry.engine(engine)
    inputs = run_inputs.check(
        project,
        registry,
        chosen,
        info,
        descriptor,
        source=source,
        teacher=teacher,
        unlabelled=unlabelled,
        labels_per_class=labels_per_class,
        runs=runs,
    )
    owners = {
        plugin.name: plugin.version
        for plugin in (
            registry.owner("backbones", descriptor.id),
            registry.owner("methods", chosen.id),
            registry.owner("engines", engine),
            registry.owner("tasks", task.id),
            registry.owner("modalities", modality.id),
            *(registry.owner("metrics", metric.id) for metric in registry.metrics()),
        )
    }
    resolved = weights.resolve(descriptor, weights_id or named, project=project)
    if chosen.source_classes:
        heads.refuse(descriptor, resolved, chosen.id)
    filled = recipes.fill(chosen, recipe, recipes.facts_of(project, info, descriptor, resolved)) if recipe else None
    return RunPlan(
        dataset=info,
        backbone=descriptor,
        weights=resolved,
        method=chosen,
        options=parse_options(chosen.options, {**(filled.values if filled else {}), **(options or {})}),
        seed=seed,
        engine=engine,
        runtime=runtime or RuntimePreferences(),
        plugins={**inputs.plugins, **owners},
        select_by=select_by(task, info),
        inputs=inputs,
        recipe=recipes.chosen_in(filled) if filled else None,
    )


def select_by(task: TaskDescriptor, info: DatasetInfo) -> str:
    """The task's metric; where the training split's classes are lopsided, one that counts each of them the same."""
    counts = [n for split in info.class_split_counts.values() if (n := split.get("train", 0))]
    lopsided = task.label == "class" and counts and max(counts) > LOPSIDED * min(counts)
    return "balanced_accuracy" if lopsided else task.select_by


def create_run(project: Project, registry: Registry, *, queued: bool = False, batch: int = 0, **request: Any) -> Run:
    """``plan_run`` with the same arguments, then the run's folder and row, ready for ``jobs.start_run``.

    ``queued``: it takes its place at the end of the queue. ``batch``: the first run of the sweep that it belongs to.
    """
    return create_planned(project, plan_run(project, registry, **request), queued=queued, batch=batch)


def create_planned(project: Project, plan: RunPlan, *, queued: bool = False, batch: int = 0) -> Run:
    """Likewise, for a run that has been checked."""
    spec = spec_of(project, plan, run_id=0)
    return project.create_run(lambda run_id: spec.model_copy(update={"run": run_id}), queued=queued, batch=batch)


def spec_of(project: Project, plan: RunPlan, run_id: int) -> RunSpec:
    """What the run is to do, for its ``spec.json``."""
    return RunSpec(
        run=run_id,
        project=str(project.path),
        dataset=plan.dataset.name,
        revision=plan.dataset.revision,
        data_fingerprint=project.manifest(plan.dataset.name).fingerprint,
        backbone=plan.backbone.id,
        weights=plan.weights.id,
        method=plan.method.id,
        options=plan.options.model_dump(mode="json"),
        seed=plan.seed,
        engine=plan.engine,
        runtime=plan.runtime,
        plugins=plan.plugins,
        select_by=plan.select_by,
        source=plan.inputs.source,
        unlabelled=plan.inputs.unlabelled,
        labels_per_class=plan.inputs.labels_per_class,
        teacher=plan.inputs.teacher,
        teacher_sha256=plan.inputs.teacher_sha256,
        runs=plan.inputs.runs,
        recipe=plan.recipe,
    )
