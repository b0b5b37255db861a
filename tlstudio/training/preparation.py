"""From a run's specification to everything that it works with: data, weights, method, machine."""

import dataclasses
from collections.abc import Generator
from typing import Any

import torch
from torch import nn

from tlstudio import weights
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event, Message, RuntimeChosen
from tlstudio.api.method import Method, MethodContext, Phase
from tlstudio.control import Control
from tlstudio.project import Manifest, Project
from tlstudio.registry import Registry
from tlstudio.training import runtime, subject, tensors
from tlstudio.training.modules import average_frames
from tlstudio.training.spec import RunSpec


@dataclasses.dataclass(frozen=True)
class Prepared:
    """``initial``: a digest of each tensor of ``model`` as it was built; what still equals it need not be saved."""

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
    manifest = project.manifest(spec.dataset, spec.revision)
    if manifest.fingerprint != spec.data_fingerprint:
        raise TrainingError(
            f"Revision {spec.revision} of the data set '{spec.dataset}' is not what it was when this run was created: "
            "its pictures, labels or splits are others. Create a new run for the data as they are now."
        )
    torch.manual_seed(spec.seed)
    descriptor = registry.backbone(spec.backbone)
    backbone: nn.Module = descriptor.load()()
    resolved = weights.resolve(descriptor, spec.weights)
    resolved = yield from weights.ensure(descriptor, resolved, control)
    weights.load_into(backbone, descriptor, resolved)
    method_descriptor = registry.method(spec.method)
    what = subject.of_manifest(manifest, registry, descriptor, resolved.preprocessing)
    if "frames" in what.parameters:
        average_frames(backbone, int(what.parameters["frames"]))
    options = method_descriptor.options.model_validate(spec.options)
    settings = {**options.model_dump(), "items": len(manifest.splits["train"].paths)}
    context = MethodContext(
        backbone=backbone,
        descriptor=descriptor,
        preprocessing=resolved.preprocessing,
        options=options,
        class_names=manifest.class_names,
        class_counts=what.info.class_counts,
        task=what.task.id,
        profile=project.dataset(spec.dataset).profile,
        seed=spec.seed,
        modality=what.modality.id,
        objective=what.make_objective(settings),
    )
    for note in context.objective.notes:
        yield Message(text=note)
    method: Method = method_descriptor.load()()
    model = method.build(context)
    phases = method.phases(context)
    initial = tensors.digests(model)
    chosen = _runtime(spec, descriptor, what, context, phases, saved_runtime)
    deterministic = spec.runtime.deterministic
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
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
    return Prepared(manifest, descriptor, resolved, what, context, method, model, phases, chosen, initial)


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
    samples = [p for p in phases if not p.solve and not all(s.features for s in p.streams)]
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


def planned_steps(phases: list[Phase], manifest: Manifest) -> int:
    """Optimizer steps over all phases, before early stopping."""
    steps = 0
    for phase in phases:
        if not phase.solve:
            stream = phase.streams[0]
            batches = max(1, len(manifest.splits[stream.split].paths) // stream.batch_size)
            steps += phase.epochs * -(-batches // phase.accumulate)
    return steps


def on_features(phase: Phase) -> bool:
    """Whether the phase needs cached features alone."""
    return phase.solve or all(stream.features for stream in phase.streams)
