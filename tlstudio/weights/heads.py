"""The classifier that pretrained weights came with: a linear layer on the backbone's features, where there is one.

Backbones go without it. What asks for the classes that a backbone was trained on (LEEP, NCE, Co-Tuning) finds it here
again: in the published checkpoint, in the model of a run, or beside imported weights.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import WeightsError
from tlstudio.weights import of_runs, store
from tlstudio.weights.resolving import NONE, ResolvedWeights

if TYPE_CHECKING:
    from torch import Tensor, nn

_FOLDER = "heads"  # beside imported weights
_RANDOM = "Random weights were trained on no classes."
_NOT_KEPT = "Its classifier was not kept when the weights were imported, or is no linear layer; import them again."
_NOT_LINEAR = "The run's model has no linear classifier on the backbone's features."


@dataclasses.dataclass(frozen=True)
class SourceHead:
    """``features [N, D] @ weight.T + bias`` are the logits of the ``K`` classes; ``weight`` ``[K, D]``, float64."""

    weight: "Tensor"
    bias: "Tensor"


def of(descriptor: BackboneDescriptor, resolved: ResolvedWeights) -> SourceHead:
    """The classifier of these weights. Raises ``WeightsError`` with the reason where there is none."""
    from tlstudio.weights import checkpoint

    if resolved.id == NONE or resolved.path is None:
        raise WeightsError(_RANDOM)
    if of_runs.run_number(resolved.id) is not None:
        return _of_run(resolved)
    beside = resolved.path.parent / _FOLDER / resolved.path.name
    if resolved.path.is_relative_to(store.root()):
        if not beside.is_file():
            raise WeightsError(_NOT_KEPT)
        return _checked(checkpoint.read_tensors(beside), descriptor)
    return _checked(linear_of(checkpoint.read_tensors(resolved.path), descriptor), descriptor)


def missing(descriptor: BackboneDescriptor, resolved: ResolvedWeights) -> str:
    """Why these weights have no classifier, as far as that can be seen without torch; empty otherwise."""
    if resolved.id == NONE:
        return _RANDOM
    if of_runs.run_number(resolved.id) is not None:
        return "" if resolved.path is None or _is_linear(_described(resolved.path)) else _NOT_LINEAR
    if resolved.path is not None and resolved.path.is_relative_to(store.root()):
        return "" if (resolved.path.parent / _FOLDER / resolved.path.name).is_file() else _NOT_KEPT
    if not descriptor.head_prefixes:
        return f"The weights '{resolved.id}' of {descriptor.title} come without their classifier."
    return ""


def refuse(descriptor: BackboneDescriptor, resolved: ResolvedWeights, method: str) -> None:
    """Raises ``WeightsError`` for ``method``, which needs the classifier, where it is :func:`missing`."""
    if reason := missing(descriptor, resolved):
        raise WeightsError(_needed(method, reason))


def layer(descriptor: BackboneDescriptor, resolved: ResolvedWeights, method: str) -> "nn.Linear":
    """The classifier as a layer ``[K, D]`` in float32, for ``method``. Raises ``WeightsError`` where there is none."""
    import torch

    try:
        head = of(descriptor, resolved)
    except WeightsError as error:
        raise WeightsError(_needed(method, str(error))) from error
    made = torch.nn.Linear(head.weight.shape[1], head.weight.shape[0])
    made.load_state_dict({"weight": head.weight.float(), "bias": head.bias.float()})
    return made


def _needed(method: str, reason: str) -> str:
    return (
        f"'{method}' needs the classifier that the backbone's weights came with. {reason} Choose weights that have one "
        "(published for photographs, imported with their last layer, or of a run), or fine-tuning."
    )


def linear_of(found: "Mapping[str, Tensor]", descriptor: BackboneDescriptor) -> "dict[str, Tensor]":
    """``weight`` and ``bias`` of the one linear layer among a checkpoint's classifier; empty where there is none."""
    pairs = []
    for name, weight in found.items():
        inner = _unwrapped(name)
        if not inner.startswith(descriptor.head_prefixes or ("\0",)) or not name.endswith(".weight"):
            continue
        bias = found.get(f"{name.removesuffix('.weight')}.bias")
        if weight.ndim == 2 and weight.shape[1] == descriptor.feature_dim and bias is not None:
            pairs.append({"weight": weight, "bias": bias})
    return pairs[0] if len(pairs) == 1 else {}


def keep(found: "Mapping[str, Tensor]", descriptor: BackboneDescriptor, target: Path) -> None:
    """Stores the classifier beside the imported weights ``target``, where there is a linear one."""
    import safetensors.torch

    place = target.parent / _FOLDER / target.name
    place.unlink(missing_ok=True)  # of weights of the same name that were deleted
    if head := linear_of(found, descriptor):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            safetensors.torch.save_file({name: t.float().contiguous().clone() for name, t in head.items()}, place)
        except (OSError, safetensors.SafetensorError):  # the backbone is there; what asks for it goes without
            place.unlink(missing_ok=True)


def _unwrapped(name: str) -> str:
    from tlstudio.weights.matching import PREFIXES

    for _ in range(8):
        prefix = next((p for p in PREFIXES if name.startswith(p)), "")
        if not prefix:
            break
        name = name.removeprefix(prefix)
    return name


def _checked(head: "Mapping[str, Tensor]", descriptor: BackboneDescriptor) -> SourceHead:
    import torch

    if not {"weight", "bias"} <= head.keys():
        raise WeightsError(
            "The weights hold no linear classifier on the backbone's features, whose probabilities could be asked for."
        )
    weight, bias = head["weight"].double(), head["bias"].double()
    fits = weight.ndim == 2 and weight.shape[1] == descriptor.feature_dim and bias.shape == weight.shape[:1]
    if not fits or not bool(torch.isfinite(weight).all() and torch.isfinite(bias).all()):
        raise WeightsError("The classifier of these weights is damaged, or of another backbone; import them again.")
    return SourceHead(weight, bias)


def _of_run(resolved: ResolvedWeights) -> SourceHead:
    """Its head is linear on standardised features: both become one layer."""
    from tlstudio.weights import checkpoint

    assert resolved.path is not None
    known = _described(resolved.path)
    found = checkpoint.read_tensors(resolved.path)
    parts = [found.get(f"head.{name}") for name in ("linear.weight", "linear.bias", "mean", "std")]
    if known.get("task", "classification") != "classification" or any(part is None for part in parts):
        raise WeightsError(_NOT_LINEAR)
    weight, bias, mean, std = (part.double() for part in parts if part is not None)
    return SourceHead(weight / std, bias - (weight / std) @ mean)


def _described(model: Path) -> dict[str, Any]:
    """What a run says of its model; a task that is none where that cannot be read."""
    try:
        known = json.loads(model.with_name(of_runs.DESCRIPTION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    return known if isinstance(known, dict) else {"task": ""}


def _is_linear(known: Mapping[str, Any]) -> bool:
    head = known.get("head")
    kind = head.get("kind") if isinstance(head, dict) else ""
    return known.get("task", "classification") == "classification" and kind == "standardized-linear"
