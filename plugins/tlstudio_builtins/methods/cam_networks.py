"""The networks of CAM transfer: maps of the source network, the small target network, and the predictor of both."""

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import BackboneDescriptor, FeatureLevel, TrainingError
from tlstudio.training.modules import Classifier, as_map, recorded
from tlstudio_builtins.methods import cam_attention
from tlstudio_builtins.methods.cam_attention import Looked
from tlstudio_builtins.methods.cam_losses import probabilities

_PLACES = 5  # a side of the region, at least; ResNets have 7 at their last stage and usual size
_BACK = {"last": 1, "second-last": 2, "third-last": 3}
_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))

# A sequence of letters is no map that every method could use, so the descriptor does not name it.
_OF_TEXTS = {"text-cnn": (FeatureLevel(name="letters", module="letters", channels=128, stride=1),)}
_SPANS = 64  # places in a text at most
_REGIONS = 256  # that are computed at once

Derive = Callable[[torch.Tensor], torch.Tensor]


def chosen_level(descriptor: BackboneDescriptor, side: int, wanted: str) -> FeatureLevel:
    """``side``: of the input in pixels, 0 where it has no height. Raises ``TrainingError`` where there is no level."""
    levels = descriptor.levels or _OF_TEXTS.get(descriptor.id, ())
    if not levels:
        raise TrainingError(
            f"The backbone '{descriptor.id}' names no feature levels, and CAM transfer looks for its region in their "
            "maps. Choose another backbone."
        )
    if wanted != "auto":
        return levels[max(0, len(levels) - _BACK[wanted])]
    fine = [level for level in levels if not side or -(-side // level.stride) >= _PLACES]
    return fine[-1] if fine else levels[0]


class FeatureMaps(nn.Module):
    """What a level of the backbone gives: inputs to ``[N, C, H, W]``; a text's H is 1; of a film the mean over its
    frames. ``derive``: another modality of the sample, that it sees instead.
    """

    def __init__(self, backbone: nn.Module, level: FeatureLevel, derive: Derive | None = None) -> None:
        super().__init__()
        self.backbone, self.level, self._derive = backbone, level, derive

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = derived(self._derive, x)
        with recorded(self.backbone, [self.level]) as found:
            self.backbone(x)
        maps = _as_maps(found[self.level.name], self.level, x).float()
        return maps.reshape(-1, x.shape[1], *maps.shape[1:]).mean(1) if x.ndim == 5 else maps


def _as_maps(output: torch.Tensor, level: FeatureLevel, x: torch.Tensor) -> torch.Tensor:
    if output.ndim != 3 or level.layout != "nchw":
        return as_map(output, level, x)
    written = output * (x > 0).unsqueeze(1)
    return F.avg_pool1d(written, max(1, x.shape[1] // _SPANS)).unsqueeze(2)


class SmallPictures(nn.Module):
    """Pictures (and spectrograms) ``[N, 3, H, W]``, or films, to features ``[N, 96]``; ``maps`` is its last layer."""

    feature_dim = 96

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 96)
        self.maps = nn.Sequential()
        for depth, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            size, stride = (5, 2) if depth == 0 else (3, 2 if depth < 3 else 1)
            self.maps.append(nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False))
            self.maps.append(nn.BatchNorm2d(outputs))
            self.maps.append(nn.ReLU())
        self.drop = nn.Dropout(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(0, 1) if x.ndim == 5 else x
        features: torch.Tensor = self.drop(self.maps(flat).mean(dim=(2, 3)))
        return features.reshape(-1, x.shape[1], features.shape[1]).mean(1) if x.ndim == 5 else features


class SmallTexts(nn.Module):
    """Texts, int64 ``[N, L]``, to features ``[N, 128]``: the strongest answer of two layers of convolutions."""

    feature_dim = 128

    def __init__(self) -> None:
        super().__init__()
        self.bytes = nn.Embedding(257, 32, padding_idx=0)
        self.maps = nn.Sequential(
            nn.Conv1d(32, 128, 5, padding=2), nn.ReLU(), nn.Conv1d(128, 128, 5, padding=2), nn.ReLU()
        )
        self.drop = nn.Dropout(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.maps(self.bytes(x).transpose(1, 2))
        features: torch.Tensor = self.drop((found * (x > 0).unsqueeze(1)).amax(2))
        return features


def edges(x: torch.Tensor) -> torch.Tensor:
    """Sobel: the gradient's magnitude and its two parts, of the mean colour; ``[N, 3, H, W]`` to the same."""
    kernel = x.new_tensor(_SOBEL) / 4
    grey = F.pad(x.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    found = F.conv2d(grey, torch.stack([kernel, kernel.T])[:, None])
    magnitude = (found.square().sum(dim=1, keepdim=True) + 1e-8).sqrt()
    return torch.cat([magnitude, found], dim=1)


def grey(x: torch.Tensor) -> torch.Tensor:
    """The mean colour, three times: ``[N, 3, H, W]`` to the same."""
    return x.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)


def derived(derive: Derive | None, x: torch.Tensor) -> torch.Tensor:
    """Likewise of each frame of a film; the sample itself where there is nothing to derive."""
    if derive is None:
        return x
    return derive(x.flatten(0, 1)).reshape(x.shape) if x.ndim == 5 else derive(x)


class TargetNetwork(Classifier):
    """G_t. ``derive``: another modality of the sample, that it sees instead."""

    def __init__(self, backbone: nn.Module, head: nn.Module, derive: Derive | None = None) -> None:
        super().__init__(backbone, head)
        self._derive = derive

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(derived(self._derive, x))


class Scale(nn.Module):
    """What was measured: mean and spread of each channel of F on the target's training split; the temperature of the
    target network; mean maps ``[K, C, H, W]`` of the source's classes, where the variant wants them.
    """

    mean: torch.Tensor
    std: torch.Tensor
    temperature: torch.Tensor
    prototypes: torch.Tensor

    def __init__(self, channels: int, prototypes: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("temperature", torch.ones(()))
        if prototypes:
            self.register_buffer("prototypes", torch.zeros(prototypes))
        self.paired = bool(prototypes)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return (maps - self.mean[:, None, None]) / self.std[:, None, None]


class CamPredictor(nn.Module):
    """Inputs to ``h(z)``. ``gated``: z pools the gated maps, so that p changes what is seen as well.

    Where a sample may have several labels each has a region of its own, led by its own probability alone, and h tells
    this label from that region. What :meth:`look` gives has then ``N K`` rows, the labels of a sample in a row.
    """

    def __init__(
        self,
        maps: FeatureMaps,
        target: nn.Module,
        scale: Scale,
        attention: nn.Module,
        head: nn.Module,
        *,
        task: str,
        gated: bool = False,
    ) -> None:
        super().__init__()
        self.maps, self.target, self.scale, self.attention, self.head = maps, target, scale, attention, head
        self.task, self.gated, self.several = task, gated, task == "multilabel"

    def source_maps(self, x: torch.Tensor) -> torch.Tensor:
        """F ``[N, C, H, W]``, of mean 0 and spread 1 over the training split."""
        found: torch.Tensor = self.scale(self.maps(x))
        return found

    def calibrated(self, x: torch.Tensor) -> torch.Tensor:
        """p ``[N, K]``."""
        return probabilities(self.target(x), self.scale.temperature, self.task)

    def at_once(self, outputs: int) -> int:
        """How many samples are looked at together; with several labels each of them has so many regions."""
        return max(1, _REGIONS // outputs) if self.several else _REGIONS

    def look(self, maps: torch.Tensor, p: torch.Tensor, wanted: torch.Tensor | None = None) -> Looked:
        prototypes = self.scale.prototypes if self.scale.paired else None
        if self.several:
            maps, p = _repeated(maps, p.shape[1]), (p[:, :, None] * _same(p)).flatten(0, 1)
        looked: Looked = self.attention(maps, p, prototypes, wanted)
        return looked._replace(labels=p.shape[1]) if self.several else looked

    def answer(self, maps: torch.Tensor, looked: Looked) -> torch.Tensor:
        """h(z) ``[N, K]``; in symmetric fusion with what the target network adds."""
        if self.several:
            maps = _repeated(maps, looked.labels)
        seen = looked.gates[:, :, None, None] * maps if self.gated else maps
        outputs: torch.Tensor = self.head(cam_attention.pooled(seen, looked.share))
        outputs = outputs if looked.own is None else outputs + looked.own
        if self.several:
            outputs = (outputs.reshape(-1, outputs.shape[1], outputs.shape[1]) * _same(outputs)).sum(2)
        return outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps, p = self.source_maps(x), self.calibrated(x)
        return self.answer(maps, self.look(maps, p))

    def regions(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """What is behind the answers: ``outputs [N, K]``, ``map [N, H, W]``, ``p [N, K]``, ``gates [N, C]``. Where
        there may be several labels, map and gates are those of the surest; ``of_labels [N, K, H, W]`` has all maps.
        """
        maps, p = self.source_maps(x), self.calibrated(x)
        looked = self.look(maps, p)
        outputs = self.answer(maps, looked)
        found = {"outputs": outputs, "map": looked.map, "p": p, "gates": looked.gates}
        if self.several:
            surest = torch.arange(len(p), device=p.device) * p.shape[1] + outputs.argmax(1)
            found |= {"map": looked.map[surest], "gates": looked.gates[surest]}
            found["of_labels"] = looked.map.reshape(*p.shape, *looked.map.shape[1:])
        return found


def _repeated(maps: torch.Tensor, times: int) -> torch.Tensor:
    return maps[:, None].expand(-1, times, -1, -1, -1).flatten(0, 1)


def _same(like: torch.Tensor) -> torch.Tensor:
    return torch.eye(like.shape[1], dtype=like.dtype, device=like.device)
