"""Real networks as ONNX: the same logits for any number of pictures, and nothing said aloud meanwhile."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import MobileNetV2

from tlstudio.api import ExportError, ModelCard, Preprocessing
from tlstudio.prediction.torch_model import TorchPredictor
from tlstudio.registry import Registry
from tlstudio.training.modules import Classifier, MLPHead, StandardizedLinear, average_frames
from tlstudio.weights.resolving import preprocessing_of


def card(backbone: str, preprocessing: Preprocessing, classes: int) -> ModelCard:
    return ModelCard(
        class_names=tuple(f"Klasse {n} – ä" for n in range(classes)),
        preprocessing=preprocessing,
        backbone=backbone,
        weights="none",
        method="fine-tuning",
        task="classification",
        dataset="none",
        metrics={},
        plugins={},
        created="2026-01-01T00:00:00+00:00",
        tlstudio_version="0.1.0",
    )


def heads(features: int) -> dict[str, nn.Module]:
    standardized = StandardizedLinear(features, 5)
    nn.init.normal_(standardized.linear.weight, std=0.1)  # it starts at zero, where every network gives the same
    return {
        "mobilenet_v2": standardized,
        "resnet18": MLPHead(features, 32, 5),
        "glyphnet": nn.Linear(features, 5),
        "vit_tiny": nn.Linear(features, 5),
    }


@pytest.mark.parametrize(
    "name",
    ["glyphnet", "mobilenet_v2", "resnet18", "vit_tiny"],
)
def test_that_a_network_gives_the_same_logits_as_onnx(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    registry = Registry.discover()
    descriptor, exporter = registry.backbone(name), registry.exporter("onnx").load()()
    torch.manual_seed(0)
    backbone = descriptor.load()()
    # Each kind of block once or twice: translating all 17 or 12 takes long and shows no more.
    if name == "mobilenet_v2":
        few = MobileNetV2(inverted_residual_setting=[[1, 16, 1, 1], [6, 24, 2, 2], [6, 320, 1, 2]])
        backbone.features = few.features
    elif name == "vit_tiny":
        backbone.encoder.layers = backbone.encoder.layers[:2]
    model = Classifier(backbone, heads(descriptor.feature_dim)[name])
    with torch.no_grad():
        side = preprocessing_of(descriptor).crop
        model.train()(torch.randn(4, 3, side, side))  # batch norms get statistics, and logits a size
    model.eval()
    before, path = card(name, preprocessing_of(descriptor), 5), tmp_path / "model.onnx"
    with caplog.at_level(logging.WARNING):
        exporter.export(model, before, path)
        predictor = exporter.load(path)
    assert [record.getMessage() for record in caplog.records] == []
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == [path]
    assert predictor.card == before
    side, in_memory = before.preprocessing.crop, TorchPredictor(model, before)
    for count in (1, 3):
        pixels = np.random.default_rng(count).integers(0, 256, (count, 3, side, side), dtype=np.uint8)
        logits = in_memory.logits_of_pixels(pixels)
        assert logits.std() > 0.01
        np.testing.assert_allclose(predictor.logits_of_pixels(pixels), logits, rtol=1e-3, atol=1e-4)


def test_that_films_go_through_a_network_for_pictures_for_any_number_of_them(tmp_path: Path) -> None:
    registry = Registry.discover()
    descriptor, exporter = registry.backbone("glyphnet"), registry.exporter("onnx").load()()
    torch.manual_seed(0)
    backbone = descriptor.load()()
    average_frames(backbone, 3)
    model = Classifier(backbone, nn.Linear(descriptor.feature_dim, 4)).eval()
    described = dataclasses.replace(
        card("glyphnet", descriptor.weights[0].preprocessing, 4), modality="video", parameters={"frames": 3}
    )
    assert described.input_spec.shape == (3, 3, 40, 40)
    exporter.export(model, described, tmp_path / "model.onnx")
    predictor, in_memory = exporter.load(tmp_path / "model.onnx"), TorchPredictor(model, described)
    for count in (1, 3):
        films = np.random.default_rng(count).integers(0, 256, (count, 3, 3, 40, 40), dtype=np.uint8)
        answers = predictor.logits_of_inputs(films)
        np.testing.assert_allclose(answers, in_memory.logits_of_inputs(films), rtol=1e-3, atol=1e-5)


class Undecided(nn.Module):
    """Takes another way by the values themselves, which no ONNX graph can say."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.mean(dim=(2, 3))
        return rows if rows.sum().item() > 0 else -rows


def test_that_a_network_that_onnx_cannot_express_is_refused_in_a_sentence(tmp_path: Path) -> None:
    exporter = Registry.discover().exporter("onnx").load()()
    described = card("undecided", Preprocessing(resize=8, crop=8), 3)
    sentence = r"'undecided'.*cannot be written as ONNX: .*Export it to safetensors"
    with pytest.raises(ExportError, match=sentence) as caught:
        exporter.export(Undecided(), described, tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_that_weights_beyond_the_size_of_one_file_lie_beside_it_and_may_be_moved_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tlstudio_builtins.exporters import onnx_graph

    monkeypatch.setattr(onnx_graph, "_LARGEST", 1000)
    registry = Registry.discover()
    descriptor, exporter = registry.backbone("glyphnet"), registry.exporter("onnx").load()()
    model = Classifier(descriptor.load()(), nn.Linear(descriptor.feature_dim, 2)).eval()
    (tmp_path / "first").mkdir()
    exporter.export(model, card("glyphnet", descriptor.weights[0].preprocessing, 2), tmp_path / "first" / "m.onnx")
    moved = (tmp_path / "first").rename(tmp_path / "second")
    assert sorted(entry.name for entry in moved.iterdir()) == ["m.onnx", "m.onnx.data"]
    pixels = np.zeros((1, 3, 40, 40), np.uint8)
    assert exporter.load(moved / "m.onnx").logits_of_pixels(pixels).shape == (1, 2)
