"""A finished run's best model, from its folder back into memory."""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import TrainingError
from tlstudio.api.method import MethodContext
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.modules import (
    Classifier,
    MLPHead,
    Scaled,
    Segmenter,
    StandardizedLinear,
    average_frames,
)
from tlstudio.training.spec import RunSpec
from tlstudio.training.subject import Subject, from_description

MODEL_FILE, REBUILD_FILE = "model.safetensors", "model.json"


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """``model`` is in eval mode, float32, on the CPU: normalised inputs to outputs ``[N, K]`` or ``[N, C, H, W]``."""

    model: nn.Module
    spec: RunSpec
    subject: Subject
    descriptor: BackboneDescriptor
    rebuild: dict[str, Any]


def describe(model: nn.Module, descriptor: BackboneDescriptor, subject: Subject) -> dict[str, Any]:
    """How ``rebuild`` makes the network again. One that is not made of the parts here is rebuilt by its method."""
    head: dict[str, Any] = {"kind": "method"}
    if isinstance(model, Classifier) and isinstance(model.head, nn.Linear):
        head = {"kind": "linear", "features": model.head.in_features, "classes": model.head.out_features}
    elif isinstance(model, Classifier) and isinstance(model.head, StandardizedLinear):
        linear = model.head.linear
        head = {"kind": "standardized-linear", "features": linear.in_features, "classes": linear.out_features}
    elif isinstance(model, Classifier) and isinstance(model.head, MLPHead):
        features, hidden, classes = model.head.shape
        head = {"kind": "mlp", "features": features, "hidden": hidden, "classes": classes}
    elif isinstance(model, Segmenter):
        head = {"kind": "pixels", "levels": [level.name for level in model.levels], "classes": model.classes}
    if isinstance(getattr(model, "head", None), Scaled) and hasattr(model.head, "scale"):
        head["scaled"] = True
    return {
        "schema_version": 1,
        "backbone": descriptor.id,
        "head": head,
        "class_names": list(subject.info.class_names),
        **subject.description(),
    }


def rebuild(
    description: dict[str, Any],
    state: dict[str, torch.Tensor],
    registry: Registry,
    spec: RunSpec | None = None,
) -> nn.Module:
    """The network that ``description`` names, with ``state`` loaded. Raises ``TrainingError`` where they disagree."""
    descriptor = registry.backbone(description["backbone"])
    backbone, head = descriptor.load()(), description["head"]
    subject = from_description(description, registry)
    if "frames" in subject.parameters:
        average_frames(backbone, int(subject.parameters["frames"]))
    scaling = ((1.0,) * head["classes"], (0.0,) * head["classes"]) if head.get("scaled") else ((), ())
    model: nn.Module
    if head["kind"] == "linear":
        model = Classifier(backbone, nn.Linear(head["features"], head["classes"]))
    elif head["kind"] == "standardized-linear":
        model = Classifier(backbone, StandardizedLinear(head["features"], head["classes"], *scaling))
    elif head["kind"] == "mlp":
        model = Classifier(backbone, MLPHead(head["features"], head["hidden"], head["classes"], *scaling))
    elif head["kind"] == "pixels":
        levels = [level for level in descriptor.levels if level.name in head["levels"]]
        model = Segmenter(backbone, levels, head["classes"])
    elif spec is not None:
        model = _by_method(subject, backbone, descriptor, registry, spec)
    else:
        raise TrainingError("This model needs its method's plugin to be rebuilt; export it to ONNX instead.")
    missing, unexpected = model.load_state_dict(state, strict=False)
    if missing or unexpected:
        names = ", ".join([*missing, *unexpected][:6])
        raise TrainingError(
            f"The stored weights do not fit the network '{descriptor.id}' as its plugin builds it now ({names})."
        )
    return model.float().cpu().eval()


def _by_method(
    subject: Subject,
    backbone: nn.Module,
    descriptor: BackboneDescriptor,
    registry: Registry,
    spec: RunSpec,
) -> nn.Module:
    from tlstudio.api.descriptors import DatasetProfile

    names = subject.info.class_names
    method_descriptor = registry.method(spec.method)
    method = method_descriptor.load()()
    method.build(
        MethodContext(
            backbone=backbone,
            descriptor=descriptor,
            preprocessing=subject.preprocessing,
            options=method_descriptor.options.model_validate(spec.options),
            class_names=names,
            class_counts=subject.info.class_counts,
            task=subject.task.id,
            modality=subject.modality.id,
            objective=subject.make_objective(spec.options),
            profile=DatasetProfile(
                items=0,
                train_items=0,
                val_items=0,
                test_items=0,
                classes=len(names),
                smallest_class=0,
                largest_class=0,
            ),
            seed=spec.seed,
        )
    )
    predictor: nn.Module = method.predictor()
    return predictor


def publish_model(run_dir: Path, source: Path, description: dict[str, Any]) -> None:
    """Makes ``source`` the run's model, completely or not at all: by a second name for it, or, where the system has
    none, by a copy.
    """
    temporary = (run_dir / MODEL_FILE).with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    _replace(temporary, run_dir / MODEL_FILE)
    _write_description(run_dir, description)


def _write_description(run_dir: Path, description: dict[str, Any]) -> None:
    text = run_dir / "model.json.tmp"
    text.write_text(json.dumps(description, indent=2, ensure_ascii=False), encoding="utf-8")
    _replace(text, run_dir / REBUILD_FILE)


def _replace(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_model(project: Project, registry: Registry, run_id: int) -> LoadedModel:
    """Raises ``TrainingError`` where the run left no model, or a damaged one."""
    run_dir = project.run_dir(run_id)
    spec = RunSpec.load(run_dir)
    if not (run_dir / MODEL_FILE).exists():
        raise TrainingError(f"Run {run_id} has left no model: it ended before its first epoch was complete.")
    try:
        state = load_file(run_dir / MODEL_FILE)
        description = json.loads((run_dir / REBUILD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, SafetensorError) as error:
        raise TrainingError(f"The model of run {run_id} in {run_dir} cannot be read: {error}.") from error
    return LoadedModel(
        model=rebuild(description, state, registry, spec),
        spec=spec,
        subject=from_description(description, registry),
        descriptor=registry.backbone(spec.backbone),
        rebuild=description,
    )
