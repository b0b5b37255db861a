"""What a run is given that does not fit it is refused when it is planned, with the reason and the way out."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tlstudio import runs
from tlstudio.api import UsageError
from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Failed, Finished, PhaseStarted
from tlstudio.control import Control
from tlstudio.project import Change, Project
from tlstudio.registry import Registry
from tlstudio.worker import events_of
from tlstudio_builtins.methods import distillation_teacher

REGISTRY = Registry.discover(safe_mode=True)


@pytest.fixture(scope="module")
def taught(shades: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished run, and texts of the same classes."""
    folder = tmp_path_factory.mktemp("taught")
    shutil.copytree(shades, folder, dirs_exist_ok=True)
    (folder / "words.tsv").write_text(
        "label\ttext\n" + "\n".join(f"{('dark', 'light')[n % 2]}\tword {n}" for n in range(20)), encoding="utf-8"
    )
    with Project.open(folder / "p.tlproj") as project:
        asked = {"project": str(project.path), "source": str(folder / "words.tsv"), "name": "words", "modality": "text"}
        assert not [e for e in events_of("import-data", asked, Control()) if isinstance(e, Failed)]
        pool = {"project": str(project.path), "source": str(folder / "data" / "dark"), "name": "pool"}
        assert not [
            e for e in events_of("import-data", {**pool, "format": "unlabelled"}, Control()) if isinstance(e, Failed)
        ]
        run = runs.create_run(
            project, REGISTRY, dataset="shades", backbone="glyphnet", method="feature-extraction", options={}
        )
        *_, last = events_of("train", {"run_dir": str(run.dir), "registry": REGISTRY}, Control())
        assert isinstance(last, Finished)
        project.update_run(run.id, state="finished", model=f"runs/{run.id}/model.safetensors")
    return folder / "p.tlproj"


@pytest.fixture
def project(taught: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(taught.parent, tmp_path / "here")
    with Project.open(tmp_path / "here" / "p.tlproj") as opened:
        yield opened


def plan(project: Project, method: str = "distillation", dataset: str = "shades", **asked: Any) -> runs.RunPlan:
    return runs.plan_run(
        project,
        REGISTRY,
        dataset=dataset,
        backbone="text-cnn" if dataset == "words" else "glyphnet",
        method=method,
        **asked,
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"teacher": "text-cnn"}, "takes text"),
        ({"teacher": "run:1", "dataset": "words"}, "of the modality 'image'"),
        ({"method": "model-soup", "runs": (1, 1)}, "named twice"),
        ({"method": "joint", "source": "words"}, "the backbone 'glyphnet' takes image"),
        ({"method": "pretrain-supervised", "source": "pool", "weights_id": "none"}, "no labels to learn from"),
        ({"method": "fixmatch", "labels_per_class": 100}, "every sample keeps its label"),
        ({"method": "feature-extraction", "labels_per_class": -1}, "cannot be -1"),
    ],
)
def test_that_what_does_not_fit_is_refused_when_the_run_is_planned(
    asked: dict[str, Any], words: str, project: Project
) -> None:
    with pytest.raises(UsageError) as raised:
        plan(project, **asked)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"class_names": ["x", "y"]}, "knows other classes (x, y)"),
        ({"task": "regression"}, "the task 'regression'"),
        ({"modality": "audio"}, "of the modality 'audio'"),
        ({}, "was not exported by this application"),
        (None, "damaged or cut short"),
    ],
)
def test_that_the_file_of_a_teacher_is_judged_by_its_card(
    card: dict[str, Any] | None, words: str, project: Project, tmp_path: Path
) -> None:
    usual = {"class_names": ["dark", "light"], "task": "classification", "modality": "image"}
    metadata = {"tlstudio_card": json.dumps({**usual, **card})} if card else {}
    save_file({"a": torch.zeros(3)}, tmp_path / "teacher.safetensors", metadata=metadata)
    if card is None:
        (tmp_path / "teacher.safetensors").write_bytes((tmp_path / "teacher.safetensors").read_bytes()[:-4])
    with pytest.raises(UsageError) as raised:
        plan(project, teacher=str(tmp_path / "teacher.safetensors"))
    assert words in str(raised.value)


