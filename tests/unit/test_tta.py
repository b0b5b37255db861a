"""Looking at a sample in several ways: which ways there are, what the mean is, and that results say so."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit import weights_material
from tlstudio.api import Preprocessing, UsageError
from tlstudio.api.events import Failed, Finished
from tlstudio.control import Control
from tlstudio.evaluation import load_results
from tlstudio.evaluation.per_item import softmax
from tlstudio.prediction import predict
from tlstudio.prediction.loading import load_predictor
from tlstudio.prediction.several_views import MOST, Sight, larger, mean_outputs, sights
from tlstudio.prediction.split_views import Looking
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.worker import events_of

PICTURE = {"modality": "image", "task": "classification", "parameters": {}, "flip_safe": True}


def test_that_the_usual_sight_comes_first_and_mirrored_ones_where_they_mean_the_same() -> None:
    every = sights(MOST, **PICTURE)  # type: ignore[arg-type]
    assert len(every) == len(set(every)) == MOST
    assert every[:2] == (Sight(), Sight(mirrored=True))
    assert sights(4, **PICTURE) == every[:4]  # type: ignore[arg-type]
    upright = sights(MOST, **{**PICTURE, "flip_safe": False})  # type: ignore[arg-type]
    assert len(upright) == 6
    assert not any(sight.mirrored for sight in upright)


def test_that_sounds_are_shifted_masks_mirrored_and_texts_seen_in_one_way() -> None:
    sounds = sights(9, **{**PICTURE, "modality": "audio"})  # type: ignore[arg-type]
    assert [sight.shift for sight in sounds] == [0.0, -0.05, 0.05, -0.1, 0.1]
    masks = {**PICTURE, "task": "segmentation", "parameters": {"side": 64}}
    assert sights(9, **masks) == (Sight(), Sight(mirrored=True))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="one way to look at texts"):
        sights(2, **{**PICTURE, "modality": "text"})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="in 1 to 12 views, and 99 were asked for"):
        sights(99, **PICTURE)  # type: ignore[arg-type]


def test_that_a_sight_cuts_shifts_and_mirrors_arrays_and_tensors_alike() -> None:
    whole = np.arange(2 * 8 * 8).reshape(1, 2, 8, 8)
    corner = Sight(corner=(0.0, 1.0)).of(whole, 6)
    assert np.array_equal(corner, whole[..., :6, 2:])
    assert np.array_equal(Sight(mirrored=True, corner=(1.0, 0.5)).of(whole, 6), whole[..., 2:, 1:7][..., ::-1])
    shifted = Sight(shift=0.25).of(whole, 8)
    assert np.array_equal(shifted, np.concatenate([whole[..., :1], whole[..., :1], whole[..., :6]], -1))
    for sight in (Sight(), Sight(mirrored=True, corner=(1.0, 0.0)), Sight(shift=-0.25)):
        assert np.array_equal(sight.of(torch.tensor(whole), 6).numpy(), sight.of(whole, 6))
    assert larger(Preprocessing(resize=256, crop=224)) == Preprocessing(resize=256, crop=256)
    assert larger(Preprocessing(resize=40, crop=40)).crop == 46


def test_that_probabilities_are_averaged_not_outputs() -> None:
    outputs = np.random.default_rng(0).normal(0, 3, (4, 3, 5))
    shares = softmax(outputs.reshape(12, 5)).reshape(4, 3, 5).mean(1)
    assert softmax(mean_outputs(outputs, "classification")) == pytest.approx(shares, abs=1e-6)
    several = 1 / (1 + np.exp(-mean_outputs(outputs, "multilabel").astype(np.float64)))
    assert several == pytest.approx((1 / (1 + np.exp(-outputs))).mean(1), abs=1e-6)
    assert mean_outputs(outputs, "regression") == pytest.approx(outputs.mean(1), abs=1e-6)
    certain = mean_outputs(np.array([[[800.0, -800.0]], [[-800.0, 800.0]]]), "multilabel")
    assert np.isfinite(certain).all()


def test_that_answers_for_pixels_are_mirrored_back() -> None:
    model = nn.Conv2d(3, 2, 1)
    x = torch.randn(2, 3, 6, 6)
    seen = Looking(model, (Sight(), Sight(mirrored=True)), 6, pixels=True)(x)
    assert torch.allclose(seen.softmax(1), model(x).softmax(1), atol=1e-5)


def test_that_an_evaluation_with_views_says_so_and_leaves_the_plain_one_alone(tmp_path: Path) -> None:
    with Project.open(weights_material.copied_to(tmp_path)) as project:
        folder = project.run_dir(1)
        before = load_results(folder)["splits"]["test"]
        arguments = {"project": str(project.path), "run": 1, "split": "test", "views": 5}
        *_, last = events_of("evaluate", arguments, Control())
        assert isinstance(last, Finished), last.sentence if isinstance(last, Failed) else last
        results = load_results(folder)
        assert results["splits"]["test"] == before
        seen = results["with_views"]["test"]
        assert (seen["views"], last.result["views"]) == (5, 5)
        assert seen["metrics"] == last.result["metrics"]
        place = project.manifest("digits").splits["test"].paths[0]
        model = folder / "model.safetensors"
        (one,) = predict(model, [place], views=3)["predictions"]
        assert predict(model, [place])["predictions"][0]["probability"] != one["probability"]
        assert predict(model, [place], views=3)["views"] == 3
        predictor = load_predictor(model, Registry.discover())
    inputs = predictor._inputs.of_files([place])  # type: ignore[attr-defined]  # what the model is given
    plain = softmax(predictor.logits_of_inputs(inputs))
    big = predictor._inputs._modality.inputs(  # type: ignore[attr-defined]
        [Path(place).read_bytes()], larger(predictor.card.preprocessing), {}
    )
    side, crop = big.shape[-1], predictor.card.preprocessing.crop
    corners = [big[..., :crop, :crop], big[..., side - crop :, side - crop :]]
    shares = [plain, *(softmax(predictor.logits_of_inputs(np.ascontiguousarray(cut))) for cut in corners)]
    assert one["probability"] == pytest.approx(np.mean(shares, 0).max(), abs=1e-4)
