"""Adversarial attacks on pictures with pixels in [0, 1]; whatever normalisation a network wants is a part of it.

All of them maximise a loss within a ball around the picture: L∞, ``max |δ| <= ε``, or L2, ``‖δ‖₂ <= ε`` for each
picture. The network is called in the mode that it is in, and must be in eval mode; its parameters need no gradient.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

Norm = Literal["linf", "l2"]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Outputs ``[N, K]`` and targets to one number for each sample, ``[N]``: the higher, the worse for the network."""

_MOMENTUM, _RHO = 0.75, 0.75  # of APGD: Croce and Hein 2020, section 3.1


class InPixels(nn.Module):
    """A network that takes pixels in [0, 1], ``[N, 3, H, W]``, and normalises them itself."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.network((pixels - self.mean) / self.std)
        return outputs

    def pixels_of(self, normalised: torch.Tensor) -> torch.Tensor:
        """The way back, within [0, 1]."""
        return (normalised * self.std + self.mean).clamp(0, 1)


def cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Of each sample, ``[N]``; for 0/1 targets ``[N, K]`` the sum of the binary ones."""
    if targets.ndim == 2:
        return nn.functional.binary_cross_entropy_with_logits(outputs, targets.float(), reduction="none").sum(1)
    return nn.functional.cross_entropy(outputs, targets, reduction="none")


