"""A rate is found from the Train page by a real job, shown as a curve, and put into the form."""

import math

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.train import TrainPage
from tlstudio.gui.pages.train_finder import FinderDialog
from tlstudio.gui.pages.train_finder_chart import FinderChart


@pytest.fixture
def train(opened: MainWindow, qtbot: QtBot) -> TrainPage:
    opened.show_page("train")
    made = opened.pages.page("train")
    assert isinstance(made, TrainPage)
    qtbot.waitUntil(lambda: made.train.isEnabled(), timeout=10_000)
    return made


def test_that_a_rate_is_found_shown_and_put_into_the_form(train: TrainPage, qtbot: QtBot) -> None:
    train.methods.select("feature-extraction")
    train.form.set_values({"head": "linear", "batch_size": 8})
    train.form.changed.emit()
    train.finder.link.click()
    dialog = train.finder.dialog
    assert isinstance(dialog, FinderDialog)
    assert not dialog.use.isEnabled()
    dialog.rate.click()
    assert dialog.panel.busy
    assert not dialog.batch.isEnabled()
    qtbot.waitUntil(lambda: not dialog.panel.busy, timeout=200_000)
    assert dialog.chart.lines["found"].x.size > 10
    assert "is set" in dialog.sentence.text()
    value = dialog._found["value"]
    assert 1e-6 < value < 1
    with qtbot.waitSignal(train.form.changed):
        dialog.use.click()
    assert train.form.values()["learning_rate"] == pytest.approx(value)
    assert train.form.values()["head"] == "linear"
    assert "--set learning_rate=" in train.command_line


def test_that_without_a_request_there_is_nothing_to_find(train: TrainPage, qtbot: QtBot) -> None:
    dialog = FinderDialog(train.session, None, train)
    qtbot.addWidget(dialog)
    assert any("first" in label.text() for label in dialog.banner.findChildren(QLabel))
    assert not dialog.rate.isEnabled()
    assert not dialog.batch.isEnabled()


def test_that_speeds_are_drawn_over_batch_sizes(qtbot: QtBot) -> None:
    chart = FinderChart()
    qtbot.addWidget(chart)
    chart.resize(400, 300)
    chart.show_batch({"sizes": [4, 8, 16], "samples_per_second": [10.0, 19.0, 19.5], "suggestion": 8})
    (left, right), (_, top) = chart.getPlotItem().getViewBox().viewRange()
    assert left < math.log10(4) < math.log10(16) < right
    assert top > 19.5
    assert "samples a second 19" in chart.read_at(math.log10(8))
    chart.show_batch({"sizes": [4], "samples_per_second": [10.0], "suggestion": 4})
