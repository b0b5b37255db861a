"""Sharpness-aware minimisation: the gradient is that at the worst point near the weights, not at the weights.

SAM (Foret et al., ICLR 2021, equation 2): ε = ρ g / ‖g‖. ASAM (Kwon et al., ICML 2021, equations 8 and 9):
ε = ρ T² g / ‖T g‖ with T = |w| + η for each weight. The norm is over all trained parameters together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_ETA = 0.01  # of ASAM, so that a weight of zero can move too
_TINY = 1e-12  # a gradient of zero has no direction


@torch.no_grad()
def ascent(parameters: Sequence[nn.Parameter], rho: float, adaptive: bool) -> dict[nn.Parameter, torch.Tensor]:
    """ε of each parameter that has a gradient."""
    moved = [p for p in parameters if p.grad is not None]
    gradients = [p.grad.detach() for p in moved if p.grad is not None]
    if not moved:
        return {}
    if adaptive:
        scales = [p.detach().abs() + _ETA for p in moved]
        scaled = [t * g for t, g in zip(scales, gradients, strict=True)]
        directions = [t * s for t, s in zip(scales, scaled, strict=True)]
    else:
        scaled = directions = gradients
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(s) for s in scaled]))
    factor = rho / (norm + _TINY)
    return {p: d * factor for p, d in zip(moved, directions, strict=True)}


@contextmanager
def moved_by(steps: dict[nn.Parameter, torch.Tensor]) -> Iterator[None]:
    """The parameters stand at w + ε inside, and bit for bit at w again afterwards, whatever happens."""
    kept = {parameter: parameter.detach().clone() for parameter in steps}
    try:
        with torch.no_grad():
            for parameter, step in steps.items():
                parameter.add_(step)
        yield
    finally:
        with torch.no_grad():
            for parameter, own in kept.items():
                parameter.copy_(own)


@contextmanager
def held_statistics(model: nn.Module) -> Iterator[None]:
    """Batch norm in train mode still normalises by the batch inside, but its running statistics stand still."""
    held = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    for module in held:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in held:
            module.track_running_stats = True
