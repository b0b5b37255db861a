"""Distortions that take drawings of the bank to pictures as a pen, a scanner or a coarse grid would give them.

All work on a whole batch of [N, 1, H, W] tensors, ink 1 on paper 0, and draw from the generator given.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from render import BOX, DISTANCE_SCALE, SIDE
from torch import Generator, Tensor
from torch.nn import functional


def uniform(generator: Generator, n: int, low: float, high: float) -> Tensor:
    """n values as [n, 1, 1, 1]."""
    return torch.rand(n, 1, 1, 1, generator=generator) * (high - low) + low


@lru_cache(maxsize=16)
def knot_weights(knots: int, side: int) -> Tensor:
    """Cubic interpolation from knots to pixels as a matrix: [side, knots]."""
    unit = torch.eye(knots).view(1, knots, knots, 1)
    return functional.interpolate(unit, (side, 1), mode="bicubic", align_corners=True)[0, :, :, 0].T.contiguous()


def field(generator: Generator, n: int, channels: int, knots: int, side: int) -> Tensor:
    """A smooth random field of unit variance at the knots: [n, channels, side, side]."""
    weights = knot_weights(knots, side)
    return weights @ torch.randn(n, channels, knots, knots, generator=generator) @ weights.T


def widest(image: Tensor) -> Tensor:
    """The maximum over 3 × 3 neighbourhoods, [n, 1, H, W] -> same; outside counts as paper."""
    padded = functional.pad(image, (1, 1, 1, 1))
    rows = torch.maximum(torch.maximum(padded[:, :, :-2], padded[:, :, 1:-1]), padded[:, :, 2:])
    return torch.maximum(torch.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def strokes(ink: Tensor, distance: Tensor, generator: Generator, pen: float) -> Tensor:
    """The printed drawing made bolder or thinner, or (with probability pen) its skeleton drawn with a pen.

    ink, distance: uint8 [N, SIDE, SIDE] as in the bank.
    """
    n = len(ink)
    print_ = ink[:, None].float() / 255
    bolder, thinner = widest(print_), 1 - widest(1 - print_)
    amount = uniform(generator, n, -0.9, 1.0)
    print_ = print_ + amount.clamp(min=0) * (bolder - print_) + (-amount).clamp(min=0) * (thinner - print_)
    radius = uniform(generator, n, 0.7, 5.2) * (1 + 0.18 * field(generator, n, 1, 4, SIDE))
    drawn = (radius - distance[:, None].float() / DISTANCE_SCALE + 0.5).clamp(0, 1)
    return torch.where(torch.rand(n, 1, 1, 1, generator=generator) < pen, drawn, print_)


def warp_grid(generator: Generator, n: int, side: int, strength: float) -> Tensor:
    """Where each output pixel reads the drawing: rotation, slant, stretch, perspective and two elastic fields."""
    angle = (torch.randn(n, generator=generator) * 9 * strength).clamp(-28, 28) * math.pi / 180
    slant = (torch.randn(n, generator=generator) * 0.22 * strength).clamp(-0.6, 0.6)
    stretch = torch.exp((torch.randn(n, generator=generator) * 0.18 * strength).clamp(-0.5, 0.5))
    cos, sin = torch.cos(angle), torch.sin(angle)
    # rotation @ [[stretch, slant], [0, 1 / stretch]], entry by entry, each [n, 1, 1]
    xx, xy = cos * stretch, cos * slant - sin / stretch
    yx, yy = sin * stretch, sin * slant + cos / stretch
    xx, xy, yx, yy = (entry[:, None, None] for entry in (xx, xy, yx, yy))
    line = torch.linspace(-1, 1, side)
    across, down = line[None, None, :], line[None, :, None]
    x, y = xx * across + xy * down, yx * across + yy * down
    tilt = torch.randn(2, n, 1, 1, generator=generator).clamp(-2, 2) * 0.1 * strength
    depth = 1.25 / (1 + x * tilt[0] + y * tilt[1]).clamp(min=0.5)
    reach = torch.rand(n, 1, 1, generator=generator) * strength * 1.25
    elastic = 0.17 * field(generator, n, 2, 4, side) + 0.055 * field(generator, n, 2, 7, side)
    return torch.stack([x * depth + reach * elastic[:, 0], y * depth + reach * elastic[:, 1]], -1)


def refit(image: Tensor, generator: Generator, side: int, tight: float) -> Tensor:
    """Crops to the ink's bounding box and scales it up to the picture's edges, or (1 - tight) leaves more paper."""
    n = len(image)
    places = torch.arange(image.shape[-1]).float()

    def span(profile: Tensor) -> tuple[Tensor, Tensor]:
        seen = profile > 0.25
        low = torch.where(seen, places, 1e4).amin(1).clamp(max=image.shape[-1] - 2)
        return low, torch.where(seen, places, -1.0).amax(1).maximum(low + 1) + 1

    left, right = span(image[:, 0].amax(1))
    top, bottom = span(image[:, 0].amax(2))
    width, height = right - left, bottom - top
    aspect = torch.rand(n, generator=generator) * 0.6  # 0 keeps the aspect, 1 fills the square
    longest = torch.maximum(width, height)
    width, height = width ** (1 - aspect) * longest**aspect / width, height ** (1 - aspect) * longest**aspect / height
    # `width` and `height` are now the factors by which the sides grow towards the longest one.
    is_tight = torch.rand(n, generator=generator) < tight
    zoom = torch.where(
        is_tight, 0.94 + 0.16 * torch.rand(n, generator=generator), 1.1 + 0.9 * torch.rand(n, generator=generator)
    )
    room = (zoom - 1).clamp(min=0.03)
    shift = (torch.rand(n, 2, generator=generator) * 2 - 1) * room[:, None] * 0.8
    half = longest * zoom / image.shape[-1]
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = half / width, half / height
    theta[:, 0, 2] = (left + right) / image.shape[-1] - 1 + shift[:, 0] * half / zoom
    theta[:, 1, 2] = (top + bottom) / image.shape[-1] - 1 + shift[:, 1] * half / zoom
    grid = functional.affine_grid(theta, [n, 1, side, side], align_corners=False)
    return functional.grid_sample(image, grid, mode="bilinear", align_corners=False)


def coarsen(image: Tensor, generator: Generator, cells: int) -> Tensor:
    """Counts of inked points in cells × cells squares, 17 levels, and up again as an image program does."""
    side = image.shape[-1]
    hard = torch.rand(len(image), 1, 1, 1, generator=generator) < 0.7
    points = torch.where(hard, ((image - 0.5) * 6 + 0.5).clamp(0, 1), image)
    small = functional.adaptive_avg_pool2d(points, cells)
    small = (small * 16).round() / 16
    return functional.interpolate(small, (side, side), mode="bilinear", align_corners=False)


def degrade(image: Tensor, generator: Generator, plain: float) -> Tensor:
    """Blur, contrast, paper, noise and (for 1 - plain of them) dark ink on light paper; values 0..1."""
    n, side = len(image), image.shape[-1]
    soft = functional.avg_pool2d(functional.avg_pool2d(image, 3, 1, 1), 3, 1, 1)
    image = torch.lerp(image, soft, uniform(generator, n, -0.3, 1.0).clamp(min=0))
    image = image * uniform(generator, n, 0.6, 1.0)
    textured = (torch.rand(n, 1, 1, 1, generator=generator) < 0.3).float()
    paper = uniform(generator, n, 0.0, 0.3) + 0.06 * field(generator, n, 1, 5, side)
    image = image + textured * (1 - image) * paper.clamp(0, 0.5)
    noise = torch.randn(n, 1, side, side, generator=generator) * uniform(generator, n, -0.06, 0.09).clamp(min=0)
    image = (image + noise).clamp(0, 1)
    return torch.where(torch.rand(n, 1, 1, 1, generator=generator) < plain, image, 1 - image)


def augment(ink: Tensor, distance: Tensor, generator: Generator, side: int = 40, strength: float = 1.0) -> Tensor:
    """uint8 [N, SIDE, SIDE] drawings and distances -> float [N, 1, side, side], normalised to -1..1."""
    n = len(ink)
    image = strokes(ink, distance, generator, pen=0.5)
    grid = warp_grid(generator, n, SIDE, strength) * (BOX / SIDE)
    image = functional.grid_sample(image, grid, mode="bilinear", align_corners=True)
    image = refit(image, generator, side, tight=0.7)
    # The first part of the batch stays fine, the rest goes through grids from very coarse to fine.
    parts = [round(n * share) for share in (0.35, 0.35, 0.1, 0.1)]
    parts.append(n - sum(parts))
    pieces = list(image.split(parts))
    for i, cells in enumerate((8, 10, 14, 20), start=1):
        pieces[i] = coarsen(pieces[i], generator, cells)
    image = degrade(torch.cat(pieces), generator, plain=0.8)
    return image * 2 - 1


def proxy(ink: Tensor, distance: Tensor, generator: Generator, side: int = 40) -> Tensor:
    """The held-out task: strongly distorted, close-cropped 8 × 8 counts, [N, 1, side, side], -1..1, no noise."""
    n = len(ink)
    image = strokes(ink, distance, generator, pen=0.7)
    image = functional.grid_sample(
        image, warp_grid(generator, n, SIDE, 1.2) * (BOX / SIDE), mode="bilinear", align_corners=True
    )
    return coarsen(refit(image, generator, side, tight=1.0), generator, 8) * 2 - 1
