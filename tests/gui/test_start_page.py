"""Start: recent projects, making and opening one, and what is dropped."""

import shutil
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.start import StartPage
from tlstudio.gui.pages.start_look import kind_of


@pytest.fixture
def start(window: MainWindow) -> StartPage:
    return cast(StartPage, window.pages.page("start"))


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, left, none))


def test_that_a_first_start_says_what_belongs_here(start: StartPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not start.empty.isHidden())
    assert start.recent.isHidden()


def test_that_a_new_project_is_made_in_the_page_and_its_data_page_opens(
    window: MainWindow, start: StartPage, tmp_path: Path, qtbot: QtBot
) -> None:
    window.actions_by_id["project-new"].trigger()
    start.new_card.place.setText(str(tmp_path))
    assert not start.new_card.create_button.isEnabled()
    qtbot.keyClicks(start.new_card.name, "flowers")
    qtbot.mouseClick(start.new_card.create_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.pages.current_id == "data")
    assert (tmp_path / "flowers.tlproj" / "project.sqlite").is_file()
    assert window.topbar.project.text() == "flowers"


def test_that_a_name_that_is_taken_is_said_beside_the_form_and_what_was_typed_stays(
    window: MainWindow, start: StartPage, project_path: Path, qtbot: QtBot
) -> None:
    start.begin_new()
    start.new_card.place.setText(str(project_path.parent))
    start.new_card.name.setText("colours")
    qtbot.mouseClick(start.new_card.create_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "already" in start.new_card.error.label.text())
    assert start.new_card.name.text() == "colours"
    assert window.session.project is None


def test_that_recent_projects_open_and_missing_ones_give_a_reason_and_can_be_removed(
    window: MainWindow, start: StartPage, project_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window.session.settings.remember(tmp_path / "gone.tlproj")
    window.session.settings.remember(project_path)
    start.shown()
    qtbot.waitUntil(lambda: len(start.recent.rows) == 2)
    there, gone = start.recent.rows
    assert gone.recent.missing == "The folder is not there any more."
    qtbot.keyClick(gone, Qt.Key.Key_Return)
    assert window.session.project is None
    qtbot.keyClick(gone, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(start.recent.rows) == 1)
    assert window.session.settings.recent == [str(project_path)]
    start.notice.action.click()
    qtbot.waitUntil(lambda: len(start.recent.rows) == 2)
    there = start.recent.rows[1]
    qtbot.mouseClick(there, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.pages.current_id == "data")
    assert window.session.project is not None


def test_that_a_dropped_project_opens(window: MainWindow, project_path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.session.project_changed):
        drop(window, project_path)
    qtbot.waitUntil(lambda: window.pages.current_id == "data")


def test_that_dropped_pictures_offer_a_project_and_an_import(
    window: MainWindow, start: StartPage, pictures: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    drop(window, pictures)
    qtbot.waitUntil(lambda: not start.new_card.isHidden())
    assert start.new_card.source.text() == str(pictures)
    start.new_card.place.setText(str(tmp_path))
    qtbot.mouseClick(start.new_card.create_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.pages.current_id == "data")
    form = window.pages.page("data").form  # type: ignore[attr-defined]  # the Data page's
    assert form.source.text() == str(pictures)
    assert form.isVisible()


def test_that_a_dropped_file_of_no_use_is_named(
    window: MainWindow, start: StartPage, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "letter.txt").write_text("hello", encoding="utf-8")
    drop(window, tmp_path / "letter.txt")
    qtbot.waitUntil(lambda: "letter.txt" in start.notice.label.text())


def test_that_what_is_dropped_is_told_apart(tmp_path: Path, pictures: Path, project_path: Path) -> None:
    wheel = tmp_path / "tlstudio_example-0.1-py3-none-any.whl"
    wheel.write_bytes(b"")
    source = tmp_path / "plugin"
    source.mkdir()
    (source / "pyproject.toml").write_text("", encoding="utf-8")
    (tmp_path / "labels.csv").write_text("file,label\n", encoding="utf-8")
    shutil.copytree(pictures, tmp_path / "deep" / "er" / "pictures")
    kinds = [
        kind_of(path)
        for path in (wheel, source, tmp_path / "labels.csv", tmp_path / "deep", project_path, project_path / "cache")
    ]
    assert kinds == ["plugin", "plugin", "table", "pictures", "project", "unknown"]
