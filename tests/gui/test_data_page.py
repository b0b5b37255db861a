"""Data: importing with the real importer, looking at it, filtering, one picture, what was left out."""

from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.data import DataPage
from tlstudio.gui.pages.data_import import name_from


@pytest.fixture
def page(opened: MainWindow) -> DataPage:
    opened.show_page("data")
    return cast(DataPage, opened.pages.page("data"))


def test_that_classes_split_and_findings_are_shown(page: DataPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.browser.model.count == 36)
    assert page.header.title.text() == "shapes"
    assert page.header.subtitle.text() == "36 pictures · 3 classes · revision 1"
    assert page.browser.side.classes_card.title.text() == "3 classes"
    assert "blue 12" in page.browser.side.bars.accessibleDescription()
    assert page.browser.side.split.accessibleName().startswith("Split: training ")
    assert page.browser.side.note.text()


def test_that_picking_a_class_filters_the_gallery_and_picking_it_again_shows_all(page: DataPage, qtbot: QtBot) -> None:
    bars = page.browser.side.bars
    bars.setFocus()
    qtbot.waitUntil(lambda: page.browser.model.count == 36)
    qtbot.keyClick(bars, Qt.Key.Key_Down)
    qtbot.keyClick(bars, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.browser.model.count == 12)
    assert "green" in page.browser.filters.label.text()
    qtbot.keyClick(bars, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.browser.model.count == 36)


def test_that_a_search_without_a_hit_says_so_and_can_be_cleared(page: DataPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.browser.model.count == 36)
    qtbot.keyClicks(page.browser.filters.search, "zebra")
    qtbot.waitUntil(page.browser.nothing.isVisible)
    assert page.browser.nothing.button is not None
    qtbot.mouseClick(page.browser.nothing.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.browser.gallery.isVisible)


def test_that_enter_opens_a_picture_and_arrows_lead_to_its_neighbours(page: DataPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.browser.model.count == 36)
    qtbot.keyClick(page.browser.gallery, Qt.Key.Key_Return)
    assert page.detail.isVisible()
    assert page.detail.fields["File"].text() == "blue_00.png"
    assert page.detail.fields["Size"].text() == "120 × 90"
    qtbot.waitUntil(lambda: not page.detail.sample.picture.image.isNull())
    qtbot.keyClick(page.detail, Qt.Key.Key_Right)
    assert page.detail.fields["File"].text() == "blue_01.png"
    qtbot.keyClick(page.detail, Qt.Key.Key_Escape)
    assert page.browser.isVisible()
    assert page.browser.gallery.current == 1


def test_that_files_left_out_are_listed_with_reasons(page: DataPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.browser.model.count == 36)
    page.browser.problems_asked.emit()
    qtbot.waitUntil(page.problems.isVisible)
    assert page.problems.model.rowCount() == 1
    row = [page.problems.model.data(page.problems.model.index(0, column)) for column in (0, 1)]
    assert row[0] == "red/cut.jpg"
    assert row[1].endswith(".")


def test_that_a_folder_is_imported_with_progress_and_a_summary(
    window: MainWindow, tmp_path: Path, pictures: Path, qtbot: QtBot
) -> None:
    window.session.create_project(tmp_path / "new.tlproj")
    window.show_page("data")
    page = cast(DataPage, window.pages.page("data"))
    assert page.empty.isVisible()
    assert page.empty.button is not None
    qtbot.mouseClick(page.empty.button, Qt.MouseButton.LeftButton)
    assert not page.form.import_button.isEnabled()
    page.form.source.setText(str(pictures))
    assert page.form.name.text() == name_from(str(pictures))
    qtbot.waitUntil(page.form.import_button.isEnabled)
    page.form.name.setText("my shapes")
    assert "--name 'my shapes'" in window.statusbar.command.text()
    qtbot.mouseClick(page.form.import_button, Qt.MouseButton.LeftButton)
    assert page.job.isVisible()
    qtbot.waitUntil(page.browser.isVisible, timeout=60_000)
    assert page.notice.label.text().startswith("my shapes is imported: 36 pictures; 1 file left out")
    qtbot.waitUntil(lambda: window.session.selected_dataset == "my shapes")
    qtbot.waitUntil(lambda: page.browser.model.count == 36)


