"""From a waveform to the picture of its spectrogram, without torch; and the numbers that the torch part shares."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

WINDOW = 0.025  # seconds
HOP = 0.010  # seconds, less for sounds so short that there would be fewer than FRAMES
FRAMES = 64
MELS = 128
RANGE = 80.0  # decibels below the loudest place of a sound that are drawn
SILENCE = 1e-4  # peaks below this (-80 dB of full scale) are no sound
FLOOR = 1e-6  # added to the power, so that silence has a logarithm

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How sounds become pictures. ``window``, ``hop`` in samples; ``n_fft`` the window rounded up to a power of two;
    ``frames`` columns for ``seconds``.
    """

    rate: int
    seconds: float
    window: int
    hop: int
    n_fft: int
    frames: int

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Geometry":
        """``parameters``: ``sample_rate`` in Hz and ``seconds``, as ``Modality.parameters`` gives them."""
        rate, seconds = int(parameters["sample_rate"]), float(parameters["seconds"])
        window = max(16, round(WINDOW * rate))
        hop = max(1, round(min(HOP, seconds / FRAMES) * rate))
        n_fft = 1 << (window - 1).bit_length()
        return cls(rate, seconds, window, hop, n_fft, frames=max(1, round(seconds * rate / hop)))

    def hann(self) -> Floats:
        """The periodic Hann window."""
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)


@functools.lru_cache(maxsize=16)
def mel_filters(rate: int, n_fft: int) -> Floats:
    """``[mels, n_fft // 2 + 1]``: triangles of height 1, evenly spaced in mel from 0 Hz to half the rate.

    128 of them, or as many as leave none empty where the bins lie too far apart (low rates).
    """
    bins = np.arange(n_fft // 2 + 1) * rate / n_fft
    top = 2595 * np.log10(1 + rate / 2 / 700)
    for mels in range(MELS, 0, -4):
        corners = 700 * (10 ** (np.linspace(0, top, mels + 2) / 2595) - 1)
        low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
        filters: Floats = np.clip(np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)), 0.0, None)
        if filters.max(axis=1).min() > 0.01:
            return filters
    return np.ones((1, len(bins)))


def spectrogram(wave: npt.NDArray[np.float32], geometry: Geometry) -> npt.NDArray[np.uint8]:
    """uint8 ``[mels, T]``, low frequencies at the bottom, a column for each ``hop`` samples of ``wave`` (mono, at the
    geometry's rate). 255 is the loudest place, 0 is 80 dB below it or silence.
    """
    filters = mel_filters(geometry.rate, geometry.n_fft)
    samples = np.asarray(wave, np.float64)
    peak = float(np.abs(samples).max(initial=0.0))
    columns = 1 + len(samples) // geometry.hop
    if peak < SILENCE:
        return np.zeros((len(filters), columns), np.uint8)
    padded = np.pad(samples / peak, geometry.n_fft // 2)
    framed = np.lib.stride_tricks.sliding_window_view(padded, geometry.n_fft)[:: geometry.hop][:columns]
    before = (geometry.n_fft - geometry.window) // 2
    window = np.pad(geometry.hann(), (before, geometry.n_fft - geometry.window - before))
    power = np.abs(np.fft.rfft(framed * window)) ** 2
    decibels = 10 * np.log10(filters @ power.T + FLOOR)
    levels = np.clip((decibels - decibels.max()) / RANGE + 1.0, 0.0, 1.0)
    return np.ascontiguousarray(np.rint(255 * levels).astype(np.uint8)[::-1])


def middle(columns: int, frames: int) -> int:
    """Where the middle ``frames`` columns begin; below 0 where there are fewer."""
    return (columns - frames) // 2 if columns >= frames else -((frames - columns) // 2)


def fitted(picture: npt.NDArray[np.uint8], frames: int) -> npt.NDArray[np.uint8]:
    """The middle ``frames`` columns, or silence on both sides."""
    columns = picture.shape[1]
    start = middle(columns, frames)
    if columns >= frames:
        return picture[:, start : start + frames]
    return np.pad(picture, ((0, 0), (-start, frames - columns + start)))
