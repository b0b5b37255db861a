"""The terms of the joint objective, and what it gained over the target alone."""

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import nn

from tlstudio.api import Outputs
from tlstudio_builtins.methods.joint_options import Course

_RESAMPLES, _FEW_RESAMPLES = 1000, 100  # the few: where each takes all metrics of the task
_METRICS = {"classification": ("accuracy", 1.0), "multilabel": ("f1_macro", 1.0), "regression": ("mae", -1.0)}


def weights(course: Course, weight: float, step: int, steps: int) -> tuple[float, float]:
    """Of the source's and the target's loss at optimizer step ``step`` (from 0) of ``steps``."""
    share = step / max(1, steps - 1)
    if course == "linear":
        return 1.0, weight * share
    return (1.0 - share if course == "source-decay" else 1.0), weight


def pull(one: nn.Module, other: nn.Module) -> torch.Tensor:
    """Half the squared distance of the parameters of two networks of the same shape: ``‖θ' - θ‖² / 2``, a scalar."""
    total = torch.stack([((a - b) ** 2).sum() for a, b in zip(one.parameters(), other.parameters(), strict=True)]).sum()
    return 0.5 * total


@dataclasses.dataclass(frozen=True)
class Gain:
    """``value = sign (joint - alone)`` of ``metric``, so that more is better, with its 95 % interval."""

    metric: str
    joint: float
    alone: float
    value: float
    low: float
    high: float

    def sentence(self, compared: str) -> str:
        """``compared``: what it is compared with, in words."""
        figures = (
            f"{self.metric} on the target's validation split is {self.joint:.4f} with the source, and {self.alone:.4f} "
            f"{compared}: a transfer gain of {self.value:+.4f}, 95 % interval {self.low:+.4f} to {self.high:+.4f}."
        )
        if self.high < 0:
            return f"Negative transfer: {figures} The source does harm; train without it, or lower its share."
        if self.value < 0:
            return f"Perhaps negative transfer: {figures} The interval holds 0, so that it may be chance."
        return f"The {figures}"


def gain(score: Callable[[Outputs], dict[str, float]], joint: Outputs, alone: Outputs, task: str, seed: int) -> Gain:
    """Of two models on the same samples. The interval: percentiles over resamples of the samples, the same ones for
    both (paired bootstrap, Efron and Tibshirani 1993, section 8.3). Samples that only one could read are left out.
    """
    joint, alone = _common(joint, alone)
    metric, sign = _METRICS.get(task, ("loss", -1.0))
    one, other = score(joint), score(alone)
    if metric not in one or metric not in other:
        metric, sign = "loss", -1.0
    value, generator = sign * (one[metric] - other[metric]), torch.Generator().manual_seed(seed)
    differences = _differences(metric, joint, alone)
    found: list[torch.Tensor] = []
    if differences is not None:  # the metric is a mean over the samples
        found = [differences[_drawn(joint, generator)].mean() for _ in range(_RESAMPLES)]
    else:
        for _ in range(_FEW_RESAMPLES):
            chosen = _drawn(joint, generator)
            pair = [score(_rows(each, chosen)).get(metric, math.nan) for each in (joint, alone)]
            found.append(torch.tensor(sign * (pair[0] - pair[1]), dtype=torch.float64))
    values = torch.stack(found).double()
    bounds = values.nanquantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return Gain(metric, one[metric], other[metric], value, float(bounds[0]), float(bounds[1]))


def _differences(metric: str, joint: Outputs, alone: Outputs) -> torch.Tensor | None:
    """By how much the first answers each sample better, where that is all the metric needs; float64 ``[N]``."""
    if metric == "accuracy":
        hits = [(each.rows.argmax(1) == each.targets).double() for each in (joint, alone)]
        return hits[0] - hits[1]
    if metric == "mae":
        misses = [(each.rows - each.targets).abs().double().mean(1) for each in (joint, alone)]
        return misses[1] - misses[0]
    return None


def _drawn(found: Outputs, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(len(found.indices), (len(found.indices),), generator=generator)


def _common(one: Outputs, other: Outputs) -> tuple[Outputs, Outputs]:
    if torch.equal(one.indices, other.indices):
        return one, other
    return (
        _rows(one, torch.isin(one.indices, other.indices).nonzero()[:, 0]),
        _rows(other, torch.isin(other.indices, one.indices).nonzero()[:, 0]),
    )


def _rows(found: Outputs, chosen: torch.Tensor) -> Outputs:
    return Outputs(found.rows[chosen], found.targets[chosen], found.indices[chosen])
