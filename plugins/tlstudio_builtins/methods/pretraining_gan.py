"""The generator of a DCGAN, and what keeps its opponent, a backbone, within bounds."""

import contextlib
import itertools
import math
from collections.abc import Generator as Iterator

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from tlstudio.api import Preprocessing
from tlstudio_builtins.methods.pretraining_losses import hinge_discriminator, hinge_generator

NOISE = 128  # numbers that a made picture begins with
_START = 4  # side of the first map
_WIDEST, _NARROWEST = 256, 32


class Generator(nn.Module):
    """Noise ``[N, 128]`` to normalised pictures ``[N, 3, size, size]`` (Radford et al. 2016): a map of 4×4, doubled by
    transposed convolutions until it is as large as the pictures, tanh as the range of pixels.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, size: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        doublings = max(1, math.ceil(math.log2(max(size, _START + 1) / _START)))
        widths = [max(_NARROWEST, _WIDEST >> step) for step in range(doublings)]
        self._size = size
        self.start = nn.Linear(NOISE, widths[0] * _START * _START)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        for module in self.layers:
            if isinstance(module, nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.02)
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).view(1, 3, 1, 1))

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        drawn = self.layers(self.start(noise).view(len(noise), -1, _START, _START))
        if drawn.shape[-1] != self._size:
            drawn = F.interpolate(drawn, size=(self._size, self._size), mode="bilinear", align_corners=False)
        pictures: torch.Tensor = ((drawn.float() + 1) / 2 - self.mean) / self.std
        return pictures


class Spectral(nn.Module):
    """Keeps the largest singular value of a network's matrices at most 1 (Miyato et al. 2018), by dividing the weights
    themselves by it: the network is then what its weights say, whoever reads them later.

    One step of the power iteration for each call, from where the last one ended.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self._names = [name for name, parameter in network.named_parameters() if _bounded(network, name, parameter)]
        parameters = dict(network.named_parameters())
        for number, name in enumerate(self._names):
            start = F.normalize(torch.randn(len(parameters[name]), generator=generator), dim=0)
            self.register_buffer(f"u{number}", start)

    @torch.no_grad()
    def bound(self, network: nn.Module, rounds: int = 1) -> None:
        """Computed in the weights' own precision, also where training is in a lower one."""
        parameters = dict(network.named_parameters())
        for number, name in enumerate(self._names):
            weight = parameters[name]
            matrix = weight.flatten(1)
            left: torch.Tensor = getattr(self, f"u{number}")
            with torch.autocast(weight.device.type, enabled=False):
                for _ in range(rounds):
                    right = F.normalize(matrix.T @ left, dim=0)
                    left.copy_(F.normalize(matrix @ right, dim=0))
                largest = left @ matrix @ right
            weight.div_(largest.clamp(min=1.0))


def adversarial_losses(
    generator: nn.Module, trunk: nn.Module, judge: nn.Module, real: torch.Tensor, noise: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The hinge losses of the discriminator (``judge`` on ``trunk``) and of the generator, for one backward pass over
    their sum: neither sends a gradient to what the other trains, nor do made pictures move the trunk's statistics.
    """
    made = generator(noise)
    with _statistics_kept(trunk):
        on_made = judge(trunk(made.detach()))
    opponent = hinge_discriminator(judge(trunk(real)), on_made)
    return opponent, hinge_generator(_without_gradient(judge, _without_gradient(trunk, made)))


def _without_gradient(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The network's output, through which a gradient reaches ``x`` alone; its buffers stay as they are."""
    fixed = {name: parameter.detach() for name, parameter in network.named_parameters()}
    copies = {name: buffer.clone() for name, buffer in network.named_buffers()}
    output: torch.Tensor = functional_call(network, {**fixed, **copies}, (x,))
    return output


@contextlib.contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None, None, None]:
    """Batch norm goes by its batch, and does not learn from it."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    usual = [module.momentum for module in norms]
    for module in norms:
        module.momentum = 0.0
    try:
        yield
    finally:
        for module, momentum in zip(norms, usual, strict=True):
            module.momentum = momentum


def _bounded(network: nn.Module, name: str, parameter: nn.Parameter) -> bool:
    holder = network.get_submodule(name.rpartition(".")[0])
    return parameter.ndim > 1 and isinstance(holder, nn.Linear | nn.Conv2d)
