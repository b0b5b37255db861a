"""Regions drawn over pictures, spectrograms and texts, and those of sounds heard alone."""

import io
import wave

import numpy as np
import pytest
from PIL import ImageFont

from tlstudio.api.regions import Canvas
from tlstudio.explain import regions_drawing
from tlstudio_builtins.modalities import sound_regions
from tlstudio_builtins.modalities.spectrogram import Geometry


def test_that_the_sound_of_a_region_is_the_part_of_the_sound_that_lies_in_it() -> None:
    rate = 8000
    time = np.arange(rate) / rate
    sound = 0.4 * np.sin(2 * np.pi * 300 * time) + 0.4 * np.sin(2 * np.pi * 3000 * time)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((32_000 * sound).astype("<i2").tobytes())
    parameters = {"sample_rate": rate, "seconds": 1.0}
    kept = np.zeros((32, 32))
    kept[20:, :16] = 1  # low notes of the first half
    with wave.open(io.BytesIO(sound_regions.heard(out.getvalue(), kept, parameters))) as file:
        heard = np.frombuffer(file.readframes(rate), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(heard[: rate // 3]))
    frequency = np.fft.rfftfreq(rate // 3, 1 / rate)
    assert frequency[spectrum.argmax()] == pytest.approx(300, abs=5)
    assert spectrum[np.abs(frequency - 3000) < 20].max() < 0.02 * spectrum.max()
    assert np.abs(heard[rate * 2 // 3 :]).max() < 0.05 * np.abs(heard).max()
    whole = sound_regions.heard(out.getvalue(), np.ones((32, 32)), parameters)
    with wave.open(io.BytesIO(whole)) as file:
        back = np.frombuffer(file.readframes(rate), "<i2").astype(float)
    assert np.corrcoef(back[400:-400], sound[400:-400])[0, 1] > 0.999
    canvas = sound_regions.canvas(out.getvalue(), parameters)
    assert canvas.picture is not None
    assert canvas.picture.shape[1] == Geometry.of(parameters).frames
    for seconds, first, last in ((2.0, (0.25, "0"), (0.75, "1")), (0.5, (0.0, "0.25"), (0.9, "0.7"))):
        across = sound_regions.canvas(out.getvalue(), {**parameters, "seconds": seconds}).across
        for found, wanted in ((across[0], first), (across[-1], last)):
            assert found[0] == pytest.approx(wanted[0], abs=0.02)
            assert found[1] == wanted[1]


def test_that_contour_and_box_are_where_the_map_says() -> None:
    heat = np.zeros((10, 10))
    heat[2:5, 3:7], heat[8, 8] = 1.0, 0.3
    assert regions_drawing.box(heat) == (3, 2, 6, 4)
    assert regions_drawing.box(np.zeros((3, 3))) is None
    image = np.asarray(
        regions_drawing.drawn(Canvas(picture=np.full((40, 60, 3), 90, np.uint8), view=(10.0, 0.0, 40.0, 40.0)), heat)
    )
    assert image.shape[1] >= 480
    assert (image[:, :60] == 90).all()  # beyond the network's view nothing is drawn
    assert (image[:, 90:-90] != 90).any()
    spectrogram = np.zeros((40, 60, 3), np.uint8)
    spectrogram[..., 2] = 200  # loudness as a colour: grey below the map's colours
    axes = Canvas(picture=spectrogram, view=(10.0, 0.0, 40.0, 40.0), across=((0.0, "0"),))
    page = np.asarray(regions_drawing.drawn(axes, heat)).astype(int)
    beyond = page[100:200, 70:100]
    assert (beyond == beyond[:1, :1, :1]).all()
    text = regions_drawing.drawn(Canvas(text="Überall gut", length=16), np.array([[0.0, 1.0, 0.0, 0.0]]))
    assert np.asarray(text).std() > 1
    words = f"  one two\n{'three ' * 40}{'x' * 300} end "
    lines = regions_drawing._lines(words, ImageFont.load_default(16))
    assert "".join(lines) == words
    assert len(lines) > 5
