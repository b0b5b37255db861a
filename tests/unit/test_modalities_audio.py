"""Sounds: checked, drawn as mel spectrograms, the same with torch and without."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlstudio.api import DataError, Facts, Preprocessing
from tlstudio.registry import Registry
from tlstudio_builtins.modalities import colours, sound_files
from tlstudio_builtins.modalities.spectrogram import Geometry, mel_filters, spectrogram

MODALITY = Registry.discover().modality("audio")
AUDIO = MODALITY.load()()
PREPROCESSING = Preprocessing(resize=256, crop=224)
PARAMETERS = {"sample_rate": 8000, "seconds": 0.6}
KINDS = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None),
         ("AIFF", "PCM_24"), ("AU", "PCM_16"), ("CAF", "PCM_16")]  # fmt: skip


@pytest.fixture(scope="module")
def digits(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "fsdd_wav").glob("*/*.wav"))[::20]


def tone(seconds: float = 1.0, rate: int = 16000, hertz: float = 1000.0, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def written(wave: np.ndarray, rate: int = 16000, kind: str = "WAV", subtype: str | None = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=kind, subtype=subtype)
    return file.getvalue()


def samples(parameters: dict[str, float] = PARAMETERS, preprocessing: Preprocessing = PREPROCESSING):
    return MODALITY.load_samples()(preprocessing, parameters)


def test_that_spoken_digits_are_the_same_pictures_with_torch_and_without(digits: list[Path]) -> None:
    contents = [path.read_bytes() for path in digits]
    facts = [AUDIO.check(content, "") for content in contents]
    parameters = AUDIO.parameters(facts)
    assert parameters["sample_rate"] == 8000
    assert 0.3 < parameters["seconds"] < 1.2
    plain = AUDIO.inputs(contents, PREPROCESSING, parameters)
    torched = samples(parameters)
    transform = torched.transform("none", False)
    pictures = np.stack([transform(torched.decode(str(path))).numpy() for path in digits])
    assert plain.shape == pictures.shape == (len(digits), 3, 224, 224)
    assert plain.dtype == pictures.dtype == np.uint8
    assert np.abs(plain.astype(int) - pictures.astype(int)).max() <= 1
    assert plain.std(axis=(1, 2, 3)).min() > 20  # there is something to see in each


@pytest.mark.parametrize("seconds", [0.001, 0.2, 1.0, 7.0])
@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_that_any_rate_and_length_gives_the_same_picture_with_torch_and_without(
    seconds: float, rate: int, tmp_path: Path
) -> None:
    noise = np.random.default_rng(rate).normal(0, 0.1, round(seconds * rate) or 1)
    path = tmp_path / "x.wav"
    path.write_bytes(written(noise, rate))
    parameters = {"sample_rate": 16000, "seconds": 1.5}
    torched = samples(parameters, Preprocessing(resize=96, crop=96, interpolation="bicubic"))
    plain = AUDIO.inputs([path.read_bytes()], Preprocessing(resize=96, crop=96, interpolation="bicubic"), parameters)
    difference = torched.transform("none", False)(torched.decode(str(path))).numpy().astype(int) - plain[0]
    assert np.abs(difference).max() <= 2  # torch keeps bicubic weights in 16 bits
    assert (np.abs(difference) > 1).mean() < 1e-3


@pytest.mark.parametrize(("kind", "subtype"), KINDS)
def test_that_every_kind_of_file_is_read_and_a_cut_one_is_refused(kind: str, subtype: str | None) -> None:
    content = written(np.tile(tone(), 3) * np.linspace(0.2, 1, 48000), kind=kind, subtype=subtype)
    facts = AUDIO.check(content, f"x.{kind.lower()}")
    assert facts.width == pytest.approx(3000, abs=120)
    assert facts.height == 16000
    assert dict(facts.meta)["channels"] == "1"
    for share in (0.3, 0.9):
        with pytest.raises(DataError, match=r"cut off|not a sound|beginning cannot be read"):
            AUDIO.check(content[: round(len(content) * share)], "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"dear reader", "not a sound"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "its beginning cannot be read"),
        (written(np.zeros(0)), "holds no samples"),
        (written(np.array([0.1, np.nan, 0.2] * 100), subtype="FLOAT"), "not finite"),
    ],
)
def test_that_what_is_no_sound_is_refused_with_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        AUDIO.check(content, "x.wav")
    assert str(caught.value).endswith(".")


def test_that_silence_clipping_channels_and_length_are_told() -> None:
    wave = np.concatenate([np.zeros(16000), np.clip(tone(level=3.0), -1, 1)])
    facts = AUDIO.check(written(np.stack([wave, wave], axis=1)), "x.wav")
    meta = dict(facts.meta)
    assert (facts.width, facts.height) == (2000, 16000)
    assert (meta["channels"], meta["silent"], meta["peak"]) == ("2", "50 %", "0 dBFS")
    assert float(meta["clipped"].split()[0]) == pytest.approx(44, abs=1)
    assert dict(AUDIO.check(written(np.zeros(800)), "").meta)["loudness"] == "silence"


def test_that_a_damaged_file_never_raises_anything_but_a_data_error() -> None:
    whole = [written(np.tile(tone(0.2), 4), kind=kind, subtype=subtype) for kind, subtype in KINDS if kind != "MP3"]
    random = np.random.default_rng(1)
    for content in whole:
        for changes in (1, 3, 30, 300) * 3:
            damaged = bytearray(content)
            for place in random.integers(0, len(content) if changes > 3 else 60, changes):
                damaged[place] = random.integers(256)
            for read in (lambda c: AUDIO.check(c, ""), lambda c: AUDIO.inputs([c], PREPROCESSING, PARAMETERS)):
                try:
                    read(bytes(damaged))
                except DataError as error:
                    assert str(error).endswith(".")  # noqa: PT017 - some damage cannot be noticed


@given(st.binary(max_size=300), st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"FORM", b".snd"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_that_any_bytes_are_a_sound_or_a_data_error(noise: bytes, start: bytes) -> None:
    try:
        AUDIO.check(start + noise, "x")
        AUDIO.preview(start + noise, 32)
    except DataError as error:
        assert str(error).endswith(".")  # noqa: PT017 - either is right


def test_that_inputs_are_made_for_the_sounds_at_hand() -> None:
    def facts(*sounds: tuple[int, int]) -> list[Facts]:
        return [Facts(width=milliseconds, height=rate) for milliseconds, rate in sounds]

    assert AUDIO.parameters(facts((500, 8000), (500, 8000), (400, 44100))) == {"sample_rate": 8000, "seconds": 0.5}
    assert AUDIO.parameters(facts(*[(4000, 44100)] * 20, (60000, 44100)))["sample_rate"] == 16000
    assert AUDIO.parameters(facts((90000, 48000)))["seconds"] == 10
    assert AUDIO.parameters(facts((1, 250000))) == {"sample_rate": 250000, "seconds": 0.25}
    assert AUDIO.parameters([]) == {"sample_rate": 16000, "seconds": 1.0}


@pytest.mark.parametrize("rate", [100, 4000, 8000, 11025, 16000, 44100, 250000])
@pytest.mark.parametrize("seconds", [0.25, 0.5, 10.0])
def test_that_no_filter_is_empty_and_there_are_frames_enough(rate: int, seconds: float) -> None:
    geometry = Geometry.of({"sample_rate": rate, "seconds": seconds})
    filters = mel_filters(rate, geometry.n_fft)
    assert filters.max(axis=1).min() > 0
    assert len(filters) <= 128
    assert geometry.frames >= (60 if rate >= 4000 else 20)
    assert geometry.n_fft >= geometry.window > geometry.n_fft // 2 or geometry.window == 16


def test_that_a_tone_is_a_line_at_its_height_with_low_ones_at_the_bottom() -> None:
    geometry = Geometry.of({"sample_rate": 16000, "seconds": 1.0})
    rows = [
        int(spectrogram(tone(hertz=hertz).astype(np.float32), geometry)[:, 50].argmax()) for hertz in (200, 1000, 6000)
    ]
    assert rows == sorted(rows, reverse=True)
    filters = mel_filters(16000, geometry.n_fft)
    at_1000 = filters[len(filters) - 1 - rows[1]]
    assert at_1000[round(1000 * geometry.n_fft / 16000)] > 0.4


def test_that_loudness_does_not_matter_and_silence_is_black() -> None:
    geometry = Geometry.of(PARAMETERS)
    wave = tone(0.5, 8000).astype(np.float32)
    difference = spectrogram(wave, geometry).astype(int) - spectrogram(wave / 100, geometry)
    assert np.abs(difference).max() <= 1
    assert spectrogram(np.zeros(4000, np.float32), geometry).max() == 0
    torched = samples()
    assert torched._picture(torch.zeros(4000)).max() == 0


@pytest.mark.parametrize(("source", "rate"), [(44100, 16000), (48000, 16000), (8000, 16000), (22050, 8000)])
def test_that_resampling_keeps_what_both_rates_can_hold_and_drops_the_rest(source: int, rate: int) -> None:
    kept = sound_files.resampled(tone(1.0, source, 1000).astype(np.float32), source, rate)
    assert len(kept) == rate
    inner = slice(rate // 10, -rate // 10)
    np.testing.assert_allclose(kept[inner], tone(1.0, rate, 1000)[inner], atol=0.01)
    if source > rate:
        folded = sound_files.resampled(tone(1.0, source, rate * 0.6).astype(np.float32), source, rate)
        assert np.abs(folded[inner]).max() < 0.02


def test_that_the_middle_of_a_long_sound_is_used() -> None:
    wave = np.concatenate([np.zeros(5 * 8000), tone(0.6, 8000), np.zeros(5 * 8000)])
    picture = AUDIO.inputs([written(wave, 8000)], PREPROCESSING, PARAMETERS)[0, 0]
    assert picture.max(axis=0)[20:-20].min() > 150


@pytest.mark.parametrize("augmentation", ["light", "medium"])
def test_that_augmentation_moves_masks_and_never_mirrors(augmentation: str) -> None:
    rising = np.sin(2 * np.pi * np.cumsum(np.linspace(200, 3500, 4800)) / 8000).astype(np.float32)
    torched = samples()
    picture = torched._picture(torch.from_numpy(rising)).expand(3, -1, -1)
    torch.manual_seed(0)
    transform = torched.transform(augmentation, True)
    made = [transform(picture) for _ in range(30)]
    assert all(m.shape == (3, 224, 224) and m.dtype == torch.uint8 for m in made)
    assert all(torch.equal(m[0], m[2]) for m in made)
    assert not torch.equal(made[0], made[1])
    plain = torched.transform("none", True)(picture)[0].float()

    def likeness(one: torch.Tensor, other: torch.Tensor) -> float:
        return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])

    upright = np.mean([likeness(m[0].float(), plain) for m in made])
    mirrored = np.mean([likeness(m[0].float().flip(1), plain) for m in made])
    assert upright > mirrored + 0.2


def test_that_the_same_random_numbers_augment_alike() -> None:
    torched = samples()
    picture = torched._picture(torch.randn(9000)).expand(3, -1, -1)
    made = []
    for _ in range(2):
        torch.manual_seed(5)
        made.append(torched.transform("medium", False)(picture))
    assert torch.equal(*made)


def test_that_a_spoken_digit_is_decoded_and_transformed_within_five_milliseconds(digits: list[Path]) -> None:
    torched = samples()
    transform = torched.transform("light", False)
    transform(torched.decode(str(digits[0])))
    seconds = []
    for path in digits:
        start = time.thread_time()
        transform(torched.decode(str(path)))
        seconds.append(time.thread_time() - start)
    assert np.median(seconds) < 0.005


def test_that_the_preview_is_a_coloured_picture_that_fits(digits: list[Path]) -> None:
    picture = AUDIO.preview(digits[0].read_bytes(), 200)
    assert picture.shape == (125, 200, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    brightness = colours.table() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(brightness) > -0.5).all()  # lighter is louder, in print and for every eye


def test_that_an_unreadable_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"dear")
    with pytest.raises(DataError, match=r"x\.wav cannot be used\. It is not a sound"):
        samples().decode(str(tmp_path / "x.wav"))
