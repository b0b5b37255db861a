"""Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019) on a batch."""

import dataclasses

import numpy as np
import torch


@dataclasses.dataclass(frozen=True)
class Mixed:
    """``inputs``: ``[N, 3, H, W]``; ``partners``: labels of the other picture; ``share``: weight of the own label."""

    inputs: torch.Tensor
    partners: torch.Tensor
    share: float


def mix(
    inputs: torch.Tensor, targets: torch.Tensor, mixup: float, cutmix: float, generator: torch.Generator
) -> Mixed | None:
    """``None`` where both are off. ``share`` is drawn from Beta(α, α); all randomness comes from ``generator``."""
    if not mixup and not cutmix:
        return None
    random = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    cut = bool(cutmix) and (not mixup or random.random() < 0.5)
    share = float(random.beta(cutmix, cutmix) if cut else random.beta(mixup, mixup))
    order = torch.from_numpy(random.permutation(len(targets))).to(targets.device)
    if not cut:
        return Mixed(inputs * share + inputs[order] * (1 - share), targets[order], share)
    height, width = inputs.shape[-2:]
    side = (1 - share) ** 0.5
    y, x = random.integers(height), random.integers(width)
    top, bottom = (int(np.clip(y + s * side * height / 2, 0, height)) for s in (-1, 1))
    left, right = (int(np.clip(x + s * side * width / 2, 0, width)) for s in (-1, 1))
    pasted = inputs.clone()
    pasted[..., top:bottom, left:right] = inputs[order][..., top:bottom, left:right]
    return Mixed(pasted, targets[order], 1 - (bottom - top) * (right - left) / (height * width))
