"""Losses of unsupervised domain adaptation, and the layer that turns gradients round."""

import math
from typing import Any

import torch
from torch.nn import functional as F

_STEEPNESS = 20.0  # 20,000 steps at the i / 1000 of the reference implementation
_SMALLEST = 1e-6  # of a probability inside a logarithm


def class_confusion(outputs: torch.Tensor, temperature: float = 2.5) -> torch.Tensor:
    """Minimum class confusion of target outputs ``[N, C]`` (Jin et al., ECCV 2020, section 3): a scalar, 0
    where no two classes are confused, at most ``1 - 1/C``.

    Samples that the model is sure of weigh more: ``1 + exp(-H)``, which gets no gradient.
    """
    count, classes = outputs.shape
    logs = torch.log_softmax(outputs / temperature, 1)
    share = logs.exp()
    with torch.no_grad():
        weight = 1 + torch.exp((share * logs).sum(1))
        weight = count * weight / weight.sum()
    confusion = (share * weight[:, None]).T @ share
    confusion = confusion / confusion.sum(1, keepdim=True)
    return (confusion.sum() - confusion.diagonal().sum()) / classes


def domain_loss(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of a discriminator's logits ``[N, 1]`` and ``[M, 1]``, the source being 1; the mean of the
    two domains (Ganin et al. 2016, section 4).
    """
    told = F.binary_cross_entropy_with_logits(source, torch.ones_like(source))
    return 0.5 * (told + F.binary_cross_entropy_with_logits(target, torch.zeros_like(target)))


def domain_accuracy(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean over the domains of the share that the discriminator tells right; 0.5: it cannot tell them apart."""
    return 0.5 * ((source > 0).float().mean() + (target <= 0).float().mean())


def margin_disparity(
    source: torch.Tensor,
    source_adversary: torch.Tensor,
    target: torch.Tensor,
    target_adversary: torch.Tensor,
    margin: float = 4.0,
) -> torch.Tensor:
    """What the adversarial head minimises, and the features, behind a reversed gradient, maximise (Zhang et al., ICML
    2019, section 5): ``γ CE(h'(f_s), argmax h(f_s)) - log(1 - p'_t[argmax h(f_t)])``, a scalar.

    All are outputs ``[N, C]``; the head's own answers get no gradient.
    """
    agreed = F.cross_entropy(source_adversary, source.argmax(1))
    share = torch.softmax(target_adversary, 1).gather(1, target.argmax(1, keepdim=True))
    return margin * agreed - torch.log((1 - share).clamp(min=_SMALLEST)).mean()


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, coefficient: float) -> torch.Tensor:
        ctx.coefficient = coefficient
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.coefficient * gradients[0], None


def reverse_gradient(x: torch.Tensor, coefficient: float) -> torch.Tensor:
    """``x``; its gradient is multiplied by ``-coefficient`` (Ganin and Lempitsky 2015)."""
    reversed_: torch.Tensor = _Reversal.apply(x, coefficient)
    return reversed_


def reversal(step: int, steps: int, highest: float = 1.0) -> float:
    """The coefficient for ``step`` of ``steps``, from 0 up to ``highest``: ``2 / (1 + exp(-20 step / steps)) - 1``.

    With 20,000 steps it is the ``2 / (1 + exp(-i / 1000)) - 1`` of the Transfer-Learning-Library; a short run goes
    through the same course in fewer steps.
    """
    return highest * (2.0 / (1.0 + math.exp(-_STEEPNESS * step / max(1, steps))) - 1.0)
