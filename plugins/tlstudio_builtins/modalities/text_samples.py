"""Texts as tensors."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch

from tlstudio import places
from tlstudio.api import DataError, Preprocessing
from tlstudio_builtins.modalities.text import numbers

_EXAMINED = 4  # times the length: how much of a long text is read on


class TextSamples:
    """A :class:`tlstudio.api.Samples`."""

    def __init__(self, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> None:
        self._length = int(parameters["length"])

    def decode(self, place: str) -> torch.Tensor:
        content = places.read_bytes(place)
        try:
            values = numbers(content)
        except DataError as error:
            raise DataError(f"{places.printable(place)} cannot be used. {error}") from error
        return torch.from_numpy(values[: _EXAMINED * self._length].astype("int64"))

    def transform(self, augmentation: str, flip: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        return _Fitted(self._length) if augmentation == "none" else _Garbled(self._length)

    def normalizer(
        self, device: torch.device, memory_format: torch.memory_format
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        return _Moved(device)


@dataclasses.dataclass(frozen=True)
class _Fitted:
    """The first ``length`` bytes, zeros behind a shorter text."""

    length: int

    def __call__(self, text: torch.Tensor) -> torch.Tensor:
        row = torch.zeros(self.length, dtype=torch.int64)
        row[: len(text)] = text[: self.length]
        return row


@dataclasses.dataclass(frozen=True)
class _Garbled:
    """Slips of writing: in half of the texts about one character in fifty is lost, in half of them about one letter
    in twenty is written large or small; one text in ten is all small, one in twenty all large.
    """

    length: int
    lost: float = 0.02
    turned: float = 0.05

    def __call__(self, text: torch.Tensor) -> torch.Tensor:
        chances = torch.rand(3)
        value = text - 1
        if chances[0] < 0.5 and len(text) > 8:
            keep = (torch.rand(len(text)) >= self.lost) | (value >= 128)  # UTF-8 stays UTF-8
            text, value = text[keep], value[keep]
        lower = (value >= ord("a")) & (value <= ord("z"))
        upper = (value >= ord("A")) & (value <= ord("Z"))
        turn = torch.rand(len(text)) < (self.turned if chances[1] < 0.5 else 0.0)
        if chances[2] < 0.1:
            turn = upper
        elif chances[2] < 0.15:
            turn = lower
        return _Fitted(self.length)(text + 32 * (turn & upper) - 32 * (turn & lower))


@dataclasses.dataclass(frozen=True)
class _Moved:
    device: torch.device

    def __call__(self, texts: torch.Tensor) -> torch.Tensor:
        return texts.to(self.device, non_blocking=True)
