"""Whole runs of distillation: every task, teachers of every kind, interruptions."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tlstudio import runs
from tlstudio.api import UsageError
from tlstudio.api.events import EpochDone, Event, Failed, Finished, Message
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of
from tlstudio_builtins.methods.distillation import Distillation
from tlstudio_builtins.methods.distillation_card import CARDS

KINDS = {card.id: card for card in CARDS}
STUDENT, TEACHER = "resnet8", "glyphnet"


def dots(folder: Path, count: int) -> None:
    """Pictures with one to six red dots and perhaps a blue square, their masks, and tables of what is on them."""
    random = np.random.default_rng(1)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    lines = ["file,dots,kinds,class"]
    for number in range(count):
        picture, mask = Image.new("RGB", (64, 48), "white"), Image.new("L", (64, 48))
        many, square = 1 + number % 6, number % 4 < 2
        for _ in range(many):
            x, y = (int(v) for v in random.integers(4, [60, 44]))
            for canvas, colour in ((picture, "red"), (mask, 255)):
                ImageDraw.Draw(canvas).ellipse((x - 3, y - 3, x + 3, y + 3), colour)
        if square:
            ImageDraw.Draw(picture).rectangle((2, 2, 12, 12), "blue")
        picture.save(folder / "images" / f"{number:02}.png")
        mask.save(folder / "masks" / f"{number:02}.png")
        kinds = [name for name, there in (("many", many > 3), ("square", square)) if there]
        lines.append(
            f"images/{number:02}.png,{many},{'|'.join(kinds)},{'few' if many < 3 else 'some' if many < 5 else 'lots'}"
        )
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")


IMPORTS: dict[str, dict[str, Any]] = {
    "classification": {"options": {"label_columns": "class"}},
    "multilabel": {"options": {"label_columns": "kinds", "separator": "|"}},
    "regression": {"options": {"number_columns": "dots"}},
    "segmentation": {},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterable[Project]:
    folder = tmp_path_factory.mktemp("distilled")
    dots(folder / "data", 36)
    dots(folder / "pixels", 16)
    (folder / "pixels" / "table.csv").unlink()
    with Project.create(folder / "p.tlproj") as opened:
        for task, how in IMPORTS.items():
            source = folder / "data" / "table.csv" if task != "segmentation" else folder / "pixels"
            arguments = {"project": str(opened.path), "source": str(source), "name": task, "task": task, **how}
            *_, last = events_of("import-data", arguments, Control())
            assert isinstance(last, Finished), last
        yield opened


def train(project: Project, registry: Registry, **how: Any) -> tuple[list[Event], Path]:
    runtime = RuntimePreferences(device="cpu", precision="float32", memory_format="contiguous", workers=0, beside=True)
    run = runs.create_run(project, registry, **{"weights_id": "none", "runtime": runtime, **how})
    events = list(events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()))
    last = events[-1]
    assert isinstance(last, Finished), last.traceback if isinstance(last, Failed) else last
    project.update_run(run.id, state="finished", model=f"runs/{run.id}/model.safetensors")
    return events, run.dir


MEASURE = {"classification": "accuracy", "multilabel": "f1_macro", "regression": "mae", "segmentation": "miou"}


def check_told(events: list[Event], task: str) -> None:
    """Teacher and student stand side by side: first the teacher alone, beside every epoch, and both at the end."""
    epochs = [event.metrics for event in events if isinstance(event, EpochDone)]
    name = MEASURE[task]
    first, *_, compared, last = epochs
    assert set(first) >= {f"teacher_{name}"}
    assert all(metrics[f"teacher_{name}"] == first[f"teacher_{name}"] for metrics in epochs)
    assert compared[f"student_{name}"] == pytest.approx(last[f"val_{name}"], abs=1e-6)
    sentences = [event.text for event in events if isinstance(event, Message) and "its student" in event.text]
    assert len(sentences) == 1
    assert f"{name} {first[f'teacher_{name}']:.3f}" in sentences[0]


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_that_a_backbone_with_a_fitted_head_teaches(project: Project, registry: Registry, task: str) -> None:
    events, folder = train(
        project, registry, dataset=task, backbone=STUDENT, method="distillation", teacher=TEACHER,
        options={"epochs": 2, "batch_size": 8},
    )  # fmt: skip
    check_told(events, task)
    assert (folder / "model.safetensors").stat().st_size < 500_000  # the student alone
    metrics = json.loads((folder / "results.json").read_text(encoding="utf-8"))["splits"]["test"]
    assert MEASURE[task] in json.dumps(metrics)
    texts = [event.text for event in events if isinstance(event, Message)]
    assert any("random weights" in text for text in texts)


def test_that_a_finished_run_teaches_where_each_class_is(project: Project, registry: Registry) -> None:
    how = {"dataset": "segmentation", "backbone": TEACHER}
    tune = {"epochs": 4, "head_epochs": 12, "batch_size": 4}
    _, taught = train(project, registry, **how, weights_id="", method="fine-tuning", options=tune)
    events, _ = train(
        project, registry, **how, method="distillation-attention", teacher=f"run:{taught.name}",
        options={"epochs": 1, "loss": "cwd"},
    )  # fmt: skip
    check_told(events, "segmentation")


def test_that_a_teacher_that_has_learnt_nothing_is_refused(project: Project, registry: Registry) -> None:
    idle = {"epochs": 1, "stages": "one", "learning_rate": 1e-9}
    _, taught = train(project, registry, dataset="regression", backbone=STUDENT, method="fine-tuning", options=idle)
    how = {"dataset": "regression", "backbone": STUDENT, "method": "distillation", "teacher": f"run:{taught.name}"}
    with pytest.raises(AssertionError, match="no better than one that always gives the same answer"):
        train(project, registry, **how)


def test_that_answers_that_are_kept_teach_as_those_that_are_given_anew(
    project: Project, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    courses = []
    for kept in (True, False):
        if not kept:
            monkeypatch.setattr(Distillation, "_answers_stay", lambda self, augmentation: False)
        events, _ = train(
            project, registry, dataset="classification", backbone=TEACHER, method="distillation", teacher=TEACHER,
            options={"epochs": 1, "batch_size": 8, "augmentation": "none"},
        )  # fmt: skip
        epochs = [event.metrics for event in events if isinstance(event, EpochDone)]
        courses.append([metrics["train_loss"] for metrics in epochs if "train_loss" in metrics])
    assert len(courses[0]) == 1
    assert courses[0] == pytest.approx(courses[1], rel=1e-4)


def test_that_a_pair_that_makes_no_sense_is_refused_when_the_run_is_planned(
    project: Project, registry: Registry
) -> None:
    with pytest.raises(UsageError, match="right class"):
        train(project, registry, dataset="multilabel", backbone=STUDENT, method="distillation-dkd", teacher=TEACHER)
    with pytest.raises(UsageError, match="teacher"):
        train(project, registry, dataset="multilabel", backbone=STUDENT, method="distillation")


@pytest.mark.parametrize(
    ("kind", "options", "given"),
    [
        ("distillation-hints", {"loss": "dkd", "batch_size": 16}, ("teacher",)),
        ("distillation", {"augmentation": "none", "batch_size": 8}, ("teacher", "unlabelled")),
    ],
    ids=["hints", "kept-answers"],
)
def test_that_distillation_survives_interruptions_and_leaves_the_teacher_alone(
    kind: str, options: dict[str, Any], given: Any
) -> None:
    check_method(KINDS[kind], options={"epochs": 1, **options}, interruptions=2, given=given)
