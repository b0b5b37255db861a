"""Weights ``run:7``: the backbone that a finished run has trained, for other runs of the project to begin from."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.unit import project_material as material
from tlstudio import weights
from tlstudio.api import Preprocessing, UsageError, WeightsError
from tlstudio.control import Control
from tlstudio.project import Project, Run
from tlstudio.registry import Registry
from tlstudio.training.modules import Classifier, StandardizedLinear
from tlstudio.weights.of_runs import CARD_FILE

PRESET = {"resize": 32, "crop": 32, "mean": [0.1] * 3, "std": [0.2] * 3, "interpolation": "bilinear"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    created = Project.create(tmp_path / "here" / "p.tlproj")
    material.add_dataset(created, tmp_path / "here" / "pictures")
    return created


def finished_run(project: Project, model: nn.Module | None = None, **fields: Any) -> Run:
    run = project.create_run(material.spec)
    if model is not None:
        save_file(model.state_dict(), run.dir / "model.safetensors")
        (run.dir / "model.json").write_text(json.dumps({"backbone": "glyphnet", "preprocessing": PRESET}))
    return project.update_run(run.id, **{"state": "finished", "started": 1.0, "ended": 2.0, **fields})


def trained(registry: Registry, seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    return Classifier(registry.backbone("glyphnet").load()(), StandardizedLinear(192, 3))


def test_that_a_run_gives_its_backbone_exactly_with_its_own_preprocessing(project: Project, registry: Registry) -> None:
    model, descriptor = trained(registry), registry.backbone("glyphnet")
    run = finished_run(project, model)
    resolved = weights.resolve(descriptor, f"run:{run.id}", project)
    content = (run.dir / "model.safetensors").read_bytes()
    assert resolved.sha256 == hashlib.sha256(content).hexdigest()
    assert (resolved.id, resolved.size_bytes, resolved.cached) == ("run:1", len(content), True)
    assert resolved.preprocessing == Preprocessing(resize=32, crop=32, mean=(0.1,) * 3, std=(0.2,) * 3)
    assert resolved.title == "run 1: feature-extraction on things (glyphnet)"
    assert list(weights.ensure(descriptor, resolved, Control())) == []  # nothing is downloaded, nothing said
    torch.manual_seed(9)
    network = descriptor.load()()
    weights.load_into(network, descriptor, resolved)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, model.backbone.state_dict()[name]), name


def test_that_parts_beside_the_backbone_are_left_out_whatever_they_are_called(
    project: Project, registry: Registry
) -> None:
    model = trained(registry)
    model.attention = nn.Linear(4, 4)  # as a method of another plugin may have it
    finished_run(project, model)
    network, descriptor = registry.backbone("glyphnet").load()(), registry.backbone("glyphnet")
    weights.load_into(network, descriptor, weights.resolve(descriptor, "run:1", project))
    assert torch.equal(network.stem[0].weight, model.backbone.stem[0].weight)  # type: ignore[index]  # its own layers


def test_that_the_backbone_is_named_with_its_run_or_the_run_alone(project: Project, registry: Registry) -> None:
    finished_run(project, trained(registry))
    for text in ("glyphnet:run:1", "glyphnet@run:1", "run:1", "RUN:1"):
        descriptor, weights_id = weights.split_backbone(registry, text, project)
        assert (descriptor.id, weights_id) == ("glyphnet", "run:1")
    with pytest.raises(UsageError, match="only a project has"):
        weights.split_backbone(registry, "run:1")


def test_that_moving_the_project_takes_the_weights_along(project: Project, registry: Registry, tmp_path: Path) -> None:
    finished_run(project, trained(registry))
    before = weights.resolve(registry.backbone("glyphnet"), "run:1", project)
    project.close()
    shutil.move(tmp_path / "here", tmp_path / "there")
    with Project.open(tmp_path / "there" / "p.tlproj") as moved:
        after = weights.resolve(registry.backbone("glyphnet"), "run:1", moved)
    assert after.sha256 == before.sha256
    assert after.path == tmp_path / "there" / "p.tlproj" / "runs" / "1" / "model.safetensors"


def test_that_what_has_no_such_backbone_is_refused_with_a_sentence(project: Project, registry: Registry) -> None:
    descriptor = registry.backbone("glyphnet")
    finished_run(project, trained(registry))
    with pytest.raises(UsageError, match=r"trained the backbone 'glyphnet', .* 'resnet18' cannot take them"):
        weights.resolve(registry.backbone("resnet18"), "run:1", project)
    with pytest.raises(UsageError, match="no run 9 in this project"):
        weights.resolve(descriptor, "run:9", project)
    with pytest.raises(UsageError, match="choose other weights here"):
        weights.resolve(descriptor, "run:1")
    waiting = project.create_run(material.spec)
    with pytest.raises(UsageError, match="Run 2 is queued, and only a finished one"):
        weights.resolve(descriptor, f"run:{waiting.id}", project)
    finished_run(project)
    with pytest.raises(WeightsError, match="Run 3 has left no model"):
        weights.resolve(descriptor, "run:3", project)
    headless = finished_run(project, nn.Sequential(nn.Linear(2, 2)))
    resolved = weights.resolve(descriptor, f"run:{headless.id}", project)
    with pytest.raises(WeightsError, match="there is no backbone to take from it"):
        weights.load_into(descriptor.load()(), descriptor, resolved)
    (headless.dir / "model.json").write_text("{")
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.resolve(descriptor, f"run:{headless.id}", project)


def test_that_only_runs_with_a_model_are_offered_and_their_cards_are_read(project: Project, registry: Registry) -> None:
    first, _, last = (
        finished_run(project, trained(registry)),
        finished_run(project),
        finished_run(project, trained(registry)),
    )
    project.create_run(material.spec)
    (last.dir / CARD_FILE).write_text(json.dumps({"objective": "SimCLR", "knn_accuracy": 0.5}))
    (first.dir / CARD_FILE).write_text("[")  # damaged: a card is for reading, nothing depends on it
    newest, oldest = weights.of_project(project)
    assert (newest.id, newest.title, newest.card["knn_accuracy"]) == (
        "run:3",
        "run 3: SimCLR on things (glyphnet)",
        0.5,
    )
    assert (oldest.id, oldest.card) == ("run:1", {})


def test_that_the_train_page_shows_them_first_with_what_their_features_are_worth(
    project: Project, registry: Registry
) -> None:
    pytest.importorskip("PySide6")
    from tlstudio.gui.pages.train_backbones import choices

    finished_run(project, trained(registry))
    pretrained = finished_run(project, trained(registry))
    card = {"objective": "SimCLR", "probe_accuracy": 0.612, "knn_accuracy": 0.5, "random": {"probe_accuracy": 0.4}}
    (pretrained.dir / CARD_FILE).write_text(json.dumps(card))
    shown = choices(registry, project.dataset("things"), project)
    assert shown[0].key == "glyphnet:run:2"
    assert shown[0].trained_on == "SimCLR on things"
    assert shown[0].facts.startswith("probe 61.2 % (random 40 %) · k-NN 50.0 % · ")
    keys = [choice.key for choice in shown]
    assert keys.index("glyphnet:glyphs") < keys.index("glyphnet:run:1") < keys.index("glyphnet:none")
    assert "glyphnet:run:2" not in [choice.key for choice in choices(registry, project.dataset("things"))]


def test_that_the_command_line_lists_them_for_a_project(project: Project, registry: Registry) -> None:
    from typer.testing import CliRunner

    from tlstudio.cli import app

    run = finished_run(project, trained(registry))
    (run.dir / CARD_FILE).write_text(json.dumps({"objective": "SimCLR", "knn_accuracy": 0.5}))
    asked = CliRunner().invoke(app, ["backbones", str(project.path), "--json"])
    assert asked.exit_code == 0, asked.output
    (found,) = json.loads(asked.stdout)["runs"]
    assert (found["id"], found["title"]) == ("run:1", "run 1: SimCLR on things (glyphnet)")
    table = CliRunner().invoke(app, ["backbones", str(project.path)])
    assert "run:1" in table.stdout
    assert "50.0 %" in table.stdout
