from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tlstudio.api import DataError, Preprocessing
from tlstudio.data.loading import Reading, SampleLoader, order
from tlstudio.data.transforms import Normalizer, decode, make_transform
from tlstudio.places import place, read_bytes

PREPROCESSING = Preprocessing(resize=40, crop=32)


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    random = np.random.default_rng(0)
    paths = []
    for number in range(23):
        path = tmp_path / f"{number}.jpg"
        Image.fromarray(random.integers(0, 255, (48, 64, 3), np.uint8)).save(path, quality=95)
        paths.append(str(path))
    return paths


def _epoch(
    paths: list[str], workers: int, epoch: int, first: int = 0, seed: int = 0
) -> list[tuple[list[int], torch.Tensor]]:
    loader = SampleLoader(
        paths,
        Reading(decode, make_transform(PREPROCESSING, "medium")),
        batch_size=4,
        seed=seed,
        stream="train",
        shuffle=True,
        workers=workers,
    )
    return [(batch.positions, batch.inputs) for batch in loader.epoch(epoch, first)]


def test_that_order_and_augmentation_do_not_depend_on_the_number_of_workers(pictures: list[str]) -> None:
    alone, helped = _epoch(pictures, 0, 2), _epoch(pictures, 2, 2)
    assert [positions for positions, _ in alone] == [positions for positions, _ in helped]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(alone, helped, strict=True))


def test_that_skipping_to_a_batch_gives_what_an_uninterrupted_epoch_gives(pictures: list[str]) -> None:
    whole, rest = _epoch(pictures, 0, 1), _epoch(pictures, 0, 1, first=3)
    assert [positions for positions, _ in rest] == [positions for positions, _ in whole[3:]]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(rest, whole[3:], strict=True))


def test_that_epochs_and_seeds_differ(pictures: list[str]) -> None:
    positions = [[p for batch, _ in _epoch(pictures, 0, e, seed=s) for p in batch] for e, s in ((0, 0), (1, 0), (0, 1))]
    assert all(sorted(order) == list(range(23)) for order in positions)
    assert positions[0] != positions[1] != positions[2]


def test_that_a_lone_last_sample_is_left_out_of_training(pictures: list[str]) -> None:
    assert [len(positions) for positions, _ in _epoch(pictures[:9], 0, 0)] == [4, 4]


def test_that_a_broken_file_is_reported_and_the_others_are_loaded(pictures: list[str]) -> None:
    Path(pictures[5]).write_bytes(Path(pictures[5]).read_bytes()[:300])
    loader = SampleLoader(pictures, Reading(decode, make_transform(PREPROCESSING)), batch_size=4)
    batches = list(loader.epoch(0))
    failures = [failure for batch in batches for failure in batch.failures]
    assert [position for position, _ in failures] == [5]
    assert failures[0][1].endswith(".")
    assert sum(len(batch.positions) for batch in batches) == 22


def test_that_normalising_equals_the_textbook_formula(pictures: list[str]) -> None:
    picture = make_transform(PREPROCESSING)(decode(pictures[0]))[None]
    mean, std = torch.tensor(PREPROCESSING.mean).view(3, 1, 1), torch.tensor(PREPROCESSING.std).view(3, 1, 1)
    expected = (picture / 255 - mean) / std
    got = Normalizer(PREPROCESSING, torch.device("cpu"), torch.channels_last)(picture)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("augmentation", ["characters", "light", "medium"])
@pytest.mark.parametrize("flip", [True, False])
def test_that_augmentation_keeps_shape_and_type(pictures: list[str], augmentation: str, flip: bool) -> None:
    transform = make_transform(PREPROCESSING, augmentation, flip)  # type: ignore[arg-type]
    result = transform(decode(pictures[0]))
    assert result.shape == (3, 32, 32)
    assert result.dtype == torch.uint8


def test_that_odd_pictures_are_decoded_like_plain_ones(tmp_path: Path) -> None:
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
    variants = {
        "plain.png": Image.fromarray(grey).convert("RGB"),
        "grey.png": Image.fromarray(grey),
        "palette.png": Image.fromarray(grey).convert("P"),
        "sixteen.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "alpha.png": Image.fromarray(grey).convert("RGBA"),
        "cmyk.tiff": Image.fromarray(grey).convert("RGB").convert("CMYK"),
    }
    decoded = {}
    for name, image in variants.items():
        image.save(tmp_path / name)
        decoded[name] = decode(str(tmp_path / name)).int()
    for name, picture in decoded.items():
        assert picture.shape == (3, 48, 64), name
        assert (picture - decoded["plain.png"]).abs().max() <= 2, name


def test_that_a_balanced_sampler_draws_every_class_as_often_and_repeats_itself() -> None:
    strata = [0] * 900 + [1] * 100
    drawn = np.array(order(1000, strata, "balanced", 3, "train", 0))
    assert 420 < (drawn >= 900).sum() < 580
    assert order(1000, strata, "balanced", 3, "train", 0) == drawn.tolist()
    assert order(1000, strata, "balanced", 3, "train", 1) != drawn.tolist()
    between = np.array(order(1000, strata, "square-root", 3, "train", 0))
    assert 190 < (between >= 900).sum() < 310  # roots of 900 and 100: three to one


def test_that_a_part_of_a_file_is_read_as_a_file_of_its_own(pictures: list[str], tmp_path: Path) -> None:
    first, second = (Path(path).read_bytes() for path in pictures[:2])
    both = tmp_path / "both.bin"
    both.write_bytes(first + second)
    assert torch.equal(decode(place(both, len(first), len(second))), decode(pictures[1]))
    both.write_bytes(first + second[:-100])
    with pytest.raises(DataError, match="shorter than it was"):
        read_bytes(place(both, len(first), len(second)))
