"""Trained networks that a run is given: a teacher, and finished runs that it begins from."""

import copy
from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch import nn

from tlstudio import weights
from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event
from tlstudio.api.method import FinishedRun, Teacher
from tlstudio.api.phases import SolveData
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.run_inputs import RUN
from tlstudio.training import frozen, restore, subject
from tlstudio.training.modules import Classifier, StandardizedLinear
from tlstudio.training.predict import check_read
from tlstudio.training.sides import Side
from tlstudio.training.spec import RunSpec
from tlstudio.weights.hashing import remembered_sha256


class Reordered(nn.Module):
    """A network's outputs ``[N, K]`` or ``[N, K, H, W]`` in another order of the classes."""

    order: torch.Tensor

    def __init__(self, network: nn.Module, order: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("order", torch.tensor(order))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.network(x)
        return outputs.index_select(1, self.order)


def teacher(
    control: Control, spec: RunSpec, project: Project, registry: Registry, target: Side
) -> Generator[Event, None, Teacher]:
    """The one that the run names. Raises ``TrainingError`` where it is not what it was, or knows other classes."""
    number = spec.teacher.removeprefix(RUN)
    if number.isdigit():
        _unchanged(project.run_dir(int(number)) / restore.MODEL_FILE, spec)
        loaded = restore.load_model(project, registry, int(number))
        what, title = loaded.subject, f"run {number}"
        made = Teacher(
            title=title,
            module=_in_order(loaded.model, what.info.class_names, target, title),
            descriptor=loaded.descriptor,
            preprocessing=what.preprocessing,
        )
    elif Path(spec.teacher).suffix == ".safetensors":
        made = _of_file(spec, registry, target)
    else:
        made = yield from _of_backbone(control, spec, project, registry, target)
    made.module.requires_grad_(False).eval()
    return made


def finished(project: Project, registry: Registry, number: int) -> FinishedRun:
    """Raises ``StudioError`` where it has no model that can be built again."""
    loaded, run = restore.load_model(project, registry, number), project.run(number)
    start: nn.Module | None = None
    if isinstance(getattr(loaded.model, "backbone", None), nn.Module):
        resolved = weights.resolve(loaded.descriptor, loaded.spec.weights, project=project)
        start = copy.deepcopy(loaded.model)
        start.backbone = frozen.pretrained(loaded.descriptor, resolved, loaded.subject, loaded.spec.seed)
        start.eval()
    return FinishedRun(
        run=number,
        module=loaded.model,
        method=loaded.spec.method,
        backbone=loaded.spec.backbone,
        weights=loaded.spec.weights,
        metrics=run.metrics,
        start=start,
    )


def _unchanged(path: Path, spec: RunSpec) -> None:
    if not path.is_file() or remembered_sha256(path) != spec.teacher_sha256:
        raise TrainingError(
            f"The teacher's model {path} is not what it was when run {spec.run} was created. Bring it back, or create "
            "a new run."
        )


def _in_order(model: nn.Module, names: Sequence[str], target: Side, title: str) -> nn.Module:
    wanted = target.subject.info.class_names
    if tuple(names) == tuple(wanted):
        return model
    if sorted(names) != sorted(wanted):
        raise TrainingError(
            f"The teacher ({title}) knows other classes ({', '.join(list(names)[:6])}) than this data set "
            f"({', '.join(wanted[:6])}). Choose a teacher that was trained on the same ones."
        )
    return Reordered(model, [list(names).index(name) for name in wanted])


def _of_file(spec: RunSpec, registry: Registry, target: Side) -> Teacher:
    from tlstudio.prediction.loading import load_predictor

    path = Path(spec.teacher)
    _unchanged(path, spec)
    predictor = load_predictor(path, registry)
    card, model = predictor.card, getattr(predictor, "model", None)
    if not isinstance(model, nn.Module):
        raise TrainingError(f"The teacher {path} cannot be used for training; export it as safetensors.")
    return Teacher(
        title=path.name,
        module=_in_order(model, card.class_names, target, path.name),
        descriptor=registry.backbone(card.rebuild["backbone"]),
        preprocessing=card.preprocessing,
    )


def _of_backbone(
    control: Control, spec: RunSpec, project: Project, registry: Registry, target: Side
) -> Generator[Event, None, Teacher]:
    """With the best linear head on its frozen features, fitted now."""
    name, _, weights_id = spec.teacher.partition(":")
    descriptor = registry.backbone(name)
    resolved = weights.resolve(descriptor, weights_id, project=project)
    resolved = yield from weights.ensure(descriptor, resolved, control)
    what = subject.of_manifest(target.manifest, registry, descriptor, resolved.preprocessing)
    objective = what.make_objective({})
    if not objective.solvable:
        raise TrainingError(
            f"A backbone with a fitted head can be no teacher for {what.task.title.lower()}: there is no best linear "
            "head. Name a finished run instead."
        )
    folder = project.path / "cache" / "features"
    backbone = frozen.load(descriptor, resolved, what, spec.runtime, folder, spec.seed)
    rows: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name in ("train", "val"):
        split = target.manifest.splits[name]
        yield from backbone.compute([split], control)
        features, kept = backbone.rows(split)
        check_read(kept, split.paths, what.modality.noun[1])
        rows[name] = features, what.targets_of(split)[torch.tensor(kept, dtype=torch.int64)]
    head = objective.head(descriptor.feature_dim)
    assert isinstance(head, StandardizedLinear)
    for _ in objective.solve(head, SolveData(train=rows["train"], val=rows["val"], seed=spec.seed), 0.0, "natural"):
        control.raise_if_leaving()
    return Teacher(
        title=f"{descriptor.id} with a fitted head",
        module=Classifier(backbone.network, head),
        descriptor=descriptor,
        preprocessing=resolved.preprocessing,
    )
