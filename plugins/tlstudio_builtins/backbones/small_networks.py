"""Networks small enough for a microcontroller: students for distillation, and quick to train from random weights.

``resnet8`` and ``resnet20``: the residual networks for CIFAR of He et al. 2016 (Deep Residual Learning for Image
Recognition, section 4.2), whose shortcuts have no parameters (option A: every second pixel, new channels zero).
``mobilenet_v1_025``: MobileNet at a quarter of its width (Howard et al. 2017, table 1), as in MLPerf Tiny (Banbury et
al. 2021). Tensors of the residual networks have the names of the published CIFAR-10 checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (16, 32, 64)  # of the three groups of a CIFAR network
# (channels at full width, stride) of the depthwise-separable blocks.
MOBILE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions: ``[N, inputs, H, W]`` to ``[N, outputs, ceil(H/stride), ceil(W/stride)]``."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self._stride, self._fresh = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        if self._stride == 1 and not self._fresh:
            return x
        before = self._fresh // 2
        x = x[:, :, :: self._stride, :: self._stride]
        return F.pad(x, (0, 0, 0, 0, before, self._fresh - before))


class CifarResNet(nn.Module):
    """``6 * blocks + 2`` layers; ``[N, 3, H, W]`` to ``[N, 64]``. Meant for 32 pixels, fully convolutional."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.layer1 = self._group(WIDTHS[0], WIDTHS[0], 1, blocks)
        self.layer2 = self._group(WIDTHS[0], WIDTHS[1], 2, blocks)
        self.layer3 = self._group(WIDTHS[1], WIDTHS[2], 2, blocks)
        _initialize(self)

    @staticmethod
    def _group(inputs: int, outputs: int, stride: int, blocks: int) -> nn.Sequential:
        rest = [BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)]
        return nn.Sequential(BasicBlock(inputs, outputs, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return x.mean(dim=(2, 3))


class MobileNetV1(nn.Module):
    """Depthwise-separable convolutions; ``[N, 3, H, W]`` to ``[N, 1024 * width]``. Total stride 32."""

    def __init__(self, width: float) -> None:
        super().__init__()
        channels = round(32 * width)
        layers = [_convolution(3, channels, 3, 2)]
        for full, stride in MOBILE:
            outputs = round(full * width)
            depthwise = _convolution(channels, channels, 3, stride, groups=channels)
            layers.append(nn.Sequential(depthwise, _convolution(channels, outputs, 1, 1)))
            channels = outputs
        self.features = nn.Sequential(*layers)
        _initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.features(x).mean(dim=(2, 3)), 1)


def _convolution(inputs: int, outputs: int, side: int, stride: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride, side // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _initialize(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet8() -> CifarResNet:
    return CifarResNet(1)


def resnet20() -> CifarResNet:
    return CifarResNet(3)


def mobilenet_v1_025() -> MobileNetV1:
    return MobileNetV1(0.25)
