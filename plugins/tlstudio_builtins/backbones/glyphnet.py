"""glyphnet: the small residual network that comes with the application, pretrained on printed characters.

The weights lie in ``resources/glyphnet/glyphnet.safetensors``; the scripts beside them made them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEATURE_DIM = 192
INPUT_SIZE = 40

# (name, module path, channels, stride in input pixels), from fine to coarse.
LEVELS: tuple[tuple[str, str, int, int], ...] = (
    ("stem", "stem", 32, 2),
    ("stage1", "stage1", 32, 2),
    ("stage2", "stage2", 64, 4),
    ("stage3", "stage3", 128, 8),
    ("stage4", "stage4", 192, 16),
)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: [N, inputs, H, W] -> [N, outputs, ceil(H/stride), ceil(W/stride)]."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm1(self.conv1(x)))
        return self.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class GlyphNet(nn.Module):
    """A picture of one character to ``FEATURE_DIM`` features; fully convolutional, from about 16 pixels a side up."""

    feature_dim = FEATURE_DIM

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 32, 5, 2, 2, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.stage1 = ResidualBlock(32, 32)
        self.stage2 = nn.Sequential(ResidualBlock(32, 64, 2), ResidualBlock(64, 64))
        self.stage3 = nn.Sequential(ResidualBlock(64, 128, 2), ResidualBlock(128, 128))
        self.stage4 = ResidualBlock(128, FEATURE_DIM, 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, H, W], values -1..1 (mean 0.5, std 0.5), or [N, 1, H, W] grey -> [N, FEATURE_DIM], >= 0."""
        x = x.mean(dim=1, keepdim=True)
        x = self.stage4(self.stage3(self.stage2(self.stage1(self.stem(x)))))
        return torch.flatten(x.mean(dim=(2, 3)), 1)


def glyphnet() -> GlyphNet:
    """The network with random weights; the application loads the pretrained ones."""
    return GlyphNet()
