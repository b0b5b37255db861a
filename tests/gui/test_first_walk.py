"""What a new user meets first: empty pages, keys that do what is expected, numbers that are true while they come."""

from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFontMetrics
from PySide6.QtWidgets import QLabel, QRadioButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.api.events import Message, Progress, StepDone
from tlstudio.gui import theme
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.data import DataPage
from tlstudio.gui.pages.runs import RunsPage
from tlstudio.gui.pages.start import StartPage
from tlstudio.gui.pages.train import TrainPage
from tlstudio.gui.pages.train_backbones import BackboneChoice, BackboneList
from tlstudio.gui.pages.train_method_help import MethodHelp
from tlstudio.gui.plots.axis import WIDTH, ValueAxis
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.registry import Registry


def test_that_enter_in_either_field_makes_the_project_whose_data_page_offers_nothing_but_an_import(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    card = cast(StartPage, window.pages.page("start")).new_card
    window.actions_by_id["project-new"].trigger()
    card.name.setText("Müll & Größe 🗑")
    card.place.setText(str(tmp_path))
    qtbot.keyClick(card.place, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.pages.current_id == "data")
    assert (tmp_path / "Müll & Größe 🗑.tlproj" / "project.sqlite").is_file()
    data = cast(DataPage, window.pages.page("data"))
    assert data.empty.isVisible()
    for widget in (data.import_button, data.train_button, data.form.cancel, data.form.import_button):
        assert not widget.isVisible()
    assert not data.tools.segments.isVisible()
    window.show_page("train")
    train = cast(TrainPage, window.pages.page("train"))
    assert train.empty.isVisible()
    for widget in (train.data, train.dataset, train.footer):
        assert not widget.isVisible()


def test_that_runs_that_come_while_their_page_is_open_are_shown_at_once(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    window.session.open_project(real_runs.copied_to(tmp_path))
    window.show_page("runs")
    page = cast(RunsPage, window.pages.page("runs"))
    qtbot.waitUntil(lambda: [run.id for run in page.table.selected()] == [2])
    page.table.clearSelection()
    window.session.runs_changed.emit()
    assert page.table.selected() == []


def test_that_good_news_of_one_project_does_not_stand_in_another(window: MainWindow) -> None:
    session, panel = window.session, window.messages
    for tone, stays in (("ok", False), ("warning", True)):
        session.say(tone, "The demo is done.")
        assert panel.isVisible()
        session.project_changed.emit()
        assert panel.isVisible() is stays


def test_that_a_job_shows_no_figures_of_what_is_done_beside_what_goes_on(qtbot: QtBot) -> None:
    panel = JobPanel("The demo", log=True)
    qtbot.addWidget(panel)
    panel.begin()
    panel.on_event(Progress(done=90, total=90, text="Checking", unit="pictures", eta=0.0))
    assert panel.amount.text() == "90 of 90 pictures"
    panel.on_event(Message(text="Run 2: Fine-tuning."))
    assert (panel.bar.maximum(), panel.amount.text(), panel.left.text()) == (0, "", "")
    panel.on_event(Progress(done=9, total=90, text="Features", unit="pictures"))
    panel.on_event(Message(text="A sentence in the middle."))
    assert (panel.bar.value(), panel.amount.text()) == (9, "9 of 90 pictures")
    panel.on_event(StepDone(step=1, epoch=0.1, progress=0.5, eta=3.0, loss=1.0, lr=0.1, images_per_second=1.0))
    assert (panel.bar.value(), panel.amount.text()) == (500, "")


@pytest.mark.parametrize(
    ("end", "marks"), [(13.0, ["0", "5", "10"]), (1.0, ["0.0", "0.5", "1.0"]), (30.0, ["0", "10", "20", "30"])]
)
def test_that_epochs_are_counted_in_whole_numbers(end: float, marks: list[str]) -> None:
    axis = ValueAxis("bottom")
    ((spacing, values),) = axis.tickValues(0.0, end, 300)
    assert axis.tickStrings(values, 1.0, spacing) == marks


@pytest.mark.parametrize("top", [1e-7, 3e-4, 0.086, 0.5, 2.5, 700.0, 12_000.0, 4e6])
def test_that_no_label_of_an_axis_is_wider_than_the_axis(top: float) -> None:
    axis, metrics = ValueAxis("left"), QFontMetrics(theme.scaled_font(12))
    ((spacing, values),) = axis.tickValues(0.9 * top, top, 150)
    texts = axis.tickStrings(values, 1.0, spacing)
    assert len(set(texts)) == len(texts) >= 2
    assert [float(text) for text in texts] == pytest.approx(values)
    assert max(map(metrics.horizontalAdvance, texts)) + 5 <= WIDTH


def test_that_a_chosen_method_stays_round_while_it_has_the_keyboard(qtbot: QtBot) -> None:
    window = QWidget()
    layout, button = QVBoxLayout(window), QRadioButton("Fine-tuning")
    layout.addWidget(button)
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    button.setChecked(True)
    button.setFocus()
    assert button.hasFocus()
    picture, middle = button.grab().toImage(), button.height() // 2
    ring, dot = picture.pixelColor(2, middle), picture.pixelColor(8, middle)
    tokens = theme.tokens()
    assert (ring, dot) == (tokens.color("accent"), tokens.color("panel"))
    corner = picture.pixelColor(QPoint(0, middle - 9))
    assert corner not in (QColor(ring), QColor(dot))


def test_that_a_backbone_that_was_pretrained_here_is_offered_first_but_not_chosen_unasked(qtbot: QtBot) -> None:
    backbones = BackboneList()
    qtbot.addWidget(backbones)
    own = BackboneChoice("resnet8", "run:1", "ResNet-8", "SimCLR", "", "of this project", True)
    bundled = BackboneChoice("glyphnet", "glyphs", "GlyphNet", "printed characters", "", "bundled", True)
    backbones.set_choices([own, bundled])
    assert backbones.current == bundled
    backbones.select("resnet8")
    backbones.set_choices([own, bundled])
    assert backbones.current == own


def test_that_the_help_of_a_method_is_as_high_as_its_words(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    popup = MethodHelp(Registry.discover().method("distillation-dkd"), window)
    popup.fit()
    popup.show()
    labels = popup.findChildren(QLabel)
    assert len(labels) > 5
    for label in labels:
        assert label.height() <= label.heightForWidth(label.width()) + 4
    popup.close()
