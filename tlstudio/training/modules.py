"""The shape that most adapted models have."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from tlstudio.api.backbone import FeatureLevel


class Classifier(nn.Module):
    """A backbone and a head: inputs to features ``[N, D]`` to outputs ``[N, K]``."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.backbone(x))
        return logits


class Scaled(nn.Module):
    """A head whose outputs are ``raw * scale + shift``, where there is such a scale (numbers in the user's units)."""

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, scale: Sequence[float] = (), shift: Sequence[float] = ()) -> None:
        super().__init__()
        self._scaled = len(scale) > 0
        if self._scaled:
            self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
            self.register_buffer("shift", torch.tensor(shift, dtype=torch.float32))

    def scaling(self) -> tuple[list[float], list[float]]:
        """Scale and shift, both empty where there is none."""
        return (self.scale.tolist(), self.shift.tolist()) if self._scaled else ([], [])

    def rescale(self, raw: torch.Tensor) -> torch.Tensor:
        return raw * self.scale + self.shift if self._scaled else raw


class StandardizedLinear(Scaled):
    """``(x - mean) / std`` per feature, then a linear layer; ``[N, D]`` to ``[N, K]``.

    Mean and standard deviation are buffers, taken from the training features, so that they are saved with the model.
    The linear layer starts at zero: every class is equally likely, and no random direction has to be unlearnt first.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, features: int, outputs: int, scale: Sequence[float] = (), shift: Sequence[float] = ()) -> None:
        super().__init__(scale, shift)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.linear = nn.Linear(features, outputs)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def fit_scale(self, features: torch.Tensor) -> None:
        """Takes mean and spread from ``features [N, D]``; features that hardly vary beside the others keep 1."""
        self.mean.copy_(features.mean(0))
        spread = features.std(0, correction=0)
        self.std.copy_(torch.where(spread > 1e-5 * spread.max(), spread, torch.ones_like(spread)))

    def standardize(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rescale(self.linear(self.standardize(x)))


class MLPHead(Scaled):
    """One hidden layer: ``[N, D]`` to ``[N, K]``; the input is layer-normalised without parameters."""

    def __init__(
        self, features: int, hidden: int, outputs: int, scale: Sequence[float] = (), shift: Sequence[float] = ()
    ) -> None:
        super().__init__(scale, shift)
        self.layers = nn.Sequential(
            nn.LayerNorm(features, elementwise_affine=False),
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, outputs),
        )
        self.shape = (features, hidden, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rescale(self.layers(x))


class PixelHead(nn.Module):
    """Feature maps of several strides to logits at the finest of them: each level to ``width`` channels by a 1×1
    convolution, brought to the finest size and added (as in FPN, Lin et al. 2017), then two convolutions.

    Group normalisation, since batches of large pictures are small.
    """

    def __init__(self, channels: Sequence[int], classes: int, width: int = 32) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, width, 1, bias=False), nn.GroupNorm(8, width)) for count in channels
        )
        self.smooth = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False), nn.GroupNorm(8, width), nn.ReLU()
        )
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, maps: "list[torch.Tensor]") -> torch.Tensor:
        """Finest first: ``[N, Cᵢ, Hᵢ, Wᵢ]`` to ``[N, classes, H₀, W₀]``."""
        size = maps[0].shape[-2:]
        total = self.lateral[0](maps[0])
        for lateral, level in zip(list(self.lateral)[1:], maps[1:], strict=True):
            total = total + nn.functional.interpolate(lateral(level), size=size, mode="bilinear", align_corners=False)
        logits: torch.Tensor = self.classify(self.smooth(total))
        return logits


class Segmenter(nn.Module):
    """A backbone whose named feature levels a head turns into logits ``[N, C, H, W]`` of the input's size."""

    def __init__(self, backbone: nn.Module, levels: Sequence[FeatureLevel], classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = PixelHead([level.channels for level in levels], classes)
        self.levels, self.classes = tuple(levels), classes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with recorded(self.backbone, self.levels) as maps:
            self.backbone(x)
        ordered = [as_map(maps[level.name], level, x) for level in self.levels]
        return nn.functional.interpolate(self.head(ordered), size=x.shape[-2:], mode="bilinear", align_corners=False)


@contextlib.contextmanager
def recorded(
    network: nn.Module,
    levels: Sequence[FeatureLevel],
    made: Callable[[torch.Tensor, FeatureLevel], torch.Tensor] | None = None,
) -> Iterator[dict[str, torch.Tensor]]:
    """Filled by the forward passes inside: by the name of a level what its module returned, or what is ``made`` of it
    at once.
    """
    found: dict[str, torch.Tensor] = {}

    def keep(level: FeatureLevel) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def kept(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            found[level.name] = made(output, level) if made else output

        return kept

    hooks = [network.get_submodule(level.module).register_forward_hook(keep(level)) for level in levels]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def as_map(output: torch.Tensor, level: FeatureLevel, x: torch.Tensor) -> torch.Tensor:
    """What a level's module returned for the inputs ``x [N, 3, H, W]``, as ``[N, channels, H/stride, W/stride]``."""
    if level.layout == "nhwc":
        return output.permute(0, 3, 1, 2)
    if level.layout == "tokens":
        rows, columns = x.shape[-2] // level.stride, x.shape[-1] // level.stride
        return output[:, -rows * columns :].transpose(1, 2).reshape(len(output), -1, rows, columns)
    return output


def average_frames(backbone: nn.Module, frames: int) -> None:
    """From now on ``backbone`` takes films ``[N, frames, ...]`` and gives the mean of its features over the frames.

    By hooks, so that its parameters keep their names.
    """
    backbone.register_forward_pre_hook(_flatten_frames)
    backbone.register_forward_hook(functools.partial(_mean_of_frames, frames))


def _flatten_frames(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (inputs[0].flatten(0, 1), *inputs[1:])


def _mean_of_frames(frames: int, _module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
    return output.reshape(-1, frames, output.shape[-1]).mean(1)
