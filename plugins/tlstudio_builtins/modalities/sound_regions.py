"""Regions of sounds: the spectrogram with its axes, and the sound of a region alone."""

import io
import wave
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.api.regions import Canvas
from tlstudio_builtins.modalities import colours, sound_files
from tlstudio_builtins.modalities.spectrogram import Geometry, fitted, mel_filters, middle, spectrogram

REACH = 3.0  # windows of a longer sound that are read, as in tlstudio_builtins.modalities.audio
_TICKS = (0, 500, 1000, 2000, 4000, 8000, 16_000, 32_000)  # Hz
_LOUD = 0.9  # of full scale: the peak of what is heard

Floats = npt.NDArray[np.float64]


def canvas(content: bytes, parameters: Mapping[str, Any]) -> Canvas:
    """The spectrogram as the network sees it, less the resize: time of the sound across, frequency (in mel) down. What
    is silence that was added has no time.
    """
    geometry = Geometry.of(parameters)
    samples = sound_files.read(content, geometry.rate, REACH * geometry.seconds)
    levels = fitted(spectrogram(samples, geometry), geometry.frames)
    rows, columns = levels.shape
    top = _mel(geometry.rate / 2)
    heights = [(1 - _mel(hz) / top, f"{hz:,}") for hz in _TICKS if hz <= geometry.rate / 2]
    step = next(s for s in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if geometry.seconds / s <= 10 or s == 5.0)
    first = middle(1 + len(samples) // geometry.hop, geometry.frames) * geometry.hop / geometry.rate
    times = step * np.arange(int(np.ceil(first / step - 1e-9)), 1 + int((first + geometry.seconds) / step + 1e-9))
    times = times[(times >= 0) & (times <= len(samples) / geometry.rate + 1e-9)]
    return Canvas(
        picture=colours.coloured(levels),
        view=(0.0, 0.0, float(columns), float(rows)),
        across=tuple((float((t - first) / geometry.seconds), f"{t:g}") for t in times),
        down=tuple(heights),
        across_title="seconds",
        down_title="Hz",
    )


def heard(content: bytes, kept: Floats, parameters: Mapping[str, Any]) -> bytes:
    """16-bit WAV: the short-time Fourier transform times the region, back by weighted overlap-add (Griffin and Lim
    1984, equation 6), as loud as it can be.
    """
    geometry = Geometry.of(parameters)
    samples = sound_files.read(content, geometry.rate, REACH * geometry.seconds).astype(np.float64)
    count = len(samples)
    columns = 1 + count // geometry.hop
    gain = _gains(np.asarray(kept, np.float64), geometry, columns)
    window = geometry.hann()
    before = (geometry.n_fft - geometry.window) // 2
    window = np.pad(window, (before, geometry.n_fft - geometry.window - before))
    padded = np.pad(samples, (geometry.n_fft // 2, geometry.n_fft))
    made, weight = np.zeros_like(padded), np.zeros_like(padded)
    for column in range(columns):
        part = slice(column * geometry.hop, column * geometry.hop + geometry.n_fft)
        if part.stop > len(padded):
            break
        spectrum = np.fft.rfft(padded[part] * window) * gain[:, column]
        made[part] += np.fft.irfft(spectrum, geometry.n_fft) * window
        weight[part] += window**2
    start = geometry.n_fft // 2
    sound = (made / np.maximum(weight, 1e-3 * weight.max()))[start : start + count]
    peak = np.abs(sound).max(initial=0.0)
    sound = sound * (_LOUD / peak) if peak > 0 else sound
    return _wav(sound, geometry.rate)


def _gains(kept: Floats, geometry: Geometry, columns: int) -> Floats:
    """From the network's view ``[h, w]`` to every bin and column of the transform ``[bins, columns]``."""
    mels = len(mel_filters(geometry.rate, geometry.n_fft))
    size = (geometry.frames, mels)
    fine = np.asarray(Image.fromarray(kept.astype(np.float32)).resize(size, Image.Resampling.BILINEAR), np.float64)[
        ::-1
    ]
    start = middle(columns, geometry.frames)
    at = np.arange(columns) - start
    inside = (at >= 0) & (at < geometry.frames)
    over_time = np.where(inside, fine[:, np.clip(at, 0, geometry.frames - 1)], 0.0)
    hertz = np.arange(geometry.n_fft // 2 + 1) * geometry.rate / geometry.n_fft
    place = np.array([_mel(hz) for hz in hertz]) / _mel(geometry.rate / 2) * (mels + 1) - 1
    rows = np.clip(np.rint(place).astype(int), 0, mels - 1)
    gains: Floats = np.clip(over_time[rows], 0.0, 1.0)
    return gains


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _wav(sound: Floats, rate: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(32_767 * sound).astype("<i2").tobytes())
    return out.getvalue()
