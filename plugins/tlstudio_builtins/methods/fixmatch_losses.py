"""The losses of FixMatch and FlexMatch, and FlexMatch's thresholds."""

import dataclasses

import torch
from torch.nn import functional as F


@dataclasses.dataclass(frozen=True)
class Guess:
    """What the weakly augmented view was taken for. ``labels``: int64 ``[N]``; ``confidence``: float ``[N]``, 0 to 1.
    Both without a gradient.
    """

    labels: torch.Tensor
    confidence: torch.Tensor


def guess(weak: torch.Tensor) -> Guess:
    """From logits ``[N, C]`` of the weak views: ``q = softmax(z)``, ``q̂ = argmax q`` and ``max q``."""
    confidence, labels = weak.detach().float().softmax(1).max(1)
    return Guess(labels, confidence)


def masked_cross_entropy(strong: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """``1/N · Σ mask · H(q̂, p(strong))``, a scalar: the mean is over all ``N``, the masked ones among them.

    ``strong``: logits ``[N, C]``; ``labels``: int64 ``[N]``; ``mask``: bool ``[N]``. Sohn et al.: FixMatch. NeurIPS
    2020, equation 4.
    """
    losses = F.cross_entropy(strong.float(), labels, reduction="none")
    return (losses * mask).mean()


def flexible_thresholds(latest: torch.Tensor, classes: int, threshold: float, warm_up: bool = True) -> torch.Tensor:
    """A threshold for each class, float ``[C]``, from how much of it has been learnt.

    ``latest``: int64 ``[N]``, of each sample of the pool the class that it was last given with more confidence than
    ``threshold``, -1 before. With the counts ``σ(c)``: ``β(c) = σ(c) / max σ``, where with ``warm_up`` the number of
    samples that never were confident takes part in the maximum; ``T(c) = β / (2 - β) · threshold``. Zhang et al.:
    FlexMatch. NeurIPS 2021, equations 5 to 7, 11 and algorithm 1.
    """
    counts = torch.bincount(latest[latest >= 0], minlength=classes).float()
    largest = counts.max()
    if warm_up:
        largest = torch.maximum(largest, (latest < 0).sum())
    learnt = counts / largest.clamp(min=1)
    return learnt / (2 - learnt) * threshold
