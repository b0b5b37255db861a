"""Feature maps as ``[N, C, P]``, their distance, and the loss without each of their channels."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import FeatureLevel

_TEMPERATURE = 5.0  # of the softmax over channels, as in the authors' code


def channels_first(output: torch.Tensor, level: FeatureLevel) -> torch.Tensor:
    """``[N, C, P]`` of ``nchw``, ``nhwc`` or tokens ``[N, P, C]``."""
    if level.layout == "nchw":
        return output.flatten(2)
    return output.flatten(1, -2).transpose(1, 2)


def distance(maps: torch.Tensor, start: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """``C/P Σ_c a_c ½ ‖FM_c - FM⁰_c‖²``, the mean over samples; maps ``[N, C, P]``, ``attention [C]`` sums to 1."""
    channels, places = maps.shape[1], maps.shape[2]
    squared = (maps.float() - start.detach().float()).square().sum(2)
    return 0.5 * channels / places * (squared @ attention).mean()


def attention_of(increase: torch.Tensor) -> torch.Tensor:
    """What each channel counts ``[C]``, from the increase of the loss without it: a softmax of the standardised one."""
    spread = increase.std(correction=0)
    if not bool(spread > 0):
        return torch.full_like(increase, 1 / len(increase))
    return F.softmax((increase - increase.mean()) / spread / _TEMPERATURE, dim=0)


@torch.no_grad()
def increases(
    network: nn.Module,
    backbone: nn.Module,
    level: FeatureLevel,
    inputs: torch.Tensor,
    loss: Callable[[torch.Tensor], torch.Tensor],
    channels: int,
    *,
    at_once: int = 16,
) -> torch.Tensor:
    """By how much the mean loss of ``network`` on ``inputs [N, ...]`` grows where one channel of ``level`` is zero,
    for each channel: ``[C]``. ``loss``: of the outputs of these samples.

    So many channels ``at_once``; what lies before the level is computed once for all of them, since nothing but the
    level's output leads on from there.
    """
    plain = loss(network(inputs))
    found = torch.zeros(channels, device=inputs.device)
    module = backbone.get_submodule(level.module)
    for first in range(0, channels, at_once):
        tried = range(first, min(first + at_once, channels))
        hook = module.register_forward_hook(_removal(level, tried))
        try:
            outputs = network(inputs)
        finally:
            hook.remove()
        for channel, own in zip(tried, outputs.chunk(len(tried)), strict=True):
            found[channel] = loss(own) - plain
    return found


def _removal(level: FeatureLevel, channels: range) -> Callable[..., torch.Tensor]:
    """A hook that makes as many copies of the batch as there are channels, the k-th without the k-th of them."""

    def remove(_module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        whole = output.repeat(len(channels), *[1] * (output.ndim - 1))
        for copy, channel in zip(whole.chunk(len(channels)), channels, strict=True):
            (copy[:, channel] if level.layout == "nchw" else copy[..., channel]).zero_()
        return whole

    return remove
