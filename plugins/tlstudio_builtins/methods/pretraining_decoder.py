"""The autoencoder: what spoils the pictures, and a decoder from the coarsest level of any backbone back to pixels."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import BackboneDescriptor, FeatureLevel, Preprocessing, TrainingError
from tlstudio.training.modules import as_map, recorded

_WIDEST, _NARROWEST = 256, 16  # channels of the decoder
_CELLS = 8  # of a mask, along each side


def coarsest(descriptor: BackboneDescriptor) -> FeatureLevel:
    """The level with the largest stride, of several the last. Raises ``TrainingError`` where there is none."""
    if not descriptor.levels:
        raise TrainingError(
            f"The backbone '{descriptor.id}' names no feature levels, so that no picture can be drawn from them. "
            "Choose another backbone, or pre-train this one by contrast or with labels."
        )
    return max(enumerate(descriptor.levels), key=lambda pair: (pair[1].stride, pair[0]))[1]


def map_of(backbone: nn.Module, level: FeatureLevel, x: torch.Tensor) -> torch.Tensor:
    """The level's output ``[N, C, h, w]`` for pictures ``x [N, 3, H, W]``."""
    with recorded(backbone, [level]) as found:
        backbone(x)
    return as_map(found[level.name], level, x)


class Decoder(nn.Module):
    """A map ``[N, C, h, w]`` to pictures ``[N, 3, H, W]``: doubled and convolved until it is as fine as the pixels,
    then brought to the exact size, so that sides need not be multiples of the stride.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        doublings = max(1, math.ceil(math.log2(stride)))
        widths = [max(_NARROWEST, min(_WIDEST, channels) >> step) for step in range(doublings + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 1)]
        for inputs, outputs in itertools.pairwise(widths):
            layers += [
                nn.Upsample(scale_factor=2, mode="nearest"),
                nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                nn.GroupNorm(math.gcd(8, outputs), outputs),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.pixels = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        found = self.layers(features)
        if list(found.shape[-2:]) != list(size):
            found = F.interpolate(found, size=list(size), mode="bilinear", align_corners=False)
        pixels: torch.Tensor = self.pixels(found)
        return pixels


class Reconstruction(nn.Module):
    """Pictures to the mean squared error of each one's reconstruction, ``[N, 1]``, nothing being spoilt."""

    def __init__(self, backbone: nn.Module, decoder: nn.Module, level: FeatureLevel) -> None:
        super().__init__()
        self.backbone, self.decoder, self._level = backbone, decoder, level

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        drawn: torch.Tensor = self.decoder(map_of(self.backbone, self._level, x), x.shape[-2:])
        return (drawn.float() - x.float()).square().flatten(1).mean(1, keepdim=True)


def add_noise(x: torch.Tensor, sigma: float, preprocessing: Preprocessing, generator: torch.Generator) -> torch.Tensor:
    """Gaussian noise with standard deviation ``sigma``, where the pixels' range is 0 to 1, on normalised ``x``."""
    std = torch.tensor(preprocessing.std, device=x.device, dtype=x.dtype).view(1, 3, 1, 1)
    noise: torch.Tensor = torch.randn(x.shape, generator=generator).to(x)
    return x + noise * (sigma / std)


def hide_cells(x: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Sets ``share`` of an 8×8 grid of cells of each picture to 0, the mean colour; exactly as many cells in each."""
    cells = _CELLS * _CELLS
    hidden = torch.rand(len(x), cells, generator=generator).argsort(1).argsort(1) < round(share * cells)
    grid = hidden.view(-1, 1, _CELLS, _CELLS).to(x.device, x.dtype)
    mask = F.interpolate(grid, size=x.shape[-2:], mode="nearest")
    return x * (1 - mask)
