"""Exponential moving average of the weights (Polyak averaging), with a warm-up for short runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from tlstudio.training.tensors import Tensors


class WeightAverage:
    """``theta_e = d theta_e + (1 - d) theta`` with ``d_t = min(decay, 1 - (1 + t)^(-2/3))``; buffers are copied.

    Only what can change is kept: trainable parameters, and buffers.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay, self.updates = decay, 0
        self._average = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.updates += 1
        weight = 1 - min(self._decay, 1 - (1 + self.updates) ** (-2 / 3))
        parameters = dict(model.named_parameters())
        names = list(self._average)
        if not names:
            return
        torch._foreach_lerp_(  # one fused call instead of hundreds of small ones
            [self._average[name] for name in names], [parameters[name].detach() for name in names], weight
        )

    @contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """The model carries the average inside, and its own weights again afterwards."""
        self._swap(model)
        try:
            yield
        finally:
            self._swap(model)

    def tensors(self) -> Tensors:
        return dict(self._average)

    @torch.no_grad()
    def put_back(self, tensors: Tensors, updates: int) -> None:
        self.updates = updates
        for name, own in self._average.items():
            own.copy_(tensors[name])

    @torch.no_grad()
    def _swap(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if name in self._average:
                kept = parameter.detach().clone()
                parameter.copy_(self._average[name])
                self._average[name].copy_(kept)
