"""Low-rank changes of weights (LoRA, Hu et al., ICLR 2022, section 4.1): W = W₀ + α/r B A, A drawn, B zero at first.

They are parametrizations of the weights themselves, so that whatever uses a weight sees the changed one: attention's
joint projection, windows that are shifted, grouped, strided and dilated convolutions. Merging is reading the weight.
"""

import math

import torch
from torch import nn
from torch.nn.utils import parametrize


class LowRankMatrix(nn.Module):
    """For ``[out, in]``: r x in down, out x r up."""

    def __init__(self, weight: torch.Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, weight.shape[1]))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return weight + self.scale * (self.up @ self.down)


class LowRankKernel(nn.Module):
    """For ``[out, in / groups, kh, kw]``: a convolution of 1x1 down to r channels, then one of kh x kw up."""

    def __init__(self, weight: torch.Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        out, inputs, height, width = weight.shape
        self.down = nn.Parameter(torch.empty(rank, inputs))
        self.up = nn.Parameter(torch.zeros(out, rank, height, width))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return weight + self.scale * torch.einsum("orhw,ri->oihw", self.up, self.down)


def adapt(backbone: nn.Module, rank: int, alpha: float) -> list[str]:
    """Puts a low-rank change on the weight of every linear layer and convolution, in place; returns their names.

    Left as they are: layers where it would have as many parameters as the weight (depthwise convolutions).
    """
    adapted = []
    for path, module in list(backbone.named_modules()):
        for name in _weights(module):
            weight = getattr(module, name)
            change = (LowRankMatrix if weight.ndim == 2 else LowRankKernel)(weight, rank, alpha)
            if sum(p.numel() for p in change.parameters()) < weight.numel():
                parametrize.register_parametrization(module, name, change.to(weight.device), unsafe=True)
                adapted.append(f"{path}.{name}" if path else name)
    return adapted


@torch.no_grad()
def merge(adapted: nn.Module, plain: nn.Module) -> None:
    """Copies every parameter and buffer of ``adapted`` into ``plain``, which has the names from before ``adapt``."""
    for path, module in plain.named_modules():
        twin = adapted.get_submodule(path)
        for name, own in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            own.copy_(getattr(twin, name))


def _weights(module: nn.Module) -> tuple[str, ...]:
    if isinstance(module, nn.MultiheadAttention):
        return ("in_proj_weight",) if module.in_proj_weight is not None else ()
    if isinstance(module, nn.Linear | nn.Conv2d) and not parametrize.is_parametrized(module, "weight"):
        return ("weight",)
    return ()
