"""Between pretrained and fine-tuned weights: the formula, the statistics of batch norm, the curve that a run leaves."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.unit import weights_material
from tlstudio.api.events import EpochDone, Message
from tlstudio.project import Project
from tlstudio.training.modules import StandardizedLinear
from tlstudio_builtins.methods import wise_weights

SHORT = {"points": 3}


def test_that_the_ends_are_exact_and_the_middle_is_the_mean_in_float64() -> None:
    torch.manual_seed(0)
    one, other = ({"w": torch.randn(5, 5), "n": torch.tensor(number)} for number in (3, 9))
    assert torch.equal(wise_weights.combined([one, other], [1.0, 0.0])["w"], one["w"])
    assert torch.equal(wise_weights.combined([one, other], [0.0, 1.0])["w"], other["w"])
    mixed = wise_weights.combined([one, other], [0.7, 0.3])
    assert torch.equal(mixed["w"], (0.7 * one["w"].double() + 0.3 * other["w"].double()).float())
    assert mixed["n"] == 9


@pytest.mark.parametrize("scaled", [False, True])
def test_that_a_head_answers_the_same_in_anothers_standardisation(scaled: bool) -> None:
    torch.manual_seed(0)
    units = [((2.0, 3.0), (5.0, -1.0)), ((4.0, 1.0), (0.0, 2.0))] if scaled else [((), ()), ((), ())]
    one, other, again = (StandardizedLinear(6, 2, *units[number]) for number in (0, 1, 1))
    for head in (one, other):
        head.fit_scale(torch.randn(20, 6) * 3 + 1)
        nn.init.normal_(head.linear.weight)
        nn.init.normal_(head.linear.bias)
    again.load_state_dict(wise_weights.like(one, other))
    x = torch.randn(7, 6)
    assert torch.allclose(again(x), one(x), atol=1e-4)
    assert torch.equal(again.std, other.std)


def test_that_statistics_are_those_of_the_data_layer_by_layer() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.BatchNorm2d(3))
    x = torch.randn(40, 1, 6, 6).half()  # one batch: the running statistics are its own
    wise_weights.Samples(x, seed=0).reestimate(model, torch.device("cpu"))
    with torch.no_grad():
        first = model[0](x.float())
        second = model[3](torch.relu(nn.functional.batch_norm(first, None, None, model[1].weight, model[1].bias, True)))
    for norm, values in ((model[1], first), (model[4], second)):
        assert torch.allclose(norm.running_mean, values.mean((0, 2, 3)), atol=1e-4)
        assert torch.allclose(norm.running_var, values.var((0, 2, 3)), atol=1e-4)
        assert not norm.training
        assert norm.momentum == 0.1


def test_that_statistics_do_not_depend_on_the_order_of_the_classes() -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.randn(96, 2, 1, 1), torch.randn(96, 2, 1, 1) + 8])  # sorted by class
    norm = nn.BatchNorm2d(2)
    wise_weights.Samples(x, seed=0).reestimate(norm, torch.device("cpu"))
    assert torch.allclose(norm.running_var, x.var((0, 2, 3)), rtol=0.1)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_material.copied_to(tmp_path_factory.mktemp("wise"))


def test_that_a_run_leaves_the_curve_and_keeps_its_best_point(material: Path) -> None:
    with Project.open(material) as project:
        number, result, said = weights_material.train(project, "wise-ft", SHORT, runs=(1,), source="inverted")
        folder = project.run_dir(number)
        curve = json.loads((folder / "weights_curve.json").read_text(encoding="utf-8"))
        linear, _, _ = weights_material.train(project, "feature-extraction", {})
        kept, plain = load_file(folder / "model.safetensors"), load_file(project.run_dir(1) / "model.safetensors")
        pretrained = load_file(project.run_dir(linear) / "model.safetensors")
    points = curve["points"]
    assert [point["alpha"] for point in points] == [0.0, 0.5, 1.0]
    assert (curve["run"], curve["metric"], curve["shifted"]) == (1, "accuracy", "inverted")
    assert curve["batch_norm"] == "re-estimated"  # batch norm had learnt in run 1
    best = max(points, key=lambda p: (p["val"]["accuracy"], -p["val"]["loss"]))
    assert curve["alpha"] == best["alpha"]
    assert result["metrics"]["val"]["accuracy"] == pytest.approx(best["val"]["accuracy"])
    assert all(0 <= point["shifted"]["accuracy"] <= 1 for point in points)
    alpha = curve["alpha"]
    for name in ("backbone.stem.0.weight", "backbone.stage4.conv2.weight"):
        expected = (1 - alpha) * pretrained[name].double() + alpha * plain[name].double()
        assert torch.allclose(kept[name].double(), expected, atol=1e-6)
    drawn = [event.metrics["alpha"] for event in said if isinstance(event, EpochDone) and "alpha" in event.metrics]
    assert drawn == [0.0, 0.5, 1.0]
    assert any("of the way from the pretrained weights" in event.text for event in said if isinstance(event, Message))


def test_that_a_point_that_is_set_is_kept_and_an_interrupted_run_ends_the_same(material: Path) -> None:
    options = {"points": 2, "alpha": 0.3, "batch_norm": "interpolated"}
    with Project.open(material) as project:
        one, _, _ = weights_material.train(project, "wise-ft", options, runs=(1,))
        other, _, _ = weights_material.train(project, "wise-ft", options, runs=(1,), breaks=(4, 9))
        models = [load_file(project.run_dir(number) / "model.safetensors") for number in (one, other)]
        curve = json.loads((project.run_dir(one) / "weights_curve.json").read_text(encoding="utf-8"))
    assert (curve["alpha"], curve["chosen"], curve["shifted"]) == (0.3, "set", "")
    assert [point["alpha"] for point in curve["points"]] == [0.0, 0.3, 1.0]
    assert models[0].keys() == models[1].keys()
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_that_runs_without_a_way_between_are_refused_in_a_sentence(material: Path) -> None:
    with Project.open(material) as project:
        frozen, _, _ = weights_material.train(project, "feature-extraction", {"l2": 0.1})
        cases = {
            (1, 2): "one fine-tuned run and its start, and was given 2",
            (frozen,): "is as it was pretrained: there is nothing to interpolate",
        }
        for runs, sentence in cases.items():
            with pytest.raises(AssertionError, match=sentence):
                weights_material.train(project, "wise-ft", SHORT, runs=runs)
        with pytest.raises(AssertionError, match="began with other weights of glyphnet"):
            weights_material.train(project, "wise-ft", SHORT, runs=(1,), weights_id="none")