def dlr(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Difference of logits ratio, ``-(z_y - max_{i != y} z_i) / (z_π1 - z_π3)``: unlike cross-entropy it does not
    vanish where a network is very sure (Croce and Hein 2020, equation 6). At least three classes.
    """
    ranked = outputs.sort(dim=1).values
    own = outputs.gather(1, targets[:, None]).squeeze(1)
    first = ranked[:, -1] == own
    other = torch.where(first, ranked[:, -2], ranked[:, -1])
    return (other - own) / (ranked[:, -1] - ranked[:, -3] + 1e-12)


def fgsm(network: nn.Module, x: torch.Tensor, y: torch.Tensor, eps: float, loss: Loss = cross_entropy) -> torch.Tensor:
    """One step of size ``eps`` along the gradient's sign (Goodfellow et al. 2015, section 4)."""
    return (x + eps * _gradient(network, x, y, loss)[0].sign()).clamp(0, 1)


def pgd(
    network: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    eps: float,
    *,
    steps: int = 20,
    step_size: float = 0.0,
    norm: Norm = "linf",
    generator: torch.Generator | None = None,
    loss: Loss = cross_entropy,
    fool: bool = False,
) -> torch.Tensor:
    """Projected gradient ascent from a random start in the ball (Madry et al. 2018, section 2.1); the strongest point
    on the way is returned. ``step_size``: 0 is 2.5 ε / steps. ``generator``: on the CPU; without, it starts at ``x``.
    ``fool``: the first point at which the network errs is returned, where there is one; the loss may be higher where it
    is still right (of three classes: right at 0.35, wrong at 0.45). For targets that are classes.
    """
    if eps <= 0:
        return x.clone()
    alpha = step_size or 2.5 * eps / steps
    at = x.clone() if generator is None else _project(x + _random(x, eps, norm, generator), x, eps, norm)
    best, highest = x.clone(), torch.full((len(x),), -math.inf, device=x.device)
    for _ in range(steps):
        gradient, losses, outputs = _gradient(network, at, y, loss)
        best, highest = _keep(best, highest, at, _rank(losses, outputs, y, fool))
        at = _project(at + alpha * _direction(gradient, norm), x, eps, norm)
    with torch.no_grad():
        outputs = _precise(network(at))
        best, _ = _keep(best, highest, at, _rank(loss(outputs, y), outputs, y, fool))
    return best


def apgd(
    network: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    eps: float,
    *,
    steps: int = 100,
    norm: Norm = "linf",
    generator: torch.Generator | None = None,
    loss: Loss = cross_entropy,
    fool: bool = False,
) -> torch.Tensor:
    """Auto-PGD: steps with momentum from 2 ε on, halved for each picture where they no longer help, which then goes on
    from its best point (Croce and Hein 2020, algorithm 1). ``fool``: as for :func:`pgd`.
    """
    if eps <= 0:
        return x.clone()
    marks = _checkpoints(steps)
    start = x if generator is None else _project(x + _random(x, eps, norm, generator), x, eps, norm)
    before = at = start.clone()
    size = torch.full((len(x), 1, 1, 1), 2.0 * eps, device=x.device)
    gradient, losses, outputs = _gradient(network, at, y, loss)
    best, highest, best_gradient = at.clone(), losses.clone(), gradient.clone()
    found, rank = at.clone(), _rank(losses, outputs, y, fool)
    rises = torch.zeros(len(x), device=x.device)
    size_then, highest_then, last_mark, losses_before = size.clone(), highest.clone(), 0, losses
    for k in range(steps):
        ahead = _project(at + size * _direction(gradient, norm), x, eps, norm)
        if k:
            ahead = _project(at + _MOMENTUM * (ahead - at) + (1 - _MOMENTUM) * (at - before), x, eps, norm)
        before, at = at, ahead
        gradient, losses, outputs = _gradient(network, at, y, loss)
        found, rank = _keep(found, rank, at, _rank(losses, outputs, y, fool))
        rises += losses > losses_before
        losses_before = losses
        better = (losses > highest)[:, None, None, None]
        best, best_gradient = torch.where(better, at, best), torch.where(better, gradient, best_gradient)
        highest = torch.maximum(highest, losses)
        if k + 1 in marks:
            few = rises < _RHO * (k + 1 - last_mark)
            stuck = (size.flatten() == size_then.flatten()) & (highest <= highest_then)
            halve = (few | stuck)[:, None, None, None]
            size_then, highest_then, last_mark = size.clone(), highest.clone(), k + 1
            size = torch.where(halve, size / 2, size)
            at, gradient = torch.where(halve, best, at), torch.where(halve, best_gradient, gradient)
            before = torch.where(halve, best, before)
            losses_before = torch.where(halve.flatten(), highest, losses_before)
            rises.zero_()
    return found


def noise(x: torch.Tensor, eps: float, generator: torch.Generator) -> torch.Tensor:
    """No attack, for comparison: every pixel moved by ε, up or down at random."""
    signs = torch.randint(0, 2, x.shape, generator=generator).to(x.device, x.dtype) * 2 - 1
    return (x + eps * signs).clamp(0, 1)


def _checkpoints(steps: int) -> set[int]:
    """Steps after which APGD looks back: p₀ = 0, p₁ = 0.22, pⱼ₊₁ = pⱼ + max(pⱼ - pⱼ₋₁ - 0.03, 0.06), times steps."""
    shares = [0.0, 0.22]
    while shares[-1] <= 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    return {math.ceil(share * steps) for share in shares[1:] if share <= 1}


def _gradient(
    network: nn.Module, x: torch.Tensor, y: torch.Tensor, loss: Loss
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of the summed loss by the pixels, so that no sample's depends on how many others there are; the losses; and the
    outputs.
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_(True)
        outputs = _precise(network(leaf))
        losses = loss(outputs, y)
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
    return gradient, losses.detach(), outputs.detach()


def _rank(losses: torch.Tensor, outputs: torch.Tensor, y: torch.Tensor, fool: bool) -> torch.Tensor:
    """The loss; with ``fool`` more than any where the network errs."""
    return losses.masked_fill(outputs.argmax(1) != y, math.inf) if fool else losses


def _precise(outputs: torch.Tensor) -> torch.Tensor:
    return outputs if outputs.dtype == torch.float64 else outputs.float()


def _direction(gradient: torch.Tensor, norm: Norm) -> torch.Tensor:
    return gradient.sign() if norm == "linf" else gradient / _length(gradient).clamp_min(1e-12)


def _project(at: torch.Tensor, x: torch.Tensor, eps: float, norm: Norm) -> torch.Tensor:
    """Into the ball around ``x``, and into [0, 1]."""
    if norm == "linf":
        return torch.minimum(torch.maximum(at, x - eps), x + eps).clamp(0, 1)
    delta = at - x
    return (x + delta * (eps / _length(delta).clamp_min(1e-12)).clamp_max(1.0)).clamp(0, 1)


def _random(x: torch.Tensor, eps: float, norm: Norm, generator: torch.Generator) -> torch.Tensor:
    """Uniform in the cube, or in the ball."""
    if norm == "linf":
        return ((torch.rand(x.shape, generator=generator) * 2 - 1) * eps).to(x.device)
    drawn = torch.randn(x.shape, generator=generator)
    radius = torch.rand(len(x), 1, 1, 1, generator=generator) ** (1 / drawn[0].numel())
    return (drawn / _length(drawn) * radius * eps).to(x.device)


def _length(delta: torch.Tensor) -> torch.Tensor:
    lengths: torch.Tensor = delta.flatten(1).norm(dim=1)
    return lengths[:, None, None, None]


def _keep(
    best: torch.Tensor, highest: torch.Tensor, at: torch.Tensor, losses: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    better = losses > highest
    return torch.where(better[:, None, None, None], at, best), torch.where(better, losses, highest)
