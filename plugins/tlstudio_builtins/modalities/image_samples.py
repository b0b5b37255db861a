"""Pictures as tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from tlstudio.api import Preprocessing
from tlstudio.data.transforms import Normalizer, decode, make_transform


class ImageSamples:
    """A :class:`tlstudio.api.Samples`."""

    def __init__(self, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> None:
        self._preprocessing = preprocessing

    def decode(self, place: str) -> torch.Tensor:
        return decode(place)

    def transform(self, augmentation: str, flip: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        return make_transform(self._preprocessing, augmentation, flip)

    def normalizer(
        self, device: torch.device, memory_format: torch.memory_format
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        return Normalizer(self._preprocessing, device, memory_format)
