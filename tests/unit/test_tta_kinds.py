"""Several looks at sounds, films, masks and numbers: what comes out, and where it makes no sense."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tlstudio.api import ModelCard, Preprocessing, UsageError
from tlstudio.evaluation.per_item import softmax
from tlstudio.prediction.answering import Answering
from tlstudio.prediction.files import Named
from tlstudio.prediction.several_views import MOST, larger, one_way, sights
from tlstudio.prediction.split_views import Looking
from tlstudio.prediction.torch_model import TorchPredictor
from tlstudio.registry import Registry

SIDE = 24
PLAIN = Preprocessing(resize=SIDE, crop=SIDE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
REGISTRY = Registry.discover(safe_mode=True)
MIRRORED, UPRIGHT = "mobilenet_v2", "glyphnet"  # backbones to which a mirror image is the same, and is not


class Quarters(nn.Module):
    """Sums of the left quarter and of the upper quarter of ``[N, ..., H, W]``, 0 to 1, times ten: ``[N, 2]``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(1, -3).mean(1)
        side = x.shape[-1] // 4
        return 10 * torch.stack([flat[..., :side].mean((1, 2)), flat[..., :side, :].mean((1, 2))], 1)


class LeftIsLight(nn.Module):
    """``[N, 2, H, W]``: the second class is the likelier the further left a pixel lies, whatever it shows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(4, -4, x.shape[-1]).expand(len(x), 1, x.shape[-2], x.shape[-1])
        return torch.cat([torch.zeros_like(ramp), ramp], 1)


def asked(
    model: nn.Module, views: int, task: str = "classification", backbone: str = MIRRORED, **more: Any
) -> Answering:
    card = ModelCard(
        class_names=("a", "b"), preprocessing=PLAIN, backbone=backbone, weights="", method="", task=task, dataset="",
        metrics={}, plugins={}, created="", tlstudio_version="", **more,
    )  # fmt: skip
    return Answering(TorchPredictor(model, card, REGISTRY), REGISTRY, views=views)


def test_that_a_sound_is_shifted_in_time_and_its_answers_averaged(shared_data: Path) -> None:
    file = sorted((shared_data / "fsdd_wav" / "7").glob("*.wav"))[0]
    parameters = {"sample_rate": 8000, "seconds": 0.5}
    several = asked(Quarters(), 9, modality="audio", parameters=parameters)
    assert several.views == 5
    plain = several._inputs.of_files([file])
    assert plain.shape == (1, 3, SIDE, SIDE)
    seen = []
    for share in (0, -0.05, 0.05, -0.1, 0.1):
        moved = round(share * SIDE)
        columns = np.clip(np.arange(SIDE) - moved, 0, SIDE - 1)
        seen.append(several._predictor.logits_of_inputs(np.ascontiguousarray(plain[..., columns])))
    mean = np.mean([softmax(one) for one in seen], 0)
    assert len({one.tobytes() for one in seen}) > 1
    (said,) = several.ask([Named(file)])
    assert said["probability"] == pytest.approx(mean.max(), abs=1e-5)


def test_that_a_film_is_cut_at_its_corners_and_mirrored_frame_by_frame() -> None:
    frames = torch.rand(2, 4, 3, 28, 28)
    every = sights(MOST, modality="video", task="classification", parameters={"frames": 4}, flip_safe=True)
    assert len(every) == 12
    corners = [sight for sight in every if sight.corner is not None]
    seen = Looking(Quarters(), corners, SIDE, pixels=False)(frames)
    assert seen.shape == (2, 10, 2)
    cut = frames[..., :SIDE, :SIDE]
    assert torch.allclose(seen[:, 0], Quarters()(cut))
    assert torch.allclose(seen[:, 1], Quarters()(cut.flip(-1)))
    assert larger(PLAIN).crop == 27


def test_that_the_answer_for_a_mirrored_picture_is_mirrored_back_into_its_mask(tmp_path: Path) -> None:
    picture = tmp_path / "grey.png"
    Image.new("RGB", (60, 60), "grey").save(picture)
    masks = {"task": "segmentation", "parameters": {"side": SIDE}, "rebuild": {"encoding": {"pixels": [0, 255]}}}
    once, both = (asked(LeftIsLight(), views, **masks) for views in (1, 2))  # type: ignore[arg-type]
    (left,) = once._predictor.logits_of_inputs(once._inputs.of_files([picture]))
    (even,) = both._from_all_sides([Named(picture)])
    shares = np.exp(left[1]) / np.exp(left).sum(0)
    assert np.exp(even[1]) == pytest.approx((shares + shares[:, ::-1]) / 2, abs=1e-5)
    assert np.exp(even).sum(0) == pytest.approx(1, abs=1e-5)


def test_that_numbers_are_averaged_over_mirror_images_alone_since_a_part_has_another_count(tmp_path: Path) -> None:
    picture = tmp_path / "half.png"
    Image.fromarray(np.tile(np.repeat([0, 255], 20), (40, 1)).astype(np.uint8)).convert("RGB").save(picture)
    several = asked(Quarters(), MOST, "regression")
    assert several.views == 2
    (said,) = several.ask([Named(picture)])
    assert said["values"] == pytest.approx({"a": 5.0, "b": 5.0}, abs=0.02)
    (said,) = asked(Quarters(), 1, "regression").ask([Named(picture)])
    assert said["values"] == pytest.approx({"a": 0.0, "b": 5.0}, abs=0.02)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ({"modality": "text", "task": "classification", "parameters": {}, "flip_safe": True}, "look at texts"),
        (
            {"modality": "image", "task": "segmentation", "parameters": {"side": 64}, "flip_safe": False},
            "a mask belongs",
        ),
        ({"modality": "image", "task": "regression", "parameters": {}, "flip_safe": False}, "a number belongs"),
        ({"modality": "video", "task": "regression", "parameters": {}, "flip_safe": False}, "a number belongs"),
        ({"modality": "smell", "task": "classification", "parameters": {}, "flip_safe": True}, "look at these samples"),
    ],
)
def test_that_what_can_be_looked_at_in_one_way_only_is_refused_with_the_reason(
    kind: dict[str, Any], reason: str
) -> None:
    assert reason in one_way(**kind)
    with pytest.raises(UsageError, match=f"{reason}.* Leave out the views."):
        sights(2, **kind)
    assert len(sights(1, **kind)) == 1


def test_that_a_model_says_why_it_looks_in_one_way_only() -> None:
    with pytest.raises(UsageError, match="a number belongs to the whole"):
        asked(Quarters(), 2, "regression", UPRIGHT)
