"""Feature maps of two networks, level by level, and the losses between them."""

import contextlib
import functools
import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import FeatureLevel
from tlstudio.training.modules import as_map, recorded
from tlstudio_builtins.methods import distillation_losses as losses
from tlstudio_builtins.methods.distillation_options import Features

Pair = tuple[FeatureLevel, FeatureLevel]  # of the student, of the teacher
USUAL_WEIGHTS: dict[Features, float] = {"hints": 100.0, "attention": 1000.0}


def pairs(student: Sequence[FeatureLevel], size_s: int, teacher: Sequence[FeatureLevel], size_t: int) -> list[Pair]:
    """Each level of the network that has fewer beside one of the other's, in order, so that the sides of their maps
    are as alike as can be; of several ways that are alike the deepest. ``size_s``, ``size_t``: sides of the inputs.
    """
    own, other = _distinct(student), _distinct(teacher)
    flipped = len(own) > len(other)
    few, many = (other, own) if flipped else (own, other)
    sides_few, sides_many = (size_t, size_s) if flipped else (size_s, size_t)

    def apart(chosen: Sequence[int]) -> tuple[float, tuple[int, ...]]:
        ratios = (sides_few / a.stride / (sides_many / many[i].stride) for a, i in zip(few, chosen, strict=True))
        return round(sum(abs(math.log2(ratio)) for ratio in ratios), 6), tuple(-i for i in chosen)

    if not few:
        return []
    best = min(itertools.combinations(range(len(many)), len(few)), key=apart)
    found = [(a, many[i]) for a, i in zip(few, best, strict=True)]
    return [(a, b) if not flipped else (b, a) for a, b in found]


def _distinct(levels: Sequence[FeatureLevel]) -> list[FeatureLevel]:
    """Of levels with maps of one size the deepest; of a transformer, whose maps are all alike, every one."""
    if all(level.layout == "tokens" for level in levels):
        return list(levels)
    return list({level.stride: level for level in levels}.values())


def chosen(found: Sequence[Pair], features: Features) -> list[Pair]:
    """Hints: the middle one of the pairs; attention: all."""
    return [found[len(found) // 2]] if features == "hints" and found else list(found)


def watched(
    network: nn.Module, levels: Sequence[FeatureLevel], inputs: torch.Tensor
) -> contextlib.AbstractContextManager[dict[str, torch.Tensor]]:
    """Inside ``with``, fills with what the levels of a network gave: ``[N, C, H, W]``, by name."""
    return recorded(network, levels, functools.partial(as_map, x=inputs))


def projectors(found: Sequence[Pair]) -> nn.ModuleDict:
    """For hints: from the student's channels to the teacher's."""
    made = nn.ModuleDict()
    for a, b in found:
        projector = nn.Conv2d(a.channels, b.channels, 1, bias=False), nn.BatchNorm2d(b.channels)
        made[f"{a.name}-{b.name}"] = nn.Sequential(*projector)
    return made


def distance(
    found: Sequence[Pair],
    student: dict[str, torch.Tensor],
    teacher: dict[str, torch.Tensor],
    features: Features,
    power: float,
    projected: nn.ModuleDict,
) -> torch.Tensor:
    """Sum over the pairs. The larger map of each is averaged down to the smaller one's size."""
    total = torch.zeros((), device=next(iter(student.values())).device)
    for a, b in found:
        s, t = same_size(student[a.name].float(), teacher[b.name].float())
        if features == "hints":
            total = total + losses.hint_distance(projected[f"{a.name}-{b.name}"](s).float(), t)
        else:
            total = total + losses.attention_distance(s, t, power)
    return total


def same_size(s: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    size = min(s.shape[-2], t.shape[-2]), min(s.shape[-1], t.shape[-1])
    return F.adaptive_avg_pool2d(s, size), F.adaptive_avg_pool2d(t, size)
