"""From a run's specification to everything that it works with: data, weights, method, machine."""

import dataclasses
from collections.abc import Generator
from typing import Any

import torch
from torch import nn

from tlstudio import recipes, weights
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.events import Event, Message, RuntimeChosen
from tlstudio.api.method import Method, MethodContext, SourceData
from tlstudio.api.phases import UNLABELLED, Data, Phase
from tlstudio.control import Control
from tlstudio.project import Manifest, Project
from tlstudio.registry import Registry
from tlstudio.training import models, promises, runtime, sides, subject, tensors
from tlstudio.training.modules import average_frames
from tlstudio.training.sides import Side
from tlstudio.training.spec import RunSpec
from tlstudio.weights import heads


@dataclasses.dataclass(frozen=True)
class Prepared:
    """``initial``: a digest of each tensor of ``model`` as it was built; what still equals it need not be saved.

    ``sides``: the data sets; ``manifest`` and ``subject`` are the target's.
    """

    sides: dict[Data, Side]
    manifest: Manifest
    descriptor: BackboneDescriptor
    weights: weights.ResolvedWeights
    subject: subject.Subject
    context: MethodContext
    method: Method
    model: nn.Module
    phases: list[Phase]
    runtime: runtime.Runtime
    initial: dict[str, str]


def prepare(
    control: Control, spec: RunSpec, project: Project, registry: Registry, saved_runtime: dict[str, Any] | None
) -> Generator[Event, None, Prepared]:
    """``saved_runtime``: what an interrupted run ran on. Raises ``StudioError`` where anything is missing."""
    torch.manual_seed(spec.seed)
    descriptor = registry.backbone(spec.backbone)
    backbone: nn.Module = descriptor.load()()
    resolved = weights.resolve(descriptor, spec.weights, project=project)
    resolved = yield from weights.ensure(descriptor, resolved, control)
    weights.load_into(backbone, descriptor, resolved)
    drawn = torch.default_generator.get_state()
    method_descriptor = registry.method(spec.method)
    options = method_descriptor.options.model_validate(spec.options)
    found = sides.of_run(
        project,
        registry,
        spec,
        method_descriptor,
        descriptor,
        resolved.preprocessing,
        options.model_dump(),
    )
    target = found["target"]
    what, manifest = target.subject, target.manifest
    if "frames" in what.parameters:
        average_frames(backbone, int(what.parameters["frames"]))
    teacher = None
    if spec.teacher:
        teacher = yield from models.teacher(control, spec, project, registry, target)
    context = MethodContext(
        backbone=backbone,
        descriptor=descriptor,
        preprocessing=resolved.preprocessing,
        options=options,
        class_names=what.info.class_names,
        class_counts=what.info.class_counts,
        task=what.task.id,
        profile=target.profile,
        seed=spec.seed,
        modality=what.modality.id,
        objective=target.objective,
        source=_source(spec, found),
        teacher=teacher,
        runs=tuple(models.finished(project, registry, number) for number in spec.runs),
        pretrained=resolved.id != weights.NONE,
        source_head=heads.layer(descriptor, resolved, spec.method) if method_descriptor.source_classes else None,
        unlabelled=len(manifest.splits[UNLABELLED].paths) if UNLABELLED in manifest.splits else 0,
    )
    torch.default_generator.set_state(drawn)  # as if nobody else had been built meanwhile
    notes = list(context.objective.notes)
    if spec.recipe is not None:
        notes.append(recipes.sentence(spec.recipe, spec.options, method_descriptor))
    if spec.select_by != what.task.select_by:
        title = next((metric.title for metric in registry.metrics() if metric.id == spec.select_by), spec.select_by)
        notes.append(f"The best model is chosen by {title.lower()} on the validation split.")
    if teacher is not None:
        notes.append(f"The teacher is {teacher.title} ({teacher.descriptor.title}).")
    for note in () if saved_runtime else notes:  # a run that goes on has said it
        yield Message(text=note)
    method: Method = method_descriptor.load()()
    model = method.build(context)
    promises.check_module(spec.method, model, "build")
    phases = method.phases(context)
    promises.check_phases(spec.method, method, model, phases, what.modality, found)
    promises.check_module(spec.method, method.predictor(), "predictor")
    initial = tensors.digests(model)
    chosen = _runtime(spec, descriptor, what, context, phases, saved_runtime)
    deterministic = spec.runtime.deterministic
    # Not use_deterministic_algorithms, which sets the same and imports torch's compiler to tell it too.
    torch.set_deterministic_debug_mode("warn" if deterministic else "default")
    yield RuntimeChosen(
        device=chosen.device_name,
        precision=chosen.precision,
        memory_format=chosen.format_name,
        workers=chosen.workers,
        threads=chosen.threads,
        reason=chosen.reason,
        resumes=chosen.resumes(deterministic),
    )
    chosen.place(model)
    chosen.place(method.predictor())
    return Prepared(found, manifest, descriptor, resolved, what, context, method, model, phases, chosen, initial)


def _source(spec: RunSpec, found: dict[Data, Side]) -> SourceData | None:
    if spec.source is None:
        return None
    side = found["source"]
    return SourceData(
        dataset=spec.source.dataset,
        objective=side.objective,
        class_names=side.subject.info.class_names,
        class_counts=side.subject.info.class_counts,
        task=side.subject.task.id,
        modality=side.subject.modality.id,
        profile=side.profile,
    )


def _runtime(
    spec: RunSpec,
    descriptor: BackboneDescriptor,
    what: subject.Subject,
    context: MethodContext,
    phases: list[Phase],
    saved: dict[str, Any] | None,
) -> runtime.Runtime:
    if saved and (found := runtime.again(saved, spec.runtime)):
        return found
    samples = [p for p in phases if not p.compute and not on_features(p)]
    size = runtime.sizes(what.example(1), descriptor)
    return runtime.choose(
        spec.runtime,
        context.backbone,
        example=what.example,
        crop=size.crop,
        gflops=size.gflops,
        training=bool(samples),
        name=descriptor.id,
        batch_size=samples[0].streams[0].batch_size if samples else 32,
    )


def planned_steps(phases: list[Phase], found: dict[Data, Side]) -> int:
    """Optimizer steps over all phases, before early stopping."""
    steps = 0
    for phase in phases:
        if phase.solve or phase.compute:
            continue
        stream = phase.streams[0]
        split = "train" if stream.made or stream.relabelled else stream.split
        splits = found[stream.data].manifest.splits
        count = len(splits[split].paths) if split in splits else 0
        if stream.fold:
            count -= count // stream.fold[1]
        batches = max(1, count // stream.batch_size)
        steps += phase.epochs * -(-batches // phase.accumulate)
    return steps


def on_features(phase: Phase) -> bool:
    """Whether the phase needs cached features alone."""
    return phase.solve or (not phase.compute and all(stream.features for stream in phase.streams))
