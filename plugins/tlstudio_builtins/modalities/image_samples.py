"""Pictures as tensors."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

from tlstudio.api import Preprocessing
from tlstudio.data.masks import letterbox
from tlstudio.data.transforms import Augmentation, Normalizer, decode, make_transform


class ImageSamples:
    """A :class:`tlstudio.api.Samples`."""

    def __init__(self, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> None:
        self._preprocessing, self._side = preprocessing, parameters.get("side")

    def decode(self, place: str) -> torch.Tensor:
        return decode(place)

    def transform(self, augmentation: str, flip: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        if self._side:
            return functools.partial(letterbox, side=self._side)
        return make_transform(self._preprocessing, cast(Augmentation, augmentation), flip)

    def normalizer(
        self, device: torch.device, memory_format: torch.memory_format
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        return Normalizer(self._preprocessing, device, memory_format)