def test_that_a_failed_import_keeps_what_was_typed_and_says_why(page: DataPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.begin_import()
    empty = tmp_path / "empty"
    empty.mkdir()
    page.form.source.setText(str(empty))
    qtbot.mouseClick(page.form.import_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.form.error.isVisible, timeout=30_000)
    assert page.form.error.label.text().endswith(".")
    assert page.form.source.text() == str(empty)
    qtbot.mouseClick(page.form.cancel, Qt.MouseButton.LeftButton)
    assert page.browser.isVisible()


def test_that_parts_that_do_not_add_up_cannot_be_imported(page: DataPage, pictures: Path) -> None:
    page.begin_import(str(pictures))
    assert page.form.import_button.isEnabled()
    page.form.shares[0].setValue(80)
    assert not page.form.import_button.isEnabled()
    assert "110 %" in page.form.error.label.text()
    page.form.shares[1].setValue(5)
    assert page.form.import_button.isEnabled()
    assert page.form.arguments()["splits"] == "0.8,0.05,0.15"


def test_that_a_source_with_folders_for_splits_is_taken_as_it_is(
    page: DataPage, tmp_path: Path, pictures: Path, qtbot: QtBot
) -> None:
    for split in ("train", "val", "test"):
        (tmp_path / "source" / split).mkdir(parents=True)
        for label in ("red", "blue"):
            (tmp_path / "source" / split / label).symlink_to(pictures / label)
    page.begin_import(str(tmp_path / "source"))
    qtbot.waitUntil(page.form.by_folder.isChecked)
    assert page.form.arguments()["splits"] == "folders"


def test_that_a_missing_folder_is_said_when_the_project_was_moved_away(
    window: MainWindow, project_path: Path, qtbot: QtBot
) -> None:
    import sqlite3

    with sqlite3.connect(project_path / "project.sqlite") as database:
        database.execute("UPDATE datasets SET root_relative = '', root_absolute = '/nowhere/shapes'")
    database.close()
    with qtbot.waitSignal(window.session.datasets_changed):
        window.session.open_project(project_path)
    window.show_page("data")
    page = cast(DataPage, window.pages.page("data"))
    assert "/nowhere/shapes" in page.notice.label.text()


def test_that_the_tools_of_a_data_set_stand_behind_quiet_words(page: DataPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.browser.model.count == 36)
    segments = page.tools.segments
    segments.setFocus()
    qtbot.keyClick(segments, Qt.Key.Key_Right)
    assert page.stack.currentWidget() is page.tools.view("findings")
    assert segments.accessibleDescription() == "Findings is shown"
    for _ in range(3):
        qtbot.keyClick(segments, Qt.Key.Key_Right)
    assert page.stack.currentWidget() is page.tools.view("revisions")
    first = page.browser.model.item(0)
    assert first is not None
    page.tools.view("revisions").item_asked.emit(first.id)
    assert page.browser.isVisible()
    assert segments.value == "items"
    qtbot.waitUntil(lambda: page.browser.model.count == 1)


def test_that_everything_can_be_reached_and_is_named_for_screen_readers(page: DataPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.browser.model.count == 36)
    seen: list[QWidget] = []
    widget: QWidget = page.browser.filters.search
    for _ in range(200):
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            seen.append(widget)
        widget = widget.nextInFocusChain()
    names = [one.accessibleName() for one in seen if page.browser.isAncestorOf(one)]
    assert all(names), [type(one).__name__ for one in seen if not one.accessibleName()]
    order = [names.index(one) for one in ("Search by name and text", "Split: all", "Gallery: pictures")]
    assert order == sorted(order)
    assert any("Classes" in one for one in names)
