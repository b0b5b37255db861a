"""The job behind ``tlstudio evaluate``, on a model that a run has left."""

import dataclasses
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from tlstudio import runs
from tlstudio.api import DataError, TrainingError, UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.data.importing import import_job
from tlstudio.evaluation import load_predictions, load_results
from tlstudio.evaluation.evaluate import evaluate_job
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training import restore
from tlstudio.training.modules import Classifier
from tlstudio.training.subject import from_description


def drain(job: "Generator[Event, None, dict[str, Any]]") -> tuple[dict[str, Any], list[Event]]:
    events: list[Event] = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as done:
            return done.value, events


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """40 pictures, dark and light, and run 1: the bundled network's shape, with a head that was drawn, not trained."""
    random = np.random.default_rng(0)
    for label, level in (("dark", 60), ("light", 190)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(random.normal(level, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    registry = Registry.discover()
    with Project.create(tmp_path / "p.tlproj") as made:
        drain(import_job(Control(), str(made.path), str(tmp_path / "data"), "shades"))
        run = runs.create_run(made, registry, dataset="shades", backbone="glyphnet", method="feature-extraction")
        descriptor = registry.backbone("glyphnet")
        torch.manual_seed(0)
        model = Classifier(descriptor.load()(), nn.Linear(descriptor.feature_dim, 2)).eval()
        preprocessing = descriptor.weights[0].preprocessing
        named = {"class_names": made.dataset("shades").class_names, "preprocessing": dataclasses.asdict(preprocessing)}
        description = restore.describe(model, descriptor, from_description(named, registry))
        save_file(model.state_dict(), run.dir / "best.safetensors")
        restore.publish_model(run.dir, run.dir / "best.safetensors", description)
        return made.path


def test_that_a_split_is_scored_once_and_the_scores_are_kept_with_the_run(project: Path) -> None:
    first, events = drain(evaluate_job(Control(), str(project), 1, "val"))
    assert any(isinstance(event, Progress) for event in events)
    assert (first["run"], first["split"], first["n"]) == (1, "val", sum(map(sum, first["confusion"])))
    for name in ("accuracy", "balanced_accuracy", "f1_macro"):
        assert first["metrics"][f"{name}_low"] <= first["metrics"][name] <= first["metrics"][f"{name}_high"]
    assert [row["name"] for row in first["per_class"]] == ["dark", "light"]
    again, events = drain(evaluate_job(Control(), str(project), 1, "val"))
    assert again == first
    assert not any(isinstance(event, Progress) for event in events), "nothing is predicted twice"
    with Project.open(project) as opened:
        assert opened.run(1).metrics["val"] == first["metrics"]
        assert load_results(opened.run_dir(1))["splits"]["val"]["metrics"] == first["metrics"]


def test_that_damaged_files_of_an_earlier_evaluation_are_written_anew(project: Path) -> None:
    first, _ = drain(evaluate_job(Control(), str(project), 1, "test"))
    folder = project / "runs" / "1"
    path = folder / "predictions" / "test.npz"
    path.write_bytes(path.read_bytes()[:100])
    (folder / "results.json").write_text("{")
    assert drain(evaluate_job(Control(), str(project), 1, "test"))[0] == first
    assert len(load_predictions(folder, "test")["outputs"]) == first["n"]
    assert list(load_results(folder)["splits"]) == ["test"]


def test_that_what_cannot_be_scored_is_refused_in_a_sentence(project: Path) -> None:
    with pytest.raises(UsageError, match="no split 'exam'"):
        drain(evaluate_job(Control(), str(project), 1, "exam"))
    (project.parent / "data").rename(project.parent / "elsewhere")
    with pytest.raises(DataError):
        drain(evaluate_job(Control(), str(project), 1, "test"))
    (project / "runs" / "1" / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match="left no model"):
        drain(evaluate_job(Control(), str(project), 1, "test"))
