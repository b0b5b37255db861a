"""Exponential moving average of the weights (Polyak averaging), with a warm-up for short runs."""

import torch
from torch import nn


class WeightAverage:
    """``theta_e = d theta_e + (1 - d) theta`` with ``d_t = min(decay, 1 - (1 + t)^(-2/3))``; buffers are copied.

    Only what can change is kept: trainable parameters, and buffers.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay, self._updates = decay, 0
        self._average = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self._updates += 1
        weight = 1 - min(self._decay, 1 - (1 + self._updates) ** (-2 / 3))
        parameters = dict(model.named_parameters())
        names = list(self._average)
        torch._foreach_lerp_(  # one fused call instead of hundreds of small ones
            [self._average[name] for name in names], [parameters[name].detach() for name in names], weight
        )

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchanges the model's weights with the average; calling it twice restores them."""
        for name, parameter in model.named_parameters():
            if name in self._average:
                kept = parameter.detach().clone()
                parameter.copy_(self._average[name])
                self._average[name].copy_(kept)
