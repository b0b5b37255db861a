"""glyphnet: the network, its weights file and what the two reach on real handwritten digits."""

import hashlib
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from tlstudio_builtins.backbones.glyphnet import FEATURE_DIM, INPUT_SIZE, LEVELS, GlyphNet, glyphnet

FOLDER = Path(__file__).parents[2] / "resources" / "glyphnet"
WEIGHTS = FOLDER / "glyphnet.safetensors"


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return json.loads((FOLDER / "glyphnet.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def model() -> GlyphNet:
    network = glyphnet()
    network.load_state_dict(load_file(WEIGHTS))
    return network.eval()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports one of the scripts beside the weights, and forgets all of them afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in {"augment", "evaluate", "render", "glyphnet"} & (set(sys.modules) - before):
        del sys.modules[name]


def test_that_glyphnet_has_at_most_one_and_a_half_million_parameters(description: dict[str, Any]) -> None:
    count = sum(parameter.numel() for parameter in glyphnet().parameters())
    assert count <= 1_500_000
    assert count == description["parameters"]


def test_that_the_weights_file_is_at_most_six_megabytes() -> None:
    assert WEIGHTS.stat().st_size <= 6_000_000


def test_that_the_weights_file_has_the_checksum_of_its_description(description: dict[str, Any]) -> None:
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == description["sha256"]


def test_that_the_weights_are_the_whole_state_of_the_network_and_finite() -> None:
    stored, expected = load_file(WEIGHTS), glyphnet().state_dict()
    assert stored.keys() == expected.keys()
    for name, value in stored.items():
        assert value.shape == expected[name].shape
        assert torch.isfinite(value).all()


def test_that_the_description_states_the_levels_that_the_network_has(
    description: dict[str, Any], model: GlyphNet
) -> None:
    assert [tuple(level) for level in description["levels"]] == list(LEVELS)
    shapes: dict[str, torch.Size] = {}
    for name, module, _, _ in LEVELS:
        model.get_submodule(module).register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update({name: output.shape})
        )
    with torch.inference_mode():
        model(torch.zeros(2, 3, 64, 64))
    for name, _, channels, stride in LEVELS:
        assert shapes[name] == (2, channels, 64 // stride, 64 // stride)
    assert description["feature_dim"] == FEATURE_DIM == LEVELS[-1][2]
    assert description["input_size"] == INPUT_SIZE


@pytest.mark.parametrize("size", [(40, 40), (16, 16), (28, 28), (33, 57), (224, 224)])
def test_that_features_come_for_pictures_of_any_size(model: GlyphNet, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        features = model(torch.rand(2, 3, *size) * 2 - 1)
    assert features.shape == (2, FEATURE_DIM)
    assert torch.isfinite(features).all()


def test_that_glyphnet_trains_in_channels_last_and_bfloat16() -> None:
    torch.manual_seed(0)
    network = glyphnet().to(memory_format=torch.channels_last)
    x = torch.rand(4, 3, 40, 40).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        features = network(x)
    features.float().square().mean().backward()
    assert features.shape == (4, FEATURE_DIM)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_that_the_exported_network_gives_the_same_features_at_any_size(model: GlyphNet, tmp_path: Path) -> None:
    path = tmp_path / "glyphnet.onnx"
    dims = {0: torch.export.Dim("n"), 2: torch.export.Dim("height", min=16), 3: torch.export.Dim("width", min=16)}
    torch.onnx.export(model, (torch.rand(2, 3, 40, 44),), path, dynamo=True, dynamic_shapes=(dims,), verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 40, 40), (3, 3, 57, 33)):
        x = torch.rand(*shape) * 2 - 1
        (exported,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        with torch.inference_mode():
            np.testing.assert_allclose(exported, model(x).numpy(), rtol=1e-3, atol=1e-4)


def test_that_glyphnet_features_beat_raw_pixels_by_three_points(script: Any, description: dict[str, Any]) -> None:
    evaluate = script("evaluate")
    means = {name: 100 * np.mean(draws) for name, draws in evaluate.table(evaluate.pretrained()).items()}
    assert means["raw pixels"] == pytest.approx(88.2, abs=0.5)
    assert means["glyphnet, pretrained"] >= means["raw pixels"] + 3
    assert means["glyphnet, pretrained"] >= means["raw pixels / 16, not standardised"] + 3
    assert means["glyphnet, pretrained"] >= means["glyphnet, random weights"] + 3
    for name, mean in means.items():
        assert mean == pytest.approx(description["digits"][name]["mean"], abs=0.5)


def test_that_the_model_card_states_the_table_of_the_description(description: dict[str, Any]) -> None:
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    for name, row in description["digits"].items():
        assert f"| {name} | {row['mean']:.1f} % |" in card
    assert "{{" not in card


def test_that_the_same_seed_distorts_a_drawing_in_the_same_way(script: Any) -> None:
    augment, render = script("augment"), script("render")
    ink = np.zeros((8, render.SIDE, render.SIDE), np.uint8)
    ink[:, 8:40, 20:28] = 255
    drawings, distances = torch.from_numpy(ink), torch.from_numpy(render.distances(ink))
    first, again = (
        augment.augment(drawings, distances, torch.Generator().manual_seed(3), INPUT_SIZE) for _ in range(2)
    )
    assert first.shape == (8, 1, INPUT_SIZE, INPUT_SIZE)
    assert -1 <= float(first.min()) < float(first.max()) <= 1
    assert torch.equal(first, again)


def test_that_a_thick_stroke_has_a_thin_skeleton_in_its_middle(script: Any) -> None:
    ink = np.zeros((1, 48, 48), bool)
    ink[0, 8:40, 20:27] = True
    thin = script("render").skeleton(ink)[0]
    rows, columns = np.nonzero(thin)
    assert set(columns) <= {22, 23, 24}
    assert len(rows) <= 34
