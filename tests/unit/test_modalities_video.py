"""Films: checked, frames taken evenly in time, the same with torch and without."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tlstudio.api import DataError, Preprocessing
from tlstudio.registry import Registry
from tlstudio_builtins.modalities import film_files

MODALITY = Registry.discover().modality("video")
VIDEO = MODALITY.load()()
PREPROCESSING = Preprocessing(resize=40, crop=32)
KINDS = [("mpeg4", "mp4"), ("libx264", "mp4"), ("libx264", "matroska"), ("mpeg4", "avi"), ("libvpx-vp9", "webm"),
         ("mpeg2video", "mpegts"), ("flv", "flv")]  # fmt: skip


def film(
    frames: int = 50, codec: str = "mpeg4", kind: str = "mp4", size: tuple[int, int] = (96, 64), *, rate: int = 25,
    stamps: list[int] | None = None, turned: int = 0, keys: int = 12,
) -> bytes:  # fmt: skip
    """A film whose n-th frame has the grey level 2 n + 20, with a white left edge. Skips where FFmpeg lacks a part."""
    file = io.BytesIO()
    try:
        with av.open(file, "w", format=kind) as container:
            stream = container.add_stream(codec, rate=rate)
            stream.width, stream.height, stream.pix_fmt, stream.gop_size = *size, "yuv420p", keys
            stream.bit_rate = 2_000_000
            if turned:
                stream.set_display_rotation(turned)
            for number in range(frames):
                pixels = np.full((size[1], size[0], 3), min(235, 2 * number + 20), np.uint8)
                pixels[:, : size[0] // 4] = 255
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts = stamps[number] if stamps else number
                for packet in stream.encode(frame):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
    except (av.codec.codec.UnknownCodecError, av.FFmpegError) as error:
        pytest.skip(f"this FFmpeg cannot write {codec} in {kind}: {error}")
    return file.getvalue()


def numbers(clip: np.ndarray) -> list[float]:
    """Which frame each is, by its grey level; clip ``[T, H, W, 3]``."""
    return [float((frame[10:-10, frame.shape[1] // 2 :].mean() - 20) / 2) for frame in clip]


@pytest.mark.parametrize(("codec", "kind"), KINDS)
def test_that_frames_lie_in_the_middles_of_equal_stretches(codec: str, kind: str) -> None:
    content = film(96, codec, kind)
    facts = VIDEO.check(content, "x")
    meta = dict(facts.meta)
    assert (facts.width, facts.height, meta["frames"]) == (96, 64, "96")
    assert float(meta["duration"].split()[0]) == pytest.approx(3.84, abs=0.05)
    assert numbers(film_files.clip(content, 8)) == pytest.approx([6, 18, 30, 42, 54, 66, 78, 90], abs=1.5)


def test_that_jumping_to_keyframes_finds_the_same_frames_as_decoding_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for codec, kind in (("libx264", "mp4"), ("libvpx-vp9", "webm"), ("mpeg4", "avi")):
        content = film(105, codec, kind, keys=10)
        clips = []
        for worth in (3, 10_000):
            monkeypatch.setattr(film_files, "_WORTH_A_JUMP", worth)
            clips.append(film_files.clip(content, 5))
        assert (clips[0] == clips[1]).all(), (codec, kind)


def test_that_time_counts_and_not_the_number_of_frames() -> None:
    stamps = [*range(40), *range(40, 240, 20)]  # the last ten frames are shown for most of the time
    content = film(50, "libx264", "matroska", stamps=stamps)
    found = numbers(film_files.clip(content, 4))
    assert found == pytest.approx([27, 42, 44, 47], abs=1)


def test_that_short_films_repeat_their_frames() -> None:
    assert numbers(film_files.clip(film(1), 8)) == pytest.approx([0] * 8, abs=1)
    assert numbers(film_files.clip(film(3), 6)) == pytest.approx([0, 0, 1, 1, 2, 2], abs=0.7)


def test_that_films_are_the_same_inputs_with_torch_and_without(tmp_path: Path) -> None:
    contents = [film(30), film(60, size=(64, 128))]
    plain = VIDEO.inputs(contents, PREPROCESSING, VIDEO.parameters([]))
    assert plain.shape == (2, 8, 3, 32, 32)
    assert plain.dtype == np.uint8
    samples = MODALITY.load_samples()(PREPROCESSING, VIDEO.parameters([]))
    for number, content in enumerate(contents):
        (tmp_path / "x.mp4").write_bytes(content)
        decoded = samples.decode(str(tmp_path / "x.mp4"))
        assert decoded.dtype == torch.uint8
        assert decoded.shape[:2] == (8, 3)
        made = samples.transform("none", True)(decoded).numpy()
        assert np.abs(made.astype(int) - plain[number]).max() <= 1


@pytest.mark.parametrize("augmentation", ["light", "medium", "characters"])
def test_that_one_draw_augments_all_frames_of_a_film(augmentation: str) -> None:
    samples = MODALITY.load_samples()(PREPROCESSING, {"frames": 4})
    picture = torch.randint(0, 256, (3, 60, 80), dtype=torch.uint8)
    transform = samples.transform(augmentation, True)
    torch.manual_seed(0)
    made = [transform(picture.expand(4, -1, -1, -1)) for _ in range(10)]
    for clip in made:
        assert clip.shape == (4, 3, 32, 32)
        assert all(torch.equal(clip[0], frame) for frame in clip)
    assert len({clip.numpy().tobytes() for clip in made}) == 10


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_that_every_frame_is_normalised_as_a_picture(memory_format: torch.memory_format) -> None:
    normalize = MODALITY.load_samples()(PREPROCESSING, {}).normalizer(torch.device("cpu"), memory_format)
    films = torch.randint(0, 256, (2, 8, 3, 6, 6), dtype=torch.uint8)
    made = normalize(films)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (PREPROCESSING.mean, PREPROCESSING.std))
    torch.testing.assert_close(made, (films / 255 - mean) / std)
    assert made.flatten(0, 1).is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("turned", [90, -90, 180])
def test_that_a_turned_film_stands_upright(turned: int) -> None:
    content = film(10, turned=turned)
    facts = VIDEO.check(content, "x")
    clip = film_files.clip(content, 1)[0]
    assert (facts.width, facts.height) == ((64, 96) if turned % 180 else (96, 64)) == clip.shape[1::-1]
    edges = {90: clip[-5:], -90: clip[:5], 180: clip[:, -5:]}
    bright = max(edges, key=lambda name: float(edges[name].mean()))
    assert bright == turned


def test_that_large_films_are_made_smaller_before_they_are_kept() -> None:
    content = film(4, size=(640, 320))
    assert film_files.clip(content, 2, shorter=80).shape == (2, 80, 160, 3)
    assert film_files.clip(content, 2, shorter=500).shape == (2, 320, 640, 3)
    assert VIDEO.preview(content, 100).shape == (50, 100, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"dear reader", "not a film"),
        (b"\0\0\0\x18ftypmp42" + bytes(200), "table of contents is missing"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n", "not a film"),
        (b"ffconcat version 1.0\nfile '/etc/hostname'\n", "not a film"),
    ],
)
def test_that_what_is_no_film_is_refused_with_a_sentence(content: bytes, words: str) -> None:
    for read in (lambda c: VIDEO.check(c, "x.mp4"), lambda c: VIDEO.inputs([c], PREPROCESSING, {})):
        with pytest.raises(DataError, match=words):
            read(content)


def test_that_a_film_without_pictures_is_refused() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(DataError, match="holds no pictures"):
        VIDEO.check(file.getvalue(), "x.mkv")


@pytest.mark.parametrize(("codec", "kind"), [("libx264", "matroska"), ("mpeg4", "avi"), ("libvpx-vp9", "webm")])
def test_that_a_cut_film_is_refused_and_still_gives_frames_to_who_insists(codec: str, kind: str) -> None:
    content = film(100, codec, kind)
    cut = content[: len(content) // 2]
    with pytest.raises(DataError, match="cut off"):
        VIDEO.check(cut, "x")
    assert VIDEO.inputs([cut], PREPROCESSING, {"frames": 8}).shape == (1, 8, 3, 32, 32)


def test_that_a_damaged_film_never_raises_anything_but_a_data_error() -> None:
    random = np.random.default_rng(0)
    for codec, kind in KINDS:
        content = film(20, codec, kind)
        for changes in (1, 5, 50, 500) * 2:
            damaged = bytearray(content)
            for place in random.integers(0, len(content) if changes > 5 else 100, changes):
                damaged[place] = random.integers(256)
            for read in (lambda c: VIDEO.check(c, ""), lambda c: VIDEO.inputs([c], PREPROCESSING, {})):
                try:
                    read(bytes(damaged))
                except DataError as error:
                    assert str(error).endswith(".")  # noqa: PT017 - some damage cannot be noticed


@given(st.binary(max_size=200), st.sampled_from([b"", b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3", b"FLV\1"]))
@settings(max_examples=50, deadline=None)
def test_that_any_bytes_are_a_film_or_a_data_error(noise: bytes, start: bytes) -> None:
    with pytest.raises(DataError):
        VIDEO.check(start + noise, "x")


def test_that_an_unreadable_film_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"dear")
    with pytest.raises(DataError, match=r"x\.mp4 cannot be used\. It is not a film"):
        MODALITY.load_samples()(PREPROCESSING, {}).decode(str(tmp_path / "x.mp4"))
