"""The shape that most adapted models have."""

import torch
from torch import nn


class Classifier(nn.Module):
    """A backbone and a head: ``[N, 3, H, W]`` to features ``[N, D]`` to logits ``[N, C]``."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.backbone(x))
        return logits


class StandardizedLinear(nn.Module):
    """``(x - mean) / std`` per feature, then a linear layer; ``[N, D]`` to ``[N, C]``.

    Mean and standard deviation are buffers, taken from the training features, so that they are saved with the model.
    The linear layer starts at zero: every class is equally likely, and no random direction has to be unlearnt first.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.linear = nn.Linear(features, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def fit_scale(self, features: torch.Tensor) -> None:
        """Takes mean and spread from ``features [N, D]``; features that hardly vary beside the others keep 1."""
        self.mean.copy_(features.mean(0))
        spread = features.std(0, correction=0)
        self.std.copy_(torch.where(spread > 1e-5 * spread.max(), spread, torch.ones_like(spread)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear((x - self.mean) / self.std)
        return logits


class MLPHead(nn.Module):
    """One hidden layer: ``[N, D]`` to ``[N, C]``; the input is layer-normalised without parameters."""

    def __init__(self, features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(features, elementwise_affine=False),
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, classes),
        )
        self.shape = (features, hidden, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(x)
        return logits
