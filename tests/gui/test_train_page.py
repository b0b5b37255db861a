"""The Train page: what can be chosen, what will happen, and a run that it really makes."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tlstudio import estimating
from tlstudio.api import images_only
from tlstudio.api.events import Failed, Finished
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.train import TrainPage
from tlstudio.gui.pages.train_import import ImportWeightsDialog
from tlstudio.gui.pages.train_methods import MethodList
from tlstudio.project import Project
from tlstudio.registry import Registry


@pytest.fixture
def train(opened: MainWindow, qtbot: QtBot) -> TrainPage:
    opened.show_page("train")
    made = opened.pages.page("train")
    assert isinstance(made, TrainPage)
    qtbot.waitUntil(lambda: made.train.isEnabled(), timeout=10_000)
    return made


def test_that_without_data_the_page_says_where_to_get_some(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.session.datasets_changed):
        window.session.create_project(tmp_path / "empty.tlproj")
    window.show_page("train")
    made = window.pages.page("train")
    assert isinstance(made, TrainPage)
    assert made.empty.isVisible()
    assert not made.columns.isVisible()
    with qtbot.waitSignal(window.session.page_requested) as asked:
        made.empty.button.click()  # type: ignore[union-attr]
    assert asked.args == ["data"]


def test_that_the_bundled_backbone_is_ready_and_search_finds_others(train: TrainPage, qtbot: QtBot) -> None:
    first = train.backbones.current
    assert first is not None
    assert (first.backbone, first.place, first.ready) == ("glyphnet", "bundled", True)
    qtbot.keyClicks(train.backbones.search, "mobilenetv2")
    assert train.backbones.current is not None
    assert train.backbones.current.backbone == "mobilenet_v2"
    assert "downloads" in train.summary.text() or train.backbones.current.ready
    qtbot.keyClicks(train.backbones.search, " nothing like it")
    assert train.backbones.current is None
    assert not train.train.isEnabled()


def test_that_the_summary_follows_the_choices(train: TrainPage) -> None:
    train.methods.select("fine-tuning")
    train.form.set_values({"epochs": 7})
    train.form.changed.emit()
    dataset = train.session.dataset()
    assert dataset is not None
    counts = dataset.split_counts
    assert train.headline.text() == f"7 epochs on {counts['train']} pictures, validated on {counts['val']}"
    assert train.summary.text().startswith("roughly ")
    assert "--set epochs=7" in train.command_line
    assert train.command_line.endswith("--seed 0")
    train.methods.select("feature-extraction")
    assert train.headline.text().startswith("One pass over 36 pictures")


def test_that_several_seeds_make_several_runs_and_nonsense_is_explained(train: TrainPage, qtbot: QtBot) -> None:
    field = train.runtime.seed_text
    field.selectAll()
    qtbot.keyClicks(field, "0-2, 7")
    assert train.runtime.seeds() == [0, 1, 2, 7]
    assert train.train.text() == "Train 4 runs"
    qtbot.keyClicks(field, " x")
    assert not train.train.isEnabled()
    assert "seeds cannot be read" in train.summary.text()
    assert field.text() == "0-2, 7 x"


def test_that_a_wrong_option_stops_the_button_and_stays_as_typed(train: TrainPage) -> None:
    train.methods.select("fine-tuning")
    train.form.set_values({"epochs": 0})
    train.form.changed.emit()
    assert not train.train.isEnabled()
    assert "the sentence beside it says why" in train.summary.text()
    assert train.form.values()["epochs"] == 0


def test_that_a_method_that_cannot_be_used_is_grey_with_its_reason(train: TrainPage, qtbot: QtBot) -> None:
    dataset = train.session.dataset()
    assert dataset is not None
    sounds = dataclasses.replace(dataset, modality="audio")
    methods = MethodList()
    qtbot.addWidget(methods)
    known = [dataclasses.replace(method, supports=images_only) for method in train.session.registry.methods()]
    methods.set_methods(known, sounds)
    assert methods.current == ""
    assert not methods.select("fine-tuning")
    assert "audio" in methods.reason("fine-tuning")


def test_that_the_button_makes_a_run_and_opens_its_page(
    train: TrainPage, opened: MainWindow, project_path: Path, qtbot: QtBot
) -> None:
    session = opened.session
    train.methods.select("feature-extraction")
    seen: list[Any] = []
    session.run_event.connect(lambda _run, event: seen.append(event))
    with qtbot.waitSignal(session.page_requested, timeout=20_000) as asked:
        qtbot.mouseClick(train.train, Qt.MouseButton.LeftButton)
    assert asked.args == ["run"]
    assert session.selected_run == 1
    spec = json.loads((project_path / "runs" / "1" / "spec.json").read_text(encoding="utf-8"))
    assert (spec["dataset"], spec["backbone"], spec["method"]) == ("shapes", "glyphnet", "feature-extraction")
    qtbot.waitUntil(lambda: bool(seen) and isinstance(seen[-1], Finished | Failed), timeout=120_000)
    assert isinstance(seen[-1], Finished), seen[-1]
    run_page = opened.pages.page("run")
    results = run_page.controls.buttons["results"]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: results.isVisible(), timeout=10_000)
    assert run_page.pill.text() == "finished"  # type: ignore[attr-defined]


def test_that_what_cannot_be_planned_is_said_in_the_page(train: TrainPage, project_path: Path, qtbot: QtBot) -> None:
    with Project.open(project_path) as project:
        info = project.dataset("shapes")
    gone = info.root.rename(info.root.with_name("moved-away"))
    try:
        train.start()
        qtbot.waitUntil(lambda: train.problem.isVisible(), timeout=10_000)
        assert "no longer in" in train.problem.label.text()
        assert train.train.isEnabled()
    finally:
        gone.rename(info.root)


def test_that_weights_of_another_network_are_refused_with_a_list(
    train: TrainPage, shared_data: Path, qtbot: QtBot
) -> None:
    dialog = ImportWeightsDialog(train.session, "glyphnet", train)
    qtbot.addWidget(dialog)
    dialog.set_file(str(shared_data / "weights" / "resnet20-12fca82f.th"))
    assert dialog.name.text() == "resnet20-12fca82f"
    dialog.backbone.setCurrentIndex(dialog.backbone.findData("glyphnet"))
    dialog.start()
    qtbot.waitUntil(lambda: not dialog.panel.busy, timeout=60_000)
    assert dialog.panel.banner.label.text()
    assert dialog.go.isEnabled()
    assert dialog.file.text().endswith("resnet20-12fca82f.th")


def test_that_an_estimate_rests_on_an_earlier_run_where_there_is_one(train: TrainPage) -> None:
    registry = Registry.discover()
    dataset = train.session.dataset()
    assert dataset is not None
    backbone, method = registry.backbone("mobilenet_v2"), registry.method("fine-tuning")
    rough = estimating.estimate(dataset, backbone, method, {"epochs": 10})
    assert "pictures" in rough.headline
    sounds = estimating.estimate(dataset, backbone, method, {"epochs": 1}, noun="sounds")
    assert sounds.headline.startswith("1 epoch on 2")
    assert "sounds, validated" in sounds.headline
    assert rough.rough
    assert "roughly" in rough.sentence()
    assert rough.sentence(3).startswith("3 runs, ")
    assert estimating.clock(8) == "0:08"
    assert estimating.clock(7805) == "2:10:05"
    assert estimating.duration(372) == "6 minutes"
