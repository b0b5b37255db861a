"""Sounds, without torch: pictures of their mel spectrograms, as the networks for pictures take them."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.api import Facts, Preprocessing
from tlstudio.api.regions import Canvas
from tlstudio_builtins.modalities import colours, sound_files, sound_regions
from tlstudio_builtins.modalities.spectrogram import Geometry, fitted, spectrogram

REACH = 3.0  # of a sound longer than this many windows, the middle of so many is used
_SPEECH, _STUDIO = 16_000, 96_000  # Hz
_SHORTEST, _LONGEST = 0.25, 10.0  # seconds
_SHOWN = 60.0  # seconds of a preview


class Audio:
    """A :class:`tlstudio.api.Modality`."""

    def check(self, content: bytes, name: str) -> Facts:
        sound = sound_files.examine(content)
        meta = [
            ("duration", f"{sound.frames / sound.rate:.3g} s"),
            ("sample rate", f"{sound.rate} Hz"),
            ("channels", str(sound.channels)),
            ("format", sound.kind),
            ("peak", _decibels(sound.peak)),
            ("loudness", _decibels(sound.loudness)),
            ("silent", f"{100 * sound.silent:.0f} %"),
            ("clipped", f"{100 * sound.clipped:.2g} %"),
        ]
        return Facts(width=max(1, round(1000 * sound.frames / sound.rate)), height=sound.rate, meta=tuple(meta))

    def preview(self, content: bytes, size: int) -> npt.NDArray[np.uint8]:
        rate = min(sound_files.rate_of(content), _SPEECH)
        wave = sound_files.read(content, rate, _SHOWN)
        picture = spectrogram(wave, Geometry.of({"sample_rate": rate, "seconds": max(0.05, len(wave) / rate)}))
        scaled = Image.fromarray(picture).resize((size, max(1, size * 5 // 8)), Image.Resampling.BILINEAR)
        return colours.coloured(np.asarray(scaled))

    def parameters(self, facts: Sequence[Facts]) -> dict[str, Any]:
        """``sample_rate`` in Hz: the most frequent one; 16,000 where that is higher, which holds what ears and
        published sound classifiers go by; only recordings above 96,000 Hz (bats, machines) stay as they are.
        ``seconds``: as long as 19 of 20 of the sounds, from 0.25 to 10.
        """
        rates = Counter(fact.height for fact in facts if fact.height > 0)
        usual = min((-count, rate) for rate, count in rates.items())[1] if rates else _SPEECH
        durations = [fact.width / 1000 for fact in facts if fact.width > 0] or [1.0]
        seconds = min(_LONGEST, max(_SHORTEST, float(np.percentile(durations, 95))))
        return {
            "sample_rate": usual if usual > _STUDIO else min(usual, _SPEECH),
            "seconds": math.ceil(seconds * 100) / 100,
        }

    def inputs(
        self, contents: Sequence[bytes], preprocessing: Preprocessing, parameters: Mapping[str, Any]
    ) -> npt.NDArray[np.uint8]:
        geometry, side = Geometry.of(parameters), preprocessing.crop
        bicubic = preprocessing.interpolation == "bicubic"
        kernel = Image.Resampling.BICUBIC if bicubic else Image.Resampling.BILINEAR
        squares = []
        for content in contents:
            picture = fitted(picture_of(content, geometry), geometry.frames)
            squares.append(np.asarray(Image.fromarray(picture).resize((side, side), kernel)))
        return np.repeat(np.stack(squares)[:, None], 3, axis=1)

    def canvas(self, content: bytes, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> Canvas:
        """A :class:`tlstudio.api.regions.DrawnModality`."""
        return sound_regions.canvas(content, parameters)

    def heard(
        self,
        content: bytes,
        kept: npt.NDArray[np.float64],
        preprocessing: Preprocessing,
        parameters: Mapping[str, Any],
    ) -> bytes:
        """A :class:`tlstudio.api.regions.HeardModality`."""
        return sound_regions.heard(content, kept, parameters)


def picture_of(content: bytes, geometry: Geometry) -> npt.NDArray[np.uint8]:
    """As :func:`spectrogram` of the middle of the sound, at most three windows long. Raises ``DataError``."""
    return spectrogram(sound_files.read(content, geometry.rate, REACH * geometry.seconds), geometry)


def _decibels(level: float) -> str:
    """Of full scale; "silence" at and below -80."""
    return "silence" if level <= 1e-4 else f"{20 * math.log10(level):.0f} dBFS"
