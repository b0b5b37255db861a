"""Pictures: the torch-free inputs and those of training are the same pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tlstudio import places
from tlstudio.api import DataError, Preprocessing
from tlstudio.registry import Registry

PREPROCESSING = Preprocessing(resize=72, crop=64)
MODALITY = Registry.discover().modality("image")


def both(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of one picture without torch and with it, ``[3, crop, crop]``, as int."""
    plain = MODALITY.load()().inputs([path.read_bytes()], PREPROCESSING, {})[0]
    samples = MODALITY.load_samples()(PREPROCESSING, {})
    return plain.astype(int), samples.transform("none", True)(samples.decode(str(path))).numpy().astype(int)


def test_that_photos_become_the_same_inputs_with_torch_and_without(shared_data: Path) -> None:
    photos = [shared_data / "photos" / "cat_720p.jpg", *sorted((shared_data / "trashnet" / "glass").glob("*.jpg"))[:3]]
    for photo in photos:
        plain, torched = both(photo)
        assert plain.shape == torched.shape == (3, 64, 64)
        assert np.abs(plain - torched).max() <= 1, photo.name


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "I;16"])
def test_that_every_kind_of_pixels_becomes_the_same_inputs(mode: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    picture = Pillow.fromarray(noise).resize((120, 90))
    if mode == "I;16":
        picture = Pillow.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    elif mode not in ("RGB", "LA"):
        picture = picture.convert(mode)
    elif mode == "LA":
        picture = picture.convert("RGBA").convert("LA")
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    picture.save(path)
    plain, torched = both(path)
    difference = np.abs(plain - torched)
    assert difference.max() <= 2  # between hard edges torch rounds its weights
    assert (difference > 1).mean() < 1e-3


def test_that_a_turned_photo_stands_upright_in_both(tmp_path: Path) -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = 255
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    plain, torched = both(tmp_path / "turned.jpg")
    assert np.abs(plain - torched).max() <= 1
    assert plain[0, 4, 32] > 200
    assert plain[0, 60, 32] < 50
    facts = MODALITY.load()().check((tmp_path / "turned.jpg").read_bytes(), "turned.jpg")
    assert (facts.width, facts.height) == (40, 80)


def test_that_a_picture_within_a_larger_file_is_read_from_its_place(shared_data: Path, tmp_path: Path) -> None:
    content = (shared_data / "photos" / "cat_720p.jpg").read_bytes()
    (tmp_path / "shard").write_bytes(b"before" + content + b"behind")
    samples = MODALITY.load_samples()(PREPROCESSING, {})
    part = samples.decode(places.place(tmp_path / "shard", 6, len(content)))
    assert torch.equal(part, samples.decode(str(shared_data / "photos" / "cat_720p.jpg")))


def test_that_a_broken_picture_is_a_sentence_everywhere(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    samples, modality = MODALITY.load_samples()(PREPROCESSING, {}), MODALITY.load()()
    with pytest.raises(DataError, match=r"x\.png"):
        samples.decode(str(tmp_path / "x.png"))
    for read in (lambda c: modality.check(c, "x.png"), lambda c: modality.inputs([c], PREPROCESSING, {})):
        with pytest.raises(DataError):
            read((tmp_path / "x.png").read_bytes())


def test_that_normalised_inputs_have_the_mean_and_spread_that_the_weights_ask_for() -> None:
    samples = MODALITY.load_samples()(PREPROCESSING, {})
    normalize = samples.normalizer(torch.device("cpu"), torch.contiguous_format)
    batch = torch.full((2, 3, 4, 4), 128, dtype=torch.uint8)
    expected = (128 / 255 - torch.tensor(PREPROCESSING.mean)) / torch.tensor(PREPROCESSING.std)
    torch.testing.assert_close(normalize(batch)[1, :, 2, 2], expected)
