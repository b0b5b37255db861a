"""The Train page: what a method needs beside data and backbone, the groups of methods and their help, the advice."""

import dataclasses
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.advising import Advice
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages import train_choices
from tlstudio.gui.pages.method_page import MethodPage, page_of
from tlstudio.gui.pages.train import TrainPage
from tlstudio.gui.pages.train_method_help import MethodHelp
from tlstudio.project import DatasetInfo
from tlstudio.ranking.store import Ranked, Ranking


@pytest.fixture
def train(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> TrainPage:
    """The page on a project with two finished runs on its one data set."""
    project = real_runs.copied_to(tmp_path)
    with qtbot.waitSignal(window.session.runs_changed):
        window.session.open_project(project)
    qtbot.waitUntil(lambda: bool(window.session.datasets and window.session.runs), timeout=60_000)
    window.show_page("train")
    made = window.pages.page("train")
    assert isinstance(made, TrainPage)
    qtbot.waitUntil(lambda: made.train.isEnabled(), timeout=60_000)
    return made


def target(train: TrainPage) -> DatasetInfo:
    found = train.session.dataset()
    assert found is not None
    return found


def test_that_a_method_without_needs_shows_no_inputs_until_all_is_wanted(train: TrainPage) -> None:
    train.methods.select("fine-tuning")
    assert not train.inputs.isVisible()
    train.all_options.setChecked(True)
    assert train.inputs.labels.isVisible()
    assert not train.inputs.source.isVisible()
    train.inputs.labels.setValue(5)
    assert "--labels-per-class 5" in train.command_line
    train.all_options.setChecked(False)
    assert train.inputs.labels.isVisible()  # what says something stays in sight
    train.inputs.labels.setValue(0)
    assert not train.inputs.isVisible()
    assert "--labels-per-class" not in train.command_line


def test_that_a_missing_teacher_disables_train_with_a_sentence_and_a_chosen_one_is_in_the_command(
    train: TrainPage,
) -> None:
    assert train.methods.select("distillation")
    assert train.inputs.teacher.isVisible()
    assert not train.train.isEnabled()
    assert "choose the teacher" in train.summary.text()
    place = train.inputs.teacher.findData("run:1")
    assert place > 0
    train.inputs.teacher.setCurrentIndex(place)
    train.inputs.teacher.activated.emit(place)
    assert train.train.isEnabled()
    assert "--teacher run:1" in train.command_line
    assert train.inputs.request() == {"teacher": "run:1"}
    train.methods.select("fine-tuning")
    assert "--teacher" not in train.command_line
    train.methods.select("distillation")
    assert train.inputs.request() == {"teacher": "run:1"}


def test_that_runs_are_ticked_in_a_list(train: TrainPage) -> None:
    assert train.methods.select("model-soup")
    assert train.inputs.runs.count() == 2
    assert not train.train.isEnabled()
    for row in range(2):
        item = train.inputs.runs.item(row)
        item.setCheckState(item.checkState().Checked)
    assert train.inputs.request()["runs"] == (1, 2)
    assert "--from-run 1,2" in train.command_line
    assert train.train.isEnabled()


def test_that_fewer_labels_are_samples_without_labels(train: TrainPage) -> None:
    assert train.methods.select("flexmatch")
    assert "samples without labels" in train.summary.text()
    train.inputs.labels.setValue(4)
    assert train.train.isEnabled()
    assert train.inputs.request() == {"labels_per_class": 4}


def test_that_only_sources_that_fit_can_be_chosen(train: TrainPage) -> None:
    registry, info = train.session.registry, target(train)
    reason = train.methods.reason("mcc")
    assert "no second data set" in reason
    method = registry.method("mcc")
    others = [
        info,
        dataclasses.replace(info, name="drawn"),
        dataclasses.replace(info, name="spoken", modality="audio"),
        dataclasses.replace(info, name="animals", class_names=("cat", "dog")),
        dataclasses.replace(info, name="empty", split_counts={"train": 0, "val": 2, "test": 2}),
    ]
    found = {choice.value: choice.reason for choice in train_choices.sources(method, info, others)}
    assert found["drawn"] == ""
    assert "holds audio" in found["spoken"]
    assert "classes are not those of" in found["animals"]
    assert "nothing in its training split" in found["empty"]
    assert "digits" not in found
    assert train_choices.impossible(method, info, others, []) == ""
    assert "animals: Its classes" in train_choices.impossible(method, info, [info, others[3]], [])


def test_that_a_data_set_that_appears_can_be_the_source(train: TrainPage) -> None:
    session, info = train.session, target(train)
    session.datasets = [info, dataclasses.replace(info, name="drawn", id=99)]
    session.datasets_changed.emit()
    assert train.methods.select("mcc")
    assert not train.train.isEnabled()
    train.inputs.set_values({"source": "drawn"})
    assert "--source-dataset drawn" in train.command_line
    assert train.train.isEnabled()


def test_that_methods_stand_in_groups_and_each_has_help_with_formula_and_source(train: TrainPage, qtbot: QtBot) -> None:
    heads = [head.text() for head in train.methods._heads]
    assert heads[0] == "From a pretrained backbone"
    assert len(heads) == len(set(heads)) > 3
    method = train.session.registry.method("fine-tuning")
    popup = MethodHelp(method, train)
    qtbot.addWidget(popup)
    shown = " ".join(label.text() for label in popup.findChildren(QLabel))
    assert method.formula in shown
    assert method.source in shown
    assert "--method fine-tuning" in shown
    assert not popup.more.isHidden()
    methods = train.session.registry.methods()
    assert [method.id for method in methods if page_of(method.id) is None] == []
    assert page_of("flexmatch") == page_of("fixmatch") != page_of("lora")
    train.methods.help_button("fine-tuning").click()  # type: ignore[attr-defined]
    opened = [child for child in train.findChildren(MethodHelp) if child is not popup]
    assert len(opened) == 1
    opened[0].more.click()
    (page,) = train.window().findChildren(MethodPage)
    assert page.isVisible()
    assert "Formula" in page.browser.toPlainText()
    page.close()


def test_that_the_advice_fills_the_form(train: TrainPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: train.advice.isVisible(), timeout=60_000)
    advice = train.advice.advice
    assert isinstance(advice, Advice)
    assert advice.sentence in train.advice.line.text()
    assert not train.advice.reasons.isVisible()
    train.advice.why.click()
    assert advice.reasons[0] in train.advice.reasons.text()
    train.methods.select("lora")
    train.advice.use.click()
    assert train.methods.current == advice.method
    assert train.backbones.current is not None
    assert train.backbones.current.backbone == advice.backbone
    assert train.runtime.seeds() == list(range(advice.seeds))
    train.advice.dismiss.click()
    assert not train.advice.isVisible()
    train.advice.ask()
    assert not train.advice.isVisible()


def test_that_backbones_are_ranked_under_their_list(train: TrainPage, qtbot: QtBot) -> None:
    line = train.ranking
    assert line.ranking is None
    rows = tuple(
        Ranked(backbone="glyphnet", weights=weights, title=title, probe=probe, probe_sd=0.051)
        for weights, title, probe in (("glyphs", "GlyphNet", 0.704), ("none", "GlyphNet, random", 0.4))
    )
    project = train.session.project
    assert project is not None
    ranking = Ranking(dataset="digits", revision=1, metric="accuracy", items=36, folds=5, rows=rows)
    ranking.save(project.path)
    line.look()
    qtbot.waitUntil(lambda: line.text.isVisible(), timeout=60_000)
    assert line.text.text() == "1. GlyphNet 70.4 % ± 5.1\n2. GlyphNet, random 40.0 % ± 5.1"
    assert "5 folds of 36 training items" in line.text.toolTip()
    assert line.link.text() == "Rank again"
    assert train.backbones.current is not None
    with qtbot.waitSignal(train.session.selected_dataset_changed):
        train.session.select_dataset("")
    qtbot.waitUntil(lambda: not line.text.isVisible(), timeout=60_000)
    assert line.link.text() == "Rank on my data"
    assert not line.link.isEnabled()
