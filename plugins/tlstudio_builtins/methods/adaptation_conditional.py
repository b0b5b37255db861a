"""Conditional adversarial adaptation: the discriminator sees features and answers together."""

import torch
from torch import nn

from tlstudio.api import StepState
from tlstudio_builtins.methods.adaptation import DANN, Both
from tlstudio_builtins.methods.adaptation_modules import discriminator
from tlstudio_builtins.methods.adaptation_options import CDANOptions


class RandomProduct(nn.Module):
    """``(R_f f) ⊙ (R_g g) / √d``, ``[N, F]`` and ``[N, C]`` to ``[N, d]``: products of it are in the mean those of the
    outer product ``f ⊗ g`` (Long et al. 2018, section 3.2). Both matrices are drawn once, from a normal distribution.
    """

    features: torch.Tensor
    classes: torch.Tensor

    def __init__(self, features: int, classes: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("features", torch.randn(features, outputs))
        self.register_buffer("classes", torch.randn(classes, outputs))

    def forward(self, f: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = (f @ self.features) * (g @ self.classes) / len(self.features[0]) ** 0.5
        return product


class CDAN(DANN):
    """As DANN; the answers take part, and get no gradient from it."""

    def _title(self) -> str:
        return "Learning from the source, against a discriminator that knows the answers"

    def _parts(self) -> dict[str, nn.Module]:
        o = self._options
        assert isinstance(o, CDANOptions)
        self._product = RandomProduct(o.bottleneck, self._context.objective.outputs, o.product)
        self._discriminator = discriminator(o.product, o.discriminator)
        return {"product": self._product, "discriminator": self._discriminator}

    def _transfer(self, found: Both, state: StepState, logs: dict[str, float]) -> torch.Tensor:
        source, own, target, other = found
        answers = torch.softmax(torch.cat((own, other)).float(), 1).detach()
        product = self._product(torch.cat((source, target)).float(), answers)
        return self._told_apart(product, len(source), state, logs)
