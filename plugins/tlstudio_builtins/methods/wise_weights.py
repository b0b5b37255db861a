"""Averages of networks of one shape: their weights, and the statistics of batch norm that such a network needs."""

import json
import os
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tlstudio.api import FinishedRun, MethodContext, TrainingError
from tlstudio.api.events import Event
from tlstudio.api.tools import Tools
from tlstudio.seeding import permutation
from tlstudio.training.modules import StandardizedLinear

State = Mapping[str, torch.Tensor]
_MEMORY = 512_000_000  # bytes of inputs that are kept for the statistics
_LOOKED_AT = 8  # samples, for the size of one
_BATCH = 64
_DECIDES = {"classification": "accuracy", "multilabel": "f1_macro", "regression": "mae", "segmentation": "miou"}
_LOWER = ("loss", "mae", "rmse")
_LOPSIDED = 5.0  # largest class to smallest, from which on every class counts the same


def combined(states: Sequence[State], shares: Sequence[float]) -> dict[str, torch.Tensor]:
    """``Σ shareᵢ · stateᵢ``, summed in float64; whole numbers (such as counters) are those of the last."""
    mixed: dict[str, torch.Tensor] = {}
    for name, last in states[-1].items():
        if not last.is_floating_point():
            mixed[name] = last.clone()
            continue
        parts = [share * state[name].cpu().double() for state, share in zip(states, shares, strict=True) if share]
        mixed[name] = torch.stack(parts).sum(0).to(last.dtype) if parts else torch.zeros_like(last)
    return mixed


def like(head: StandardizedLinear, other: StandardizedLinear) -> dict[str, torch.Tensor]:
    """The state of a head that answers as ``head`` does, in ``other``'s standardisation and units."""
    weight, bias = head.linear.weight.detach().double(), head.linear.bias.detach().double()
    mean, std = head.mean.double(), head.std.double()
    new_weight = weight * (other.std.double() / std)
    new_bias = bias + (weight / std) @ (other.mean.double() - mean)
    (scale, shift), (new_scale, new_shift) = (
        tuple(torch.tensor(part, dtype=torch.float64) for part in one.scaling()) for one in (head, other)
    )
    if len(scale):
        new_weight = new_weight * (scale / new_scale).unsqueeze(1)
        new_bias = (new_bias * scale + shift - new_shift) / new_scale
    state = {name: tensor.detach().clone() for name, tensor in other.state_dict().items()}
    return {**state, "linear.weight": new_weight.float(), "linear.bias": new_bias.float()}


class Samples:
    """Training inputs ``[N, ...]``, kept in memory, with which the statistics of batch norm are taken anew."""

    def __init__(self, inputs: torch.Tensor, seed: int, whole_numbers: bool = False) -> None:
        order = torch.tensor(permutation(len(inputs), seed, "batch-norm"))
        self._inputs = inputs[order]  # a batch of one class would have the statistics of that class
        self._whole = whole_numbers

    @torch.no_grad()
    def reestimate(self, model: nn.Module, device: torch.device) -> None:
        """Mean over the batches of their means and variances, each batch normalised by its own (Izmailov et al.:
        Averaging Weights Leads to Wider Optima and Better Generalization, UAI 2018, section 3.2). In place.
        """
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
        if not norms or len(self._inputs) < 2:
            return
        model.to(device).eval()
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
            norm.train()
        batches = torch.split(self._inputs, _BATCH)
        if len(batches) > 1 and len(batches[-1]) < _BATCH:
            batches = batches[:-1]
        for batch in batches:
            model(batch.to(device).long() if self._whole else batch.to(device).float())
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.eval()


def statistics_differ(models: Sequence[nn.Module]) -> bool:
    """Whether the running statistics of batch norm are not the same in all of them."""
    buffers = [
        [
            b.cpu()
            for m in model.modules()
            if isinstance(m, _BatchNorm)
            for b in (m.running_mean, m.running_var)
            if b is not None
        ]
        for model in models
    ]
    return any(
        not torch.equal(one, first) for other in buffers[1:] for first, one in zip(buffers[0], other, strict=True)
    )


def samples(tools: Tools, model: nn.Module, modality: str) -> Generator[Event, None, Samples | None]:
    """Training inputs, as many as fit, of every class; ``None`` where ``model`` has no batch norm."""
    if not any(isinstance(module, _BatchNorm) for module in model.modules()):
        return None
    count = len(tools.items("train"))
    few = yield from tools.outputs(nn.Identity(), "train", fold=(0, max(1, count // _LOOKED_AT)), reduce=_compact)
    size = 2 * few.rows[0].numel() if len(few.rows) else 1
    folds = max(1, -(-count * size // _MEMORY))
    found = yield from tools.outputs(nn.Identity(), "train", fold=(0, folds) if folds > 1 else None, reduce=_compact)
    return Samples(found.rows, tools.seed, modality == "text")


def _compact(inputs: torch.Tensor) -> torch.Tensor:
    return inputs.half()


def shape_problem(run: FinishedRun, model: nn.Module) -> str:
    """A sentence where a run's network is not one like ``model``; empty otherwise."""
    own, wanted = run.module.state_dict(), model.state_dict()
    if {n: t.shape for n, t in own.items()} == {n: t.shape for n, t in wanted.items()} and run.start is not None:
        return ""
    return (
        f"The network of run {run.run} ({run.method}, {run.backbone}) is not the backbone of this run with the head of "
        "this data set. Choose runs of fine-tuning, and their backbone."
    )


def same_start(one: nn.Module | None, other: nn.Module | None) -> bool:
    """Whether two backbones began with the same numbers."""
    if one is None or other is None:
        return False
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[n].cpu(), second[n].cpu()) for n in first)


def deciding(context: MethodContext) -> str:
    """The metric that chooses; where the classes are lopsided, one that counts each of them the same."""
    p = context.profile
    if context.task == "classification" and p.smallest_class and p.largest_class > _LOPSIDED * p.smallest_class:
        return "balanced_accuracy"
    return _DECIDES.get(context.task, "loss")


def rank(values: Mapping[str, float], metric: str) -> tuple[float, float]:
    """Larger is better: the metric, then the lower loss."""
    name = metric if metric in values else "loss"
    value = values.get(name, float("-inf"))
    return (-value if name in _LOWER else value), -values.get("loss", 0.0)


def measured(
    model: nn.Module, tools: Tools, shifted: bool
) -> Generator[Event, None, tuple[dict[str, float], dict[str, float]]]:
    """What ``model`` reaches on the validation split, and on that of the shifted data."""
    found = yield from tools.outputs(model, "val")
    if not len(found.rows):
        raise TrainingError("There are no validation samples, which must say what weights are good. Split the data.")
    own = tools.score(found)
    if not shifted:
        return own, {}
    other = yield from tools.outputs(model, "val", data="source")
    return own, tools.score(other, data="source") if len(other.rows) else {}


def prefixed(values: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in values.items()}


def write(folder: Path, name: str, content: dict[str, Any]) -> None:
    """``name`` in a run's folder, completely or not at all."""
    temporary = folder / f"{name}.tmp"
    temporary.write_text(json.dumps({"schema_version": 1, **content}, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(temporary, folder / name)
