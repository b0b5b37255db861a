"""Averages of runs with a common start: the recipes, what is told, and what cannot be averaged."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.unit import weights_material
from tlstudio.api.events import Message
from tlstudio.project import Project


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_material.copied_to(tmp_path_factory.mktemp("soup"))


def test_that_the_uniform_soup_is_the_mean_of_all_weights(material: Path) -> None:
    with Project.open(material) as project:
        options = {"recipe": "uniform", "batch_norm": "averaged"}
        number, _, _ = weights_material.train(project, "model-soup", options, runs=(1, 2), breaks=(6,))
        soup, one, other = (load_file(project.run_dir(n) / "model.safetensors") for n in (number, 1, 2))
    assert soup.keys() == one.keys()
    for name, tensor in soup.items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor.double(), (one[name].double() + other[name].double()) / 2, atol=1e-6), name


def test_that_the_greedy_soup_is_never_worse_on_validation_and_says_what_is_in_it(material: Path) -> None:
    with Project.open(material) as project:
        number, result, said = weights_material.train(project, "model-soup", {}, runs=(2, 1))
        soup = json.loads((project.run_dir(number) / "soup.json").read_text(encoding="utf-8"))
    best = max(row["val"]["accuracy"] for row in soup["candidates"])
    assert soup["best_single"]["accuracy"] == best
    assert soup["greedy"]["accuracy"] >= best
    assert result["metrics"]["val"]["accuracy"] == pytest.approx(soup["greedy"]["accuracy"])
    alone = [row["val"]["accuracy"] for row in soup["candidates"]]
    assert alone == sorted(alone, reverse=True)
    assert soup["runs"] == sorted(row["run"] for row in soup["candidates"] if row["kept"])
    (words,) = [event.text for event in said if isinstance(event, Message) and "soup holds" in event.text]
    assert f"{len(soup['runs'])} of 2 runs: {', '.join(map(str, soup['runs']))}" in words


def test_that_runs_without_a_common_start_are_refused_in_a_sentence(material: Path) -> None:
    with Project.open(material) as project:
        random, _, _ = weights_material.train(project, "feature-extraction", {"l2": 0.1}, weights_id="none")
        several, _, _ = weights_material.train(project, "feature-extraction", {"head": "mlp", "epochs": 1})
        cases = {
            (1,): "averages two runs or more, and was given 1",
            (1, random): f"Runs 1 and {random} began with different weights",
            (1, several): f"The network of run {several} .* is not the backbone of this run",
        }
        for runs, sentence in cases.items():
            with pytest.raises(AssertionError, match=sentence):
                weights_material.train(project, "model-soup", {}, runs=runs)
