"""What a comparison and a suggestion aim at, chosen in the window."""

from pytestqt.qtbot import QtBot

from tlstudio.comparing import sentences
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.compare_verdict import VerdictCard
from tlstudio.gui.pages.train import TrainPage


def test_that_each_goal_of_a_comparison_can_be_chosen(qtbot: QtBot) -> None:
    card = VerdictCard()
    qtbot.addWidget(card)
    assert [card.by.itemData(place) for place in range(card.by.count())] == list(sentences.COSTS)
    assert card.cost == "time"
    card.by.setCurrentIndex(card.by.findData("score"))
    assert card.cost == "score"


def test_that_the_suggestion_follows_its_goal(opened: MainWindow, qtbot: QtBot) -> None:
    opened.show_page("train")
    page = opened.pages.page("train")
    assert isinstance(page, TrainPage)
    line = page.advice
    qtbot.waitUntil(lambda: line.advice is not None, timeout=60_000)
    first = line.advice
    assert line.goal.text().startswith("Goal: best score")
    line.goal.value = "small"
    line.goal.picked.emit("small")
    qtbot.waitUntil(lambda: line.advice is not first, timeout=60_000)
    assert "A small model is wanted" in line.line.text()
    assert line.goal.text().startswith("Goal: a small model")
