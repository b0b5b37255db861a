"""Sounds as tensors: pictures of their mel spectrograms."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional as nn_functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from tlstudio import places
from tlstudio.api import DataError, Preprocessing
from tlstudio.data.transforms import Normalizer
from tlstudio_builtins.modalities import sound_files
from tlstudio_builtins.modalities.audio import REACH
from tlstudio_builtins.modalities.spectrogram import FLOOR, RANGE, SILENCE, Geometry, mel_filters, middle


class AudioSamples:
    """A :class:`tlstudio.api.Samples`. Decoded samples are uint8 ``[3, mels, frames]``, however long the sound is."""

    def __init__(self, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> None:
        self._preprocessing, self._geometry = preprocessing, Geometry.of(parameters)
        self._filters = torch.from_numpy(mel_filters(self._geometry.rate, self._geometry.n_fft))
        self._window = torch.from_numpy(self._geometry.hann())

    def decode(self, place: str) -> torch.Tensor:
        content = places.read_bytes(place)
        try:
            wave = sound_files.read(content, self._geometry.rate, REACH * self._geometry.seconds)
        except DataError as error:
            raise DataError(f"{places.printable(place)} cannot be used. {error}") from error
        return self._picture(torch.from_numpy(wave)).expand(3, -1, -1)

    def _picture(self, wave: torch.Tensor) -> torch.Tensor:
        """As :func:`tlstudio_builtins.modalities.spectrogram.spectrogram`."""
        g = self._geometry
        samples = wave.double()
        peak = samples.abs().max()
        if peak < SILENCE:
            return torch.zeros(len(self._filters), 1 + len(samples) // g.hop, dtype=torch.uint8)
        spectrum = torch.stft(
            samples / peak, g.n_fft, g.hop, g.window, self._window, center=True, pad_mode="constant",
            return_complex=True,
        )  # fmt: skip
        decibels = 10 * torch.log10(self._filters @ spectrum.abs().square() + FLOOR)
        levels = ((decibels - decibels.max()) / RANGE + 1.0).clamp(0.0, 1.0)
        return (255 * levels).round().to(torch.uint8).flip(0)

    def transform(self, augmentation: str, flip: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        resize = _Stretched(self._preprocessing)
        if augmentation == "none":
            return _Middle(self._geometry.frames, resize)
        return _Augmented(self._geometry.frames, resize, strong=augmentation == "medium")

    def normalizer(
        self, device: torch.device, memory_format: torch.memory_format
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        return Normalizer(self._preprocessing, device, memory_format)


@dataclasses.dataclass(frozen=True)
class _Stretched:
    """Both axes to the side of the network's square; nothing is cropped away."""

    preprocessing: Preprocessing

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        p = self.preprocessing
        resized: torch.Tensor = F.resize(
            picture[:1], [p.crop, p.crop], interpolation=InterpolationMode(p.interpolation), antialias=True
        )
        return resized.expand(3, -1, -1)


@dataclasses.dataclass(frozen=True)
class _Middle:
    frames: int
    resize: _Stretched

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        return self.resize(_window(picture, middle(picture.shape[-1], self.frames), self.frames))


@dataclasses.dataclass(frozen=True)
class _Augmented:
    """Another moment, another loudness, and masks over time and frequency (SpecAugment, Park et al. 2019); with
    ``strong`` also another tempo and two masks of each kind. Never mirrored: sounds do not run backwards.
    """

    frames: int
    resize: _Stretched
    strong: bool = False
    shift: float = 0.1  # of the window, for sounds that fit into it
    gain: float = 4.0  # decibels
    tempo: float = 0.15
    time_mask: float = 0.2
    mel_mask: float = 24 / 128

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        r = torch.rand(3).tolist()
        picture = picture[:1]
        if self.strong:
            columns = max(1, round(picture.shape[-1] * (1 + (2 * r[2] - 1) * self.tempo)))
            picture = F.resize(picture, [picture.shape[-2], columns], antialias=True)
        spare = picture.shape[-1] - self.frames
        reach = spare / 2 if spare > 0 else self.shift * self.frames
        start = middle(picture.shape[-1], self.frames) + round((2 * r[0] - 1) * reach)
        picture = _window(picture, start, self.frames)
        level = round((2 * r[1] - 1) * self.gain * 255 / RANGE)
        picture = torch.where(picture > 0, (picture.short() + level).clamp(1, 255), 0).to(torch.uint8)
        for _ in range(2 if self.strong else 1):
            picture = self._masked(picture)
        return self.resize(picture)

    def _masked(self, picture: torch.Tensor) -> torch.Tensor:
        """Up to a fifth of the time, and up to 24 of 128 bands, at the picture's mean."""
        rows, columns = picture.shape[-2:]
        r = torch.rand(4).tolist()
        height, width = round(r[0] * self.mel_mask * rows), round(r[1] * self.time_mask * columns)
        top, left = round(r[2] * (rows - height)), round(r[3] * (columns - width))
        picture = picture.clone()
        mean = int(picture.float().mean())
        picture[:, top : top + height] = mean
        picture[:, :, left : left + width] = mean
        return picture


def _window(picture: torch.Tensor, start: int, frames: int) -> torch.Tensor:
    """``frames`` columns from ``start`` on; silence where the sound has none."""
    columns = picture.shape[-1]
    before, after = max(0, -start), max(0, start + frames - columns)
    return nn_functional.pad(picture[..., max(0, start) : max(0, start + frames)], (before, after))
