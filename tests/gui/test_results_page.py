"""Results of a run that was really trained: figures, confusion matrix, classes, pictures of a cell."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.api.errors import ProjectError
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.results import ResultsPage
from tlstudio.gui.pages.results_data import read_results
from tlstudio.gui.pages.results_items import read_items
from tlstudio.gui.pages.results_matrix import ConfusionMatrix
from tlstudio.project import Project
from tlstudio.registry import Registry


@pytest.fixture
def results(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> ResultsPage:
    window.session.open_project(real_runs.copied_to(tmp_path))
    qtbot.waitUntil(lambda: len(window.session.runs) == 2, timeout=30_000)
    window.show_page("results")
    made = window.pages.page("results")
    assert isinstance(made, ResultsPage)
    qtbot.waitUntil(lambda: made._results is not None, timeout=30_000)
    return made


@pytest.fixture
def matrix(qtbot: QtBot) -> ConfusionMatrix:
    made = ConfusionMatrix()
    qtbot.addWidget(made)
    made.resize(500, 400)
    made.show()
    return made


def test_that_the_newest_run_is_shown_with_its_figures_and_their_intervals(results: ResultsPage) -> None:
    assert results.header.title.text() == "Results · run 2"
    assert results.header.subtitle.text().startswith("test split, 12 pictures, looked at once")
    names = [card.accessibleName() for card in results.cards._cards]
    assert names[0].startswith("Accuracy: ")
    assert " – " in names[0]
    assert names[0].endswith("baseline 33.3 %")
    assert results.baseline.text().startswith("Baseline: always '")
    assert names[-1].startswith("Weakest class: ")
    results.split_buttons["val"].click()
    assert results.header.subtitle.text().startswith("validation split, 12 pictures")
    assert "--split val" in results.command_line


def test_that_the_figures_of_several_views_stand_below_the_plain_ones(results: ResultsPage, qtbot: QtBot) -> None:
    several = results.several
    qtbot.waitUntil(lambda: bool(several._choices), timeout=30_000)
    assert several.isEnabled()
    assert [text for _, text in several._choices] == ["2 views", "All 6 views"]  # digits must not be mirrored
    plain = [card.accessibleName() for card in results.cards._cards]
    several.picked.emit("2")
    assert several.panel.isVisible()
    assert not several.isEnabled()
    qtbot.waitUntil(lambda: bool(results._results and results._results.with_views), timeout=120_000)
    qtbot.waitUntil(lambda: several.value == "2", timeout=30_000)
    assert not several.panel.isVisible()
    assert several.isEnabled()
    assert results.command_line.endswith("2 --split test --views 2")
    names = [card.accessibleName() for card in results.cards._cards]
    views, split = results._results.with_views["test"]  # type: ignore[union-attr]
    assert (views, split.n) == (2, 12)
    assert names[0] == f"{plain[0]}, 2 views {split.metrics['accuracy'] * 100:.1f} %"
    assert names[-1] == plain[-1]
    results.split_buttons["val"].click()
    assert "views" not in results.cards._cards[0].accessibleName()
    assert "--views" not in results.command_line


def test_that_a_cell_shows_its_pictures_the_surest_first(results: ResultsPage, qtbot: QtBot) -> None:
    counts = results._results.splits["test"].confusion  # type: ignore[union-attr]
    truth = int(counts.diagonal().argmax())
    results.body.matrix.choose(truth, truth)
    qtbot.waitUntil(lambda: results.body.gallery.strip.count() == int(counts[truth, truth]), timeout=30_000)
    shots = results.body.gallery.strip.shots
    assert [s.probability for s in shots] == sorted((s.probability for s in shots), reverse=True)
    assert all(Path(shot.path).parent.name == shot.truth for shot in shots)
    assert "recognised" in results.body.gallery.title.text()
    qtbot.waitUntil(lambda: results.body.gallery.strip.thumbnails.get(shots[0].sha256) is not None, timeout=30_000)
    empty = np.argwhere(counts == 0)
    if len(empty):
        results.body.matrix.choose(*map(int, empty[0]))
        qtbot.waitUntil(lambda: not results.body.gallery.panes.isVisible(), timeout=30_000)
        assert results.body.gallery.hint.text() == "No picture lies in this cell."


def test_that_a_class_chosen_in_the_table_is_chosen_in_the_matrix(results: ResultsPage) -> None:
    table = results.body.classes
    name = str(table.model().index(1, 0).data())
    table.setCurrentIndex(table.model().index(1, 0))
    index = results._results.class_names.index(name)  # type: ignore[union-attr]
    assert results.body.matrix.current == (index, index)


def test_that_what_is_read_agrees_with_the_stored_predictions(tmp_path: Path) -> None:
    path = real_runs.copied_to(tmp_path)
    with Project.open(path) as project:
        found = read_results(1, project.run_dir(1))
        for split in found.splits.values():
            assert split.confusion.sum() == split.n
            items = read_items(project, Registry.discover(), 1, split.name)
            for truth in range(3):
                for guess in range(3):
                    shots = items.shots(items.of_cell(truth, guess))
                    assert len(shots) == split.confusion[truth, guess]
                    assert all(1 / 3 <= shot.probability <= 1 for shot in shots)


def test_that_missing_and_damaged_results_are_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="Run 7 has no results yet"):
        read_results(7, tmp_path)
    (tmp_path / "results.json").write_text('{"class_names": ["a"]', encoding="utf-8")
    with pytest.raises(ProjectError, match="cannot be read"):
        read_results(7, tmp_path)


def test_that_the_matrix_answers_mouse_and_keyboard(matrix: ConfusionMatrix, qtbot: QtBot) -> None:
    matrix.show_counts(["cat", "dog", "owl"], np.array([[5, 1, 0], [0, 4, 2], [0, 0, 0]]))
    with qtbot.waitSignal(matrix.cell_chosen) as chosen:
        centre = matrix.cell_rect(1, 2).center()
        qtbot.mouseClick(matrix.viewport(), Qt.MouseButton.LeftButton, pos=centre)
    assert chosen.args == [1, 2]
    assert matrix.accessibleDescription() == "dog taken for owl: 2 of 6, 33.3 %"
    qtbot.keyClick(matrix, Qt.Key.Key_Left)
    qtbot.keyClick(matrix, Qt.Key.Key_Up)
    qtbot.keyClick(matrix, Qt.Key.Key_Up)
    assert matrix.current == (0, 1)
    assert matrix.describe(2, 2) == "owl recognised: 0 of 0"
    matrix.set_as_share(True)
    matrix.grab()


def test_that_a_hundred_classes_scroll_to_the_chosen_cell(matrix: ConfusionMatrix) -> None:
    names = [f"class-{number:03d}-with-a-rather-long-name" for number in range(120)]
    matrix.show_counts(names, np.eye(120, dtype=np.int64) * 3)
    assert matrix.verticalScrollBar().maximum() > 0
    assert matrix.horizontalScrollBar().maximum() > 0
    assert not matrix.viewport().rect().contains(matrix.cell_rect(110, 110))
    matrix.choose(110, 110)
    assert matrix.viewport().rect().contains(matrix.cell_rect(110, 110))
    assert matrix.cell_at(matrix.cell_rect(110, 110).center()) == (110, 110)
    matrix.grab()
