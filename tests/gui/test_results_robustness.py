"""Robustness of a run, measured from the window."""

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.results import ResultsPage
from tlstudio.gui.pages.results_robustness import RobustnessView


@pytest.fixture
def results(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> ResultsPage:
    window.session.open_project(real_runs.copied_to(tmp_path))
    qtbot.waitUntil(lambda: len(window.session.runs) == 2, timeout=30_000)
    window.show_page("results")
    made = window.pages.page("results")
    assert isinstance(made, ResultsPage)
    qtbot.waitUntil(lambda: made._results is not None, timeout=30_000)
    return made


def test_that_robustness_is_measured_and_drawn_and_there_again_later(results: ResultsPage, qtbot: QtBot) -> None:
    results.segments.picked.emit("robustness")
    view = results.views["robustness"]
    assert isinstance(view, RobustnessView)
    assert results.stack.currentWidget() is view
    assert results.command_line.endswith("2 --split test --samples 100 --steps 20")
    qtbot.waitUntil(view.empty.isVisible, timeout=30_000)
    view.steps.setItemData(view.steps.currentIndex(), 3)  # fewer than a person can choose
    view.measure.click()
    assert not view.measure.isEnabled()
    qtbot.waitUntil(lambda: bool(view.measured), timeout=120_000)
    assert {"fgsm", "pgd", "apgd", "together"} <= set(view.chart.lines)
    assert set(view.measured["attacks"]) < set(view.chart.lines)
    assert "All&nbsp;of&nbsp;them" in view.legend.text()
    assert "Of 12 pictures" in view.sentences.text()
    assert view.what.text().startswith("Measured on 12 of 12 pictures of the test split, drawn by seed 0")
    assert "blur" in view.grid.accessibleDescription()
    assert view.measure.isEnabled()
    kept = json.loads((Path(results.runs.run.dir) / "robustness.json").read_text())  # type: ignore[union-attr]
    assert kept == view.measured
    results.segments.picked.emit("predictions")
    assert results.stack.currentWidget() is results.body
    view.measured = {}
    results.segments.picked.emit("robustness")
    qtbot.waitUntil(lambda: view.measured == kept, timeout=30_000)
