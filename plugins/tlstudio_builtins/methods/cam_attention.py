"""The attention layer of CAM transfer: probabilities of the target network decide where the source network's maps are
looked at, and classes are told from what is seen there.

Symbols: ``F [N, C, H, W]`` maps of the source network, of mean 0 and spread 1 in each channel; ``p [N, K]``
probabilities of the target network; ``a [N, C]`` gates; ``M [N, H, W]`` the map; ``m [N, H, W]`` shares of attention.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

FLOOR = 1e-3  # d: what every place gets, so that a map of zeros is looked at evenly
REGION = 0.5  # of the map's maximum, from which on a place belongs to the region
_HIDDEN = 32  # units of the gates at least


class Looked(NamedTuple):
    """``gates [N, C]`` in (0, 2); ``map [N, H, W]``, 0 and above; ``share [N, H, W]``, which adds up to 1. ``own
    [N, K]``: what the target network adds to the answer itself, in symmetric fusion alone. ``neutral``: the gate that
    changes nothing. ``labels``: rows of each sample.
    """

    gates: torch.Tensor
    map: torch.Tensor
    share: torch.Tensor
    own: torch.Tensor | None = None
    neutral: float = 1.0
    labels: int = 1


class ChannelGates(nn.Module):
    """``a = 2 σ(W₂ relu(W₁ p + b₁) + b₂)``: ``[N, K]`` to ``[N, C]``, between 0 and 2, and 1 at the beginning.

    The excitation half of squeeze-and-excitation (Hu et al. 2018, section 3.2); the squeeze is replaced by ``p``.
    """

    def __init__(self, outputs: int, channels: int) -> None:
        super().__init__()
        hidden = max(_HIDDEN, channels // 16)
        self.first = nn.Linear(outputs, hidden)
        self.second = nn.Linear(hidden, channels)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, p: torch.Tensor) -> torch.Tensor:
        return 2 * torch.sigmoid(self.second(torch.relu(self.first(p))).float())


class ChannelMap(nn.Module):
    """``M = relu(Σ_c w_c a_c F_c)`` with ``w = softplus(v) / Σ softplus(v)``, and ``m = (M + d) / Σ (M + d)``.

    With gates linear in p, all weights 1 and p one-hot, ``Σ_c a_c F_c`` is the Class Activation Map of Zhou et al.
    (2016).

    With ``prototypes [K, C, H, W]`` (mean maps of the source's classes) the gated maps are correlated with those of
    the classes that are looked for: ``M = relu(Σ_k s_k (w · P_k) ⋆ (a · F) / HW)``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.zeros(channels))

    def weights(self) -> torch.Tensor:
        """``w [C]``, positive, which add up to 1."""
        raw = F.softplus(self.v)
        return raw / raw.sum()

    def through(
        self,
        gates: torch.Tensor,
        maps: torch.Tensor,
        p: torch.Tensor,
        prototypes: torch.Tensor | None,
        wanted: torch.Tensor | None,
    ) -> Looked:
        """``wanted [N, K]``: the share of each class's prototype; without it ``p``."""
        gated = gates[:, :, None, None] * maps
        if prototypes is None:
            raw = weighted(gated, self.weights())
        else:
            raw = correlated(gated, self.weights(), prototypes, p if wanted is None else wanted)
        found = torch.relu(raw)
        return Looked(gates, found, shares(found))


class Attention(ChannelMap):
    """Gates by p alone. ``p`` enters detached: the target network does not learn by way of the map."""

    def __init__(self, outputs: int, channels: int) -> None:
        super().__init__(channels)
        self.gates = ChannelGates(outputs, channels)

    def forward(
        self,
        maps: torch.Tensor,
        p: torch.Tensor,
        prototypes: torch.Tensor | None = None,
        wanted: torch.Tensor | None = None,
    ) -> Looked:
        p = p.detach()
        return self.through(self.gates(p), maps, p, prototypes, wanted)


def weighted(maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """``Σ_c w_c F_c``: ``[N, C, H, W]`` and ``[C]`` to ``[N, H, W]``."""
    return (maps * weights[:, None, None]).sum(1)


def correlated(
    maps: torch.Tensor, weights: torch.Tensor, prototypes: torch.Tensor, wanted: torch.Tensor
) -> torch.Tensor:
    """Cross-correlation with the prototypes ``[K, C, H, W]``, mixed by ``wanted [N, K]``: ``[N, H, W]``."""
    height, width = prototypes.shape[-2:]
    kernel = weights[None, :, None, None] * prototypes / (height * width)
    around = ((width - 1) // 2, width // 2, (height - 1) // 2, height // 2)
    return (F.conv2d(F.pad(maps, around), kernel).float() * wanted[:, :, None, None]).sum(1)


def shares(found: torch.Tensor) -> torch.Tensor:
    """``(M + d) / Σ (M + d)``: the attention region as a distribution over places."""
    lifted = found + FLOOR
    return lifted / lifted.sum(dim=(1, 2), keepdim=True)


def pooled(maps: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """``z = Σ_ij m_ij F_:,ij``: ``[N, C, H, W]`` and ``[N, H, W]`` to ``[N, C]``."""
    return (maps * share[:, None]).sum(dim=(2, 3))


def region(found: torch.Tensor) -> torch.Tensor:
    """``R = {M ≥ ½ max M}``: bool ``[N, H, W]``; everything where the map is zero."""
    return found >= REGION * found.amax(dim=(1, 2), keepdim=True)


def restricted(share: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """The attention within ``where`` alone, which adds up to 1 again; zeros where there is nothing of it."""
    kept = share * where
    total = kept.sum(dim=(1, 2), keepdim=True)
    return kept / torch.where(total > 0, total, torch.ones_like(total))
