"""The classifier that pretrained weights came with: a linear layer on the backbone's features, where there is one.

Backbones go without it. What asks for the classes that a backbone was trained on (LEEP, NCE) finds it here again: in
the published checkpoint, in the model of a run, or beside imported weights.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import WeightsError
from tlstudio.weights import of_runs, store
from tlstudio.weights.resolving import NONE, ResolvedWeights

if TYPE_CHECKING:
    from torch import Tensor

_FOLDER = "heads"  # beside imported weights


@dataclasses.dataclass(frozen=True)
class SourceHead:
    """``features [N, D] @ weight.T + bias`` are the logits of the ``K`` classes; ``weight`` ``[K, D]``, float64."""

    weight: "Tensor"
    bias: "Tensor"


def of(descriptor: BackboneDescriptor, resolved: ResolvedWeights) -> SourceHead:
    """The classifier of these weights. Raises ``WeightsError`` with the reason where there is none."""
    from tlstudio.weights import checkpoint

    if resolved.id == NONE or resolved.path is None:
        raise WeightsError("Random weights were trained on no classes.")
    if of_runs.run_number(resolved.id) is not None:
        return _of_run(resolved)
    beside = resolved.path.parent / _FOLDER / resolved.path.name
    if resolved.path.is_relative_to(store.root()):
        if not beside.is_file():
            raise WeightsError(
                "Its classifier was not kept when the weights were imported, or is no linear layer; import them again."
            )
        return _checked(checkpoint.read_tensors(beside), descriptor)
    return _checked(linear_of(checkpoint.read_tensors(resolved.path), descriptor), descriptor)


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
        except (OSError, safetensors.SafetensorError):  # the backbone is there; only LEEP and NCE go without
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
    try:
        known = json.loads(resolved.path.with_name(of_runs.DESCRIPTION_FILE).read_text(encoding="utf-8"))
        task = known.get("task", "classification") if isinstance(known, dict) else ""
    except (OSError, ValueError):
        task = ""
    found = checkpoint.read_tensors(resolved.path)
    parts = [found.get(f"head.{name}") for name in ("linear.weight", "linear.bias", "mean", "std")]
    if task != "classification" or any(part is None for part in parts):
        raise WeightsError("The run's model has no linear classifier on the backbone's features.")
    weight, bias, mean, std = (part.double() for part in parts if part is not None)
    return SourceHead(weight / std, bias - (weight / std) @ mean)