@pytest.mark.parametrize("asked", [{"teacher": "run:1"}, {"method": "wise-ft", "runs": (1,)}])
def test_that_a_run_that_has_learnt_what_is_tested_now_cannot_be_built_upon(
    asked: dict[str, Any], project: Project
) -> None:
    plan(project, **asked)
    splits = project.manifest("shades").splits
    moved = [Change(splits["train"].item_ids[0], None, "test"), Change(splits["test"].item_ids[0], None, "train")]
    project.edit("shades", moved, "exchanged", "move")
    with pytest.raises(UsageError, match="has trained on 1 of the samples that 'shades' validates or tests on now"):
        plan(project, **asked)


def test_that_weights_that_compute_no_numbers_are_told_from_data_that_cannot_be_learnt(
    project: Project, tmp_path: Path
) -> None:
    network = REGISTRY.backbone("resnet8").load()()
    state = network.state_dict()
    torch.save({n: -t.abs() - 1 if n.endswith("running_var") else t for n, t in state.items()}, tmp_path / "w.pt")
    asked = {"backbone": "resnet8", "file": str(tmp_path / "w.pt"), "name": "odd", "registry": REGISTRY}
    assert not [e for e in events_of("import-weights", asked, Control()) if isinstance(e, Failed)]
    run = runs.create_run(
        project, REGISTRY, dataset="shades", backbone="resnet8", weights_id="odd", method="feature-extraction"
    )
    *_, last = events_of("train", {"run_dir": str(run.dir), "registry": REGISTRY}, Control())
    assert isinstance(last, Failed)
    assert "what is no number" in last.sentence
    assert last.kind == "NotNumbers"


def test_that_a_split_that_cannot_be_read_any_more_is_named_as_such(project: Project) -> None:
    split = project.manifest("shades").splits["val"]
    for path in split.paths:
        Path(path).write_bytes(b"\x89PNG\r\n\x1a\ncut")
    options = {"epochs": 1, "stages": "one"}
    run = runs.create_run(
        project, REGISTRY, dataset="shades", backbone="glyphnet", method="fine-tuning", options=options
    )
    *_, last = events_of("train", {"run_dir": str(run.dir), "registry": REGISTRY}, Control())
    assert isinstance(last, Failed)
    assert "can be read any more" in last.sentence


@pytest.mark.parametrize("method", ["self-training", "flexmatch"])
def test_that_a_pool_of_nothing_but_what_is_held_out_is_refused_before_anything_is_trained(
    method: str, project: Project, tmp_path: Path
) -> None:
    (tmp_path / "held out").mkdir()
    splits = project.manifest("shades").splits
    for number, path in enumerate([*splits["val"].paths, *splits["test"].paths]):
        shutil.copy(path, tmp_path / "held out" / f"{number}.png")
    asked = {"project": str(project.path), "source": str(tmp_path / "held out"), "name": "held", "format": "unlabelled"}
    assert not [e for e in events_of("import-data", asked, Control()) if isinstance(e, Failed)]
    run = runs.create_run(
        project,
        REGISTRY,
        dataset="shades",
        backbone="glyphnet",
        method=method,
        unlabelled="held",
        options={"epochs": 1},
    )
    events = list(events_of("train", {"run_dir": str(run.dir), "registry": REGISTRY}, Control()))
    assert isinstance(events[-1], Failed)
    assert "copies of what is validated or tested on" in events[-1].sentence
    assert not [event for event in events if isinstance(event, PhaseStarted)]


@pytest.mark.parametrize(("teacher", "always", "useful"), [(1.0, 1.0, True), (0.4, 1.0, True), (0.5, 0.5, False)])
def test_that_a_split_of_one_class_says_nothing_of_a_teacher(teacher: float, always: float, useful: bool) -> None:
    def check() -> None:
        distillation_teacher.check_use("t", "classification", {"accuracy": teacher}, {"accuracy": always})

    if useful:
        check()
    else:
        with pytest.raises(TrainingError, match="no better than one that always gives the same answer"):
            check()
