"""Heads and discriminators of unsupervised domain adaptation."""

import torch
from torch import nn


class BottleneckHead(nn.Module):
    """Features ``[N, D]`` through a bottleneck (linear, batch norm, ReLU) to outputs ``[N, K]``.

    ``hidden``: whether the classifier behind it has a hidden layer of the same width.
    """

    def __init__(self, features: int, width: int, outputs: int, hidden: bool = False) -> None:
        super().__init__()
        self.bottleneck = nn.Sequential(nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU())
        self.classify = classifier(width, outputs, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.classify(self.bottleneck(x))
        return outputs


def classifier(width: int, outputs: int, hidden: bool = False) -> nn.Module:
    """Linear, small at first, so that no class is favoured."""
    last = nn.Linear(width, outputs)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), last) if hidden else last


def discriminator(features: int, width: int = 1024) -> nn.Module:
    """Features ``[N, D]`` to a logit ``[N, 1]``: two hidden layers with batch norm."""
    return nn.Sequential(
        nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU(),
        nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(),
        nn.Linear(width, 1),
    )  # fmt: skip
