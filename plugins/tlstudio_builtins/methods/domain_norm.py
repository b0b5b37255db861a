"""Domain-specific batch norm: one network, one set of weights, statistics of its own for each of two domains.

The network's own buffers are the target's, so that what is exported is the plain network. The source's lie beside it,
and stand in their places while a batch of the source passes (Chang et al.: Domain-Specific Batch Normalization for
Unsupervised Domain Adaptation. CVPR 2019; there the affine parameters are separate, too).
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_NAMES = ("running_mean", "running_var", "num_batches_tracked")


def norms(network: nn.Module) -> dict[str, _BatchNorm]:
    """The batch norms of a network that keep statistics, by path."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    }


class SourceStatistics(nn.Module):
    """The statistics of the source domain for every batch norm of ``network``; they begin as the network's own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        for number, norm in enumerate(norms(network).values()):
            for name in _NAMES:
                self.register_buffer(f"{name}_{number}", norm.get_buffer(name).detach().clone())

    @contextmanager
    def in_place(self, network: nn.Module) -> Iterator[None]:
        """Inside, ``network`` normalises with the source's statistics, and moves those where it is in train mode."""
        self._swap(network)
        try:
            yield
        finally:
            self._swap(network)

    def _swap(self, network: nn.Module) -> None:
        for number, norm in enumerate(norms(network).values()):
            for name in _NAMES:
                own = f"{name}_{number}"
                norm._buffers[name], self._buffers[own] = self._buffers[own], norm._buffers[name]


class SourceNetwork(nn.Module):
    """What answers for the source: ``network`` with the source's statistics; ``None``: those that it has itself."""

    def __init__(self, network: nn.Module, statistics: SourceStatistics | None = None) -> None:
        super().__init__()
        self.network, self.statistics = network, statistics

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with self.statistics.in_place(self.network) if self.statistics else nullcontext():
            outputs: torch.Tensor = self.network(x)
        return outputs


@torch.no_grad()
def forget(network: nn.Module) -> None:
    """Statistics begin anew, and become the mean over all batches that follow."""
    for norm in norms(network).values():
        norm.reset_running_stats()


@contextmanager
def averaging(network: nn.Module) -> Iterator[None]:
    """Inside, a batch in train mode counts as much as every one before it (momentum 1 / number of batches)."""
    found = list(norms(network).values())
    before = [norm.momentum for norm in found]
    for norm in found:
        norm.momentum = None
    try:
        yield
    finally:
        for norm, momentum in zip(found, before, strict=True):
            norm.momentum = momentum
