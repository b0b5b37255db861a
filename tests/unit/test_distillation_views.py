"""One view for teacher and student: each sees what its own preset would have made; levels of two networks in pairs."""

import itertools
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from tlstudio.api import FeatureLevel, Preprocessing
from tlstudio.data.transforms import Normalizer, decode, make_transform
from tlstudio_builtins.backbones import BACKBONES
from tlstudio_builtins.methods import distillation_levels as levels
from tlstudio_builtins.methods.distillation_views import SharedView, geometry, sampling

KNOWN = {descriptor.id: descriptor for descriptor in BACKBONES}
IMAGENET = Preprocessing(resize=256, crop=224)
SMALL = Preprocessing(resize=110, crop=96, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
WIDE = Preprocessing(resize=32, crop=32)  # sees more of the border than the teacher does
CUBIC = Preprocessing(resize=128, crop=112, interpolation="bicubic")


def preset(preprocessing: Preprocessing, picture: torch.Tensor) -> torch.Tensor:
    normalize = Normalizer(preprocessing, torch.device("cpu"), torch.contiguous_format)
    return normalize(make_transform(preprocessing)(picture)[None])


def in_levels(difference: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    return 255 * difference.abs() * torch.tensor(preprocessing.std).view(3, 1, 1)


@pytest.fixture(scope="module", params=["photo", "square", "hand"])
def picture(request: pytest.FixtureRequest, shared_data: Path) -> torch.Tensor:
    if request.param == "hand":
        return decode(str(min((shared_data / "sign_digits" / "3").iterdir())))
    photo = decode(str(shared_data / "photos" / "hot_dog.jpg"))
    return F.center_crop(photo, [384, 384]) if request.param == "square" else photo


@pytest.mark.parametrize("student", [SMALL, WIDE, CUBIC], ids=["small", "wide", "cubic"])
def test_that_without_augmentation_each_sees_what_its_own_preset_shows(
    student: Preprocessing, picture: torch.Tensor
) -> None:
    for first, second in ((student, IMAGENET), (IMAGENET, student)):
        view = SharedView(first, second, "centre")
        seen = preset(view.preprocessing, picture)
        for own, derived in ((first, view.for_student(seen)), (second, view.for_teacher(seen))):
            expected = preset(own, picture)
            assert derived.shape == expected.shape
            if own is IMAGENET:
                torch.testing.assert_close(derived, expected, atol=1e-6, rtol=0)
            else:  # resampled twice, rounded once: 3 of 255 levels in the mean
                assert in_levels(derived - expected, own).mean() < 3.0
                assert torch.corrcoef(torch.stack([derived.flatten(), expected.flatten()]))[0, 1] > 0.985


def test_that_two_alike_are_given_the_very_same_numbers(picture: torch.Tensor) -> None:
    seen = preset(IMAGENET, picture)
    for shape in ("centre", "whole"):
        view = SharedView(IMAGENET, IMAGENET, shape)
        assert view.preprocessing == IMAGENET
        assert torch.equal(view.for_student(seen), seen)
        assert torch.equal(view.for_teacher(seen), seen)


def test_that_with_random_crops_both_see_all_of_the_crop() -> None:
    view = SharedView(SMALL, IMAGENET, "whole")
    assert view.preprocessing == IMAGENET
    drawn = torch.rand(2, 3, 224, 224)
    expected = F.resize(drawn, [96, 96], antialias=True)
    as_student = expected * torch.tensor(IMAGENET.std).view(3, 1, 1) + torch.tensor(IMAGENET.mean).view(3, 1, 1) - 0.5
    torch.testing.assert_close(view.for_student(drawn), as_student / 0.25, atol=1e-4, rtol=1e-4)
    assert torch.equal(view.for_teacher(drawn), drawn)


def test_that_a_student_with_the_larger_input_is_given_the_view_as_it_is() -> None:
    view = SharedView(IMAGENET, SMALL, "whole")
    assert (view.preprocessing.crop, view.preprocessing.mean) == (224, SMALL.mean)
    assert view.for_teacher(torch.rand(1, 3, 224, 224)).shape[-1] == 96


@pytest.mark.parametrize(("cubic", "mode"), [(False, InterpolationMode.BILINEAR), (True, InterpolationMode.BICUBIC)])
@pytest.mark.parametrize(("size", "wanted"), [(224, 96), (33, 32), (20, 50), (7, 7)])
def test_that_resampling_is_what_torch_resizes_like(
    size: int, wanted: int, cubic: bool, mode: InterpolationMode
) -> None:
    pixels = torch.rand(1, 3, size, size)
    weights = sampling(size, 0.0, float(size), wanted, cubic)
    expected = F.resize(pixels, [wanted, wanted], interpolation=mode, antialias=True)
    torch.testing.assert_close(weights @ pixels @ weights.T, expected, atol=1e-4, rtol=0)


def test_that_films_are_resampled_frame_by_frame_and_texts_are_left_alone() -> None:
    films = torch.rand(2, 4, 3, 224, 224)
    view = SharedView(SMALL, IMAGENET, "centre")
    made = view.for_student(films)
    torch.testing.assert_close(made.flatten(0, 1), view.for_student(films.flatten(0, 1)))
    texts = torch.randint(0, 256, (2, 50))
    assert SharedView(SMALL, IMAGENET, "numbers").for_student(texts) is texts


def test_that_pictures_with_masks_keep_their_size() -> None:
    view = SharedView(SMALL, IMAGENET, "same")
    assert view.preprocessing == IMAGENET
    pixels = torch.rand(1, 3, 64, 64)
    plain = (pixels - torch.tensor(IMAGENET.mean).view(3, 1, 1)) / torch.tensor(IMAGENET.std).view(3, 1, 1)
    torch.testing.assert_close(view.for_student(plain), (pixels - 0.5) / 0.25)


def test_that_the_geometry_follows_the_modality_and_its_augmentation() -> None:
    assert geometry("text", "none", False) == "numbers"
    assert geometry("image", "light", True) == "same"
    assert [geometry("image", name, False) for name in ("none", "characters", "light", "medium")] == [
        "centre", "centre", "whole", "whole",
    ]  # fmt: skip
    assert geometry("audio", "none", False) == "whole"


def strides(name: str) -> tuple[tuple[FeatureLevel, ...], int]:
    return KNOWN[name].levels, KNOWN[name].input_size


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        ("resnet8", "mobilenet_v2", [(1, 8), (2, 16), (4, 32)]),
        ("mobilenet_v1_025", "mobilenet_v2", [(2, 2), (4, 4), (8, 8), (16, 16), (32, 32)]),
        ("mobilenet_v2", "resnet8", [(8, 1), (16, 2), (32, 4)]),
        ("resnet8", "resnet20", [(1, 1), (2, 2), (4, 4)]),
        ("resnet8", "glyphnet", [(1, 2), (2, 4), (4, 8)]),
    ],
)
def test_that_levels_are_paired_by_the_size_of_their_maps(
    student: str, teacher: str, expected: list[tuple[int, int]]
) -> None:
    found = levels.pairs(*strides(student), *strides(teacher))
    assert [(a.stride, b.stride) for a, b in found] == expected
    assert levels.chosen(found, "attention") == found
    assert levels.chosen(found, "hints") == [found[len(found) // 2]]


def test_that_each_level_of_a_transformer_has_a_partner_in_order() -> None:
    found = levels.pairs(*strides("mobilenet_v1_025"), *strides("vit_b_16"))
    assert [b.name for _, b in found] == [level.name for level in KNOWN["vit_b_16"].levels]
    assert all(a.stride < b.stride for (a, _), (b, _) in itertools.pairwise(found))


def test_that_nothing_is_paired_where_a_network_names_no_levels() -> None:
    assert levels.pairs((), 32, *strides("mobilenet_v2")) == []
    assert levels.chosen([], "hints") == []


def test_that_maps_of_two_sizes_are_compared_at_the_smaller() -> None:
    torch.manual_seed(0)
    student, teacher = KNOWN["resnet8"].load()().eval(), KNOWN["glyphnet"].load()().eval()
    found = levels.pairs(*strides("resnet8"), *strides("glyphnet"))
    x, y = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 40, 40)
    with (
        levels.watched(student, [a for a, _ in found], x) as own,
        levels.watched(teacher, [b for _, b in found], y) as its,
    ):
        student(x), teacher(y)
    assert {name: m.shape[1:] for name, m in own.items()} == {
        "stride1": (16, 32, 32), "stride2": (32, 16, 16), "stride4": (64, 8, 8),
    }  # fmt: skip
    projected = levels.projectors(levels.chosen(found, "hints"))
    assert [p.shape[:2] for p in projected.parameters() if p.ndim == 4] == [(64, 32)]
    hints = levels.distance(levels.chosen(found, "hints"), own, its, "hints", 2.0, projected)
    attention = levels.distance(found, own, its, "attention", 2.0, nn.ModuleDict())
    for value in (hints, attention):
        assert value.requires_grad
        assert value.item() > 0
    student(x)
    assert not any(module._forward_hooks for module in student.modules())
