"""Films as tensors."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

from tlstudio import places
from tlstudio.api import DataError, Preprocessing
from tlstudio.data.transforms import Augmentation, Normalizer, make_transform
from tlstudio_builtins.modalities.video import frames_of


class VideoSamples:
    """A :class:`tlstudio.api.Samples`. One draw of random numbers augments all frames of a film alike."""

    def __init__(self, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> None:
        self._preprocessing, self._parameters = preprocessing, dict(parameters)

    def decode(self, place: str) -> torch.Tensor:
        content = places.read_bytes(place)
        try:
            frames = frames_of(content, self._preprocessing, self._parameters)
        except DataError as error:
            raise DataError(f"{places.printable(place)} cannot be used. {error}") from error
        return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()

    def transform(self, augmentation: str, flip: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        return make_transform(self._preprocessing, cast(Augmentation, augmentation), flip)

    def normalizer(
        self, device: torch.device, memory_format: torch.memory_format
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        return _OfFrames(Normalizer(self._preprocessing, device, memory_format))


@dataclasses.dataclass(frozen=True)
class _OfFrames:
    """uint8 ``[N, T, 3, H, W]`` to float ``[N, T, 3, H, W]``."""

    normalize: Normalizer

    def __call__(self, films: torch.Tensor) -> torch.Tensor:
        frames = self.normalize(films.flatten(0, 1))
        return frames.view(*films.shape[:2], *frames.shape[1:])
