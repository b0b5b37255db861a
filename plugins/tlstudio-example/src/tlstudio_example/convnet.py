"""A small convolutional network, ``[N, 3, H, W]`` to features ``[N, 128]``."""

import torch
from torch import nn


class ConvNet(nn.Module):
    """Each block halves the sides and doubles the channels; the mean of the last map is the feature."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _block(3, 16)
        self.body1 = _block(16, 32)
        self.body2 = _block(32, 64)
        self.top = _block(64, 128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.top(self.body2(self.body1(self.stem(x))))
        return maps.mean((2, 3))


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
