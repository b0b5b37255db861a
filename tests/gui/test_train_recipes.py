"""Recipes on the Train page: one choice fills in the options, and what is changed after is said."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel
from pytestqt.qtbot import QtBot

from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.run import RunPage
from tlstudio.gui.pages.run_chooser import RunChooser
from tlstudio.gui.pages.runs_model import RunsModel
from tlstudio.gui.pages.train import TrainPage
from tlstudio.ranking.store import Ranked, Ranking


@pytest.fixture
def train(opened: MainWindow, qtbot: QtBot) -> TrainPage:
    opened.show_page("train")
    made = opened.pages.page("train")
    assert isinstance(made, TrainPage)
    qtbot.waitUntil(lambda: made.train.isEnabled(), timeout=10_000)
    made.methods.select("fine-tuning")
    qtbot.waitUntil(lambda: made.recipe._facts is not None, timeout=10_000)
    return made


def test_that_a_recipe_fills_in_the_options_and_changes_are_said(
    train: TrainPage, opened: MainWindow, project_path: Path, qtbot: QtBot
) -> None:
    assert train.recipe.isVisible()
    assert "--recipe" not in train.command_line
    train.recipe.choose("bit-hyperrule")
    values = train.form.values()
    assert (values["optimizer"], values["accumulate"], values["epochs"]) == ("momentum", 16, 500)
    assert "the rule asks for 512 pixels" in train.recipe.note.text()
    assert "You changed" not in train.recipe.note.text()
    assert "--recipe bit-hyperrule" in train.command_line
    assert "--set" not in train.command_line
    train.form.set_values({**values, "epochs": 2})
    train.form.changed.emit()
    assert "You changed: Epochs, all layers 2 instead of 500." in train.recipe.note.text()
    assert "--recipe bit-hyperrule --set epochs=2" in train.command_line
    with qtbot.waitSignal(opened.session.runs_changed, timeout=20_000):
        train.line_up()
    spec = json.loads((project_path / "runs" / "1" / "spec.json").read_text(encoding="utf-8"))
    assert (spec["recipe"]["id"], spec["recipe"]["options"]["epochs"], spec["options"]["epochs"]) == (
        "bit-hyperrule",
        500,
        2,
    )


def test_that_a_run_says_wherever_it_is_named_with_which_recipe_it_began(
    train: TrainPage, opened: MainWindow, qtbot: QtBot
) -> None:
    train.recipe.choose("fastai")
    train.form.set_values({**train.form.values(), "epochs": 2})
    train.form.changed.emit()
    train.line_up()
    qtbot.waitUntil(lambda: len(opened.session.runs) == 1)
    (run,) = opened.session.runs
    opened.session.select_run(run.id)
    opened.show_page("run")
    page = opened.pages.page("run")
    assert isinstance(page, RunPage)
    assert page.header.title.text() == "Fine-tuning · GlyphNet"
    assert page.header.subtitle.text().startswith("run 1 · recipe fastai · shapes · seed 0")
    changed = "Recipe: fastai; changed after: Epochs, all layers 2 (instead of 15)."
    assert page.header.subtitle.toolTip().splitlines()[1] == changed
    table, chooser = RunsModel(opened.session.registry, ("method",)), RunChooser(opened.session, lambda _run: True)
    table.set_runs([run])
    assert table.index(0, 0).data() == "Fine-tuning · fastai"
    assert changed in table.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    chooser.refresh()
    assert chooser.currentText() == "run 1 · Fine-tuning · fastai · GlyphNet · shapes · seed 0"
    assert changed in chooser.toolTip()
    chooser.deleteLater()


def test_that_other_methods_have_none_and_coming_back_finds_it_again(train: TrainPage) -> None:
    train.recipe.choose("fastai")
    train.methods.select("feature-extraction")
    assert not train.recipe.isVisible()
    assert "--recipe" not in train.command_line
    train.methods.select("fine-tuning")
    assert train.recipe.current == train.recipe.box.currentData() == "fastai"
    assert train.form.values()["schedule"] == "one-cycle"
    train.reset_all.click()
    assert train.recipe.current == train.recipe.box.currentData() == ""
    assert not train.form.changed_values()


def test_that_a_recipe_follows_the_backbone_and_what_makes_no_sense_is_grey(train: TrainPage, qtbot: QtBot) -> None:
    model, box = train.recipe.box.model(), train.recipe.box
    assert isinstance(model, QStandardItemModel)
    assert not model.item(box.findData("vit-mae")).isEnabled()
    assert "GlyphNet is none" in model.item(box.findData("vit-mae")).toolTip()
    assert not model.item(box.findData("from-scratch")).isEnabled()
    train.recipe.choose("fastai")
    before = train.form.values()["stage_decay"]
    train.backbones.select("glyphnet:none")
    qtbot.waitUntil(lambda: model.item(box.findData("from-scratch")).isEnabled(), timeout=10_000)
    train.backbones.select("resnet20")  # four stages instead of five
    qtbot.waitUntil(lambda: train.form.values()["stage_decay"] != before, timeout=10_000)
    assert "You changed" not in train.recipe.note.text()


def test_that_what_a_ranking_measured_stands_on_the_cards_and_in_a_table(train: TrainPage, qtbot: QtBot) -> None:
    project, line = train.session.project, train.ranking
    assert project is not None
    reason = "Random weights were trained on no classes."
    rows = (
        Ranked(backbone="glyphnet", weights="glyphs", title="GlyphNet", probe=0.8, probe_sd=0.02, leep=-1.25, nce=-1.5),
        Ranked(backbone="glyphnet", weights="none", title="GlyphNet", probe=0.5, probe_sd=0.1, no_source=reason),
    )
    Ranking(dataset="shapes", revision=1, metric="accuracy", items=36, folds=5, rows=rows).save(project.path)
    chosen = train.backbones.current
    assert not line.more.isVisible()
    line.look()
    qtbot.waitUntil(lambda: line.ranking is not None, timeout=5_000)
    shown = {choice.key: choice for choice in train.backbones._model.rows}
    assert shown["glyphnet:glyphs"].measured == "1. 80.0 % ± 2.0"
    assert "LEEP -1.25, NCE -1.5" in shown["glyphnet:glyphs"].about
    assert shown["resnet20:none"].measured == ""
    assert train.backbones.current is not None
    assert chosen is not None
    assert train.backbones.current.key == chosen.key
    line.more.click()
    assert line.dialog is not None
    table = line.dialog.table
    texts = [[item.text() for c in range(8) if (item := table.item(r, c))] for r in range(2)]
    assert texts[0] == ["1. GlyphNet · glyphs", "80.0 % ± 2.0", "–", "–", "–", "–", "-1.250", "-1.500"]
    cell = table.item(1, 6)
    assert cell is not None
    assert cell.toolTip() == reason
    line.dialog.close()
