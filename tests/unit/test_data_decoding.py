"""The torch-free preprocessing gives what torchvision's presets give on Pillow images, and on tensors within a grey
level.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlstudio.api import Preprocessing
from tlstudio.api.errors import DataError
from tlstudio.data.decoding import centre_crop, preprocess, read_rgb, resized_size

PHOTOS = ("cat_720p.jpg", "hot_dog.jpg")
SIZES = ((256, 224), (224, 224), (64, 64), (288, 300), (500, 490))


def by_torchvision(rgb: np.ndarray, resize: int, crop: int, interpolation: str) -> np.ndarray:
    """Resizing and cropping of uint8 tensors, as training does it."""
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    mode = pytest.importorskip("torchvision.transforms").InterpolationMode(interpolation)
    tensor = torch.from_numpy(rgb.copy()).permute(2, 0, 1).contiguous()
    tensor = functional.resize(tensor, [resize], interpolation=mode, antialias=True)
    return functional.center_crop(tensor, [crop]).permute(1, 2, 0).numpy()


def by_preset(rgb: np.ndarray, resize: int, crop: int, interpolation: str) -> np.ndarray:
    """The preset of torchvision's published weights itself, on a Pillow image; mean 0 and deviation 1 keep 0 to 1."""
    presets = pytest.importorskip("torchvision.transforms._presets")
    mode = pytest.importorskip("torchvision.transforms").InterpolationMode(interpolation)
    preset = presets.ImageClassification(
        crop_size=crop, resize_size=resize, interpolation=mode, mean=(0, 0, 0), std=(1, 1, 1)
    )
    return (preset(Image.fromarray(rgb)) * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("resize", "crop"), SIZES)
def test_that_real_photos_come_out_as_from_torchvision(
    shared_data: Path, interpolation: str, resize: int, crop: int
) -> None:
    photos = [shared_data / "photos" / name for name in PHOTOS]
    photos += [
        next((shared_data / "trashnet" / "glass").glob("*.jpg")),
        next((shared_data / "sign_digits" / "4").iterdir()),
    ]
    for photo in photos:
        rgb = read_rgb(photo)
        ours = preprocess(rgb, Preprocessing(resize=resize, crop=crop, interpolation=interpolation))
        theirs = by_torchvision(rgb, resize, crop, interpolation)
        assert ours.shape == theirs.shape == (crop, crop, 3)
        difference = np.abs(ours.astype(int) - theirs.astype(int))
        # torch keeps bicubic weights in 16 bits: next to hard edges a value in a million is two levels away from exact.
        assert difference.max() <= (1 if interpolation == "bilinear" else 2), photo.name
        assert (difference > 1).mean() < 1e-4, photo.name
        assert (ours == by_preset(rgb, resize, crop, interpolation)).all(), photo.name


@pytest.mark.parametrize(("width", "height"), [(41, 30), (30, 41), (17, 17), (7, 90), (90, 7), (33, 32)])
@pytest.mark.parametrize(("resize", "crop"), [(32, 28), (31, 28), (28, 31), (20, 33), (32, 32)])
def test_that_odd_sizes_round_as_in_torchvision(width: int, height: int, resize: int, crop: int) -> None:
    pytest.importorskip("torchvision")
    coarse = np.random.default_rng(width * 100 + height).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    rgb = np.asarray(Image.fromarray(coarse).resize((width, height)))
    ours = preprocess(rgb, Preprocessing(resize=resize, crop=crop)).astype(int)
    assert np.abs(ours - by_torchvision(rgb, resize, crop, "bilinear").astype(int)).max() <= 1


def test_that_the_longer_side_is_rounded_down() -> None:
    assert resized_size(500, 333, 256) == (384, 256)
    assert resized_size(333, 500, 256) == (256, 384)


def test_that_a_small_picture_is_framed_in_black() -> None:
    cropped = centre_crop(np.full((3, 4, 3), 255, dtype=np.uint8), 6)
    assert cropped.shape == (6, 6, 3)
    assert cropped[:, :, 0].sum() == 255 * 12
    assert (cropped[1:4, 1:5] == 255).all()


def test_that_what_is_no_picture_is_named_in_the_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("dear")
    with pytest.raises(DataError, match=r"letter\.jpg is not a picture"):
        read_rgb(tmp_path / "letter.jpg")
    with pytest.raises(DataError, match=r"gone\.jpg cannot be read"):
        read_rgb(tmp_path / "gone.jpg")
