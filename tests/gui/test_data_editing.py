"""Changing a data set in the window: relabelling by keys, excluding, moving, taking back; what runs read follows."""

from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.data import DataPage
from tlstudio.gui.pages.data_browser import DataBrowser
from tlstudio.project import ItemFilter, Project


@pytest.fixture
def page(opened: MainWindow, qtbot: QtBot) -> DataPage:
    opened.show_page("data")
    made = cast(DataPage, opened.pages.page("data"))
    qtbot.waitUntil(lambda: made.browser.model.count == 36)
    made.browser.gallery.setFocus()
    return made


@pytest.fixture
def browser(page: DataPage) -> DataBrowser:
    return page.browser


@pytest.fixture
def project(page: DataPage) -> Project:
    assert page.session.project is not None
    return page.session.project


def settle(page: DataPage, qtbot: QtBot, revision: int) -> None:
    """Waits until a revision is made, and shown."""
    browser = page.browser
    qtbot.waitUntil(lambda: not browser.editing.busy and (d := page.session.dataset()) is not None
                    and d.revision == revision, timeout=10_000)  # fmt: skip
    qtbot.waitUntil(lambda: browser.model.view is not None and browser.model.view.revision == revision)


def press(page: DataPage, qtbot: QtBot, key: Qt.Key, *, shift: bool = False) -> None:
    """A shortcut of the page, with the gallery in focus."""
    page.window().activateWindow()
    qtbot.waitUntil(page.window().isActiveWindow)
    page.browser.gallery.setFocus()
    modifiers = Qt.KeyboardModifier.ControlModifier
    QTest.keyClick(page.browser.gallery, key, modifiers | Qt.KeyboardModifier.ShiftModifier if shift else modifiers)


def labels(project: Project, **wanted: object) -> list[str]:
    return [item.label for item in project.view("shapes", ItemFilter(**wanted)).page(0, 100)]  # type: ignore[arg-type]


def test_a_key_relabels_and_the_next_item_is_current(page: DataPage, project: Project, qtbot: QtBot) -> None:
    gallery = page.browser.gallery
    qtbot.keyClick(gallery, Qt.Key.Key_3)
    assert page.browser.model.item(0).label == "red"  # type: ignore[union-attr]  # shown before it is written
    assert gallery.current == 1
    qtbot.keyClick(gallery, Qt.Key.Key_2)
    assert gallery.current == 2
    settle(page, qtbot, 3)
    assert labels(project)[:3] == ["red", "green", "blue"]
    assert page.browser.footer.note.text() == "blue_01.png is now green (was blue). Revision 3."
    assert page.header.subtitle.text().endswith("revision 3")
    assert page.browser.side.bars._counts == {"blue": 10, "green": 13, "red": 13}


def test_the_class_that_an_item_has_already_is_confirmed_without_a_revision(page: DataPage, qtbot: QtBot) -> None:
    qtbot.keyClick(page.browser.gallery, Qt.Key.Key_1)
    assert page.browser.gallery.current == 1
    assert page.browser.footer.note.text() == "blue_00.png is blue already."
    assert not page.browser.editing.busy
    qtbot.keyClick(page.browser.gallery, Qt.Key.Key_7)
    assert "No class has the key 7" in page.browser.footer.note.text()


def test_a_relabelled_item_can_be_undone_and_done_again_many_times(
    page: DataPage, project: Project, qtbot: QtBot
) -> None:
    for key in (Qt.Key.Key_3, Qt.Key.Key_2, Qt.Key.Key_3):
        qtbot.keyClick(page.browser.gallery, key)
    settle(page, qtbot, 4)
    for _ in range(3):
        press(page, qtbot, Qt.Key.Key_Z)
    settle(page, qtbot, 7)
    assert labels(project)[:3] == ["blue"] * 3
    assert page.browser.editing.undoable is None
    assert page.browser.footer.note.text().startswith("Taken back: blue_00.png is now red")
    assert not page.browser.footer.undo.isEnabled()
    for _ in range(2):
        press(page, qtbot, Qt.Key.Key_Z, shift=True)
    settle(page, qtbot, 9)
    assert labels(project)[:3] == ["red", "green", "blue"]
    qtbot.mouseClick(page.browser.footer.undo, Qt.MouseButton.LeftButton)
    settle(page, qtbot, 10)
    assert labels(project)[:3] == ["red", "blue", "blue"]


def test_everything_that_fits_a_filter_is_relabelled_at_once(page: DataPage, project: Project, qtbot: QtBot) -> None:
    browser = page.browser
    browser.filters.pick_class("green")
    qtbot.waitUntil(lambda: browser.model.count == 12)
    qtbot.keyClick(browser.gallery, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert browser.footer.count.text() == "12 of 12 pictures selected"
    qtbot.keyClick(browser.gallery, Qt.Key.Key_1)
    settle(page, qtbot, 2)
    assert labels(project).count("blue") == 24
    assert "12 pictures are now blue." in browser.footer.note.text()
    qtbot.waitUntil(browser.nothing.isVisible)  # none is green any more
    press(page, qtbot, Qt.Key.Key_Z)
    settle(page, qtbot, 3)
    qtbot.waitUntil(lambda: browser.model.count == 12)


def test_in_a_filtered_gallery_the_item_leaves_and_its_neighbour_is_current(page: DataPage, qtbot: QtBot) -> None:
    browser = page.browser
    browser.filters.pick_class("green")
    qtbot.waitUntil(lambda: browser.model.count == 12)
    browser.gallery.set_current(4)
    following = browser.model.item(5)
    qtbot.keyClick(browser.gallery, Qt.Key.Key_3)
    settle(page, qtbot, 2)
    qtbot.waitUntil(lambda: browser.model.count == 11)
    assert browser.gallery.current == 4
    assert following is not None
    assert browser.model.item(4).id == following.id  # type: ignore[union-attr]


def test_an_excluded_item_is_in_no_manifest_and_comes_back_where_it_was(
    page: DataPage, project: Project, qtbot: QtBot
) -> None:
    browser = page.browser
    item = browser.model.item(2)
    assert item is not None
    browser.gallery.set_current(2)
    qtbot.keyClick(browser.gallery, Qt.Key.Key_Delete)
    settle(page, qtbot, 2)
    read = project.manifest("shapes")
    assert all(item.id not in split.item_ids for split in read.splits.values())
    assert "35 pictures" in page.header.subtitle.text()
    assert "1 excluded" in page.header.subtitle.text()
    browser.filters.split.value = "excluded"
    browser.filters._announce()
    qtbot.waitUntil(lambda: browser.model.count == 1)
    assert browser.footer.exclude.text() == "Bring back"
    qtbot.keyClick(browser.gallery, Qt.Key.Key_Delete)
    settle(page, qtbot, 3)
    assert project.items_of("shapes", [item.id])[0].split == item.split


def test_items_are_moved_between_splits_by_the_menu(page: DataPage, project: Project, qtbot: QtBot) -> None:
    browser = page.browser
    browser.gallery.set_current(0)
    browser.gallery.set_current(4, extend=True)
    menu = browser.footer.fill_moves(browser.footer._menu)
    menu.actions()[2].trigger()
    settle(page, qtbot, 2)
    assert {item.split for item in project.view("shapes").page(0, 5)} == {"test"}
    assert len(browser.gallery.selection) == 5  # nothing has moved: the selection stays


def test_a_new_class_is_made_by_typing_its_name(page: DataPage, project: Project, qtbot: QtBot) -> None:
    browser = page.browser
    browser.gallery.set_current(1)
    browser.menu.open_classes()
    menu = browser.menu.class_menu
    assert menu is not None
    assert menu.list.count() == 4
    qtbot.keyClicks(menu.field, "gre")
    assert menu.list.item(0).text().startswith("green")
    menu.field.setText("teal")
    assert menu.list.item(0).text() == "New class “teal”"
    qtbot.keyClick(menu.field, Qt.Key.Key_Return)
    settle(page, qtbot, 2)
    assert labels(project)[1] == "teal"
    dataset = page.session.dataset()
    assert dataset is not None
    assert dataset.class_names[-1] == "teal"
    browser.gallery.setFocus()
    qtbot.keyClick(browser.gallery, Qt.Key.Key_4)  # it has a key from now on
    settle(page, qtbot, 3)
    assert labels(project)[2] == "teal"


def test_in_the_detail_view_keys_relabel_and_lead_on(page: DataPage, project: Project, qtbot: QtBot) -> None:
    qtbot.keyClick(page.browser.gallery, Qt.Key.Key_Return)
    assert page.detail.isVisible()
    assert page.detail.label._pills[0].isChecked()
    qtbot.keyClick(page.detail, Qt.Key.Key_2)
    assert page.detail.fields["File"].text() == "blue_01.png"
    qtbot.mouseClick(page.detail.label._pills[2], Qt.MouseButton.LeftButton)
    assert page.detail.fields["File"].text() == "blue_02.png"
    settle(page, qtbot, 3)
    assert labels(project)[:2] == ["green", "red"]
    qtbot.keyClick(page.detail, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: "blue → red" in page.detail.history.text())
    assert page.detail.label._pills[2].isChecked()


def test_what_is_known_of_an_item_is_shown(page: DataPage, qtbot: QtBot) -> None:
    page.show_item(0)
    assert page.detail.fields["Bytes"].text().endswith("B")
    qtbot.waitUntil(lambda: page.detail._meta.rowCount() > 0)
    names = [label.text() for label in page.detail.more.findChildren(QLabel)]
    assert "mode" in names


def test_a_filter_from_a_tool_is_a_chip_that_can_be_taken_away(page: DataPage, project: Project, qtbot: QtBot) -> None:
    browser = page.browser
    ids = tuple(item.id for item in project.view("shapes").page(3, 4))
    page.show_items(ItemFilter(ids=ids), "labels look wrong")
    qtbot.waitUntil(lambda: browser.model.count == 4)
    assert browser.filters.chips() == [("", "labels look wrong")]
    chip = browser.filters.chip_row.flow.itemAt(0).widget()  # type: ignore[union-attr]
    assert chip.accessibleName() == "Take away the filter: labels look wrong"
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: browser.model.count == 36)
    assert browser.filters.chips() == []


def test_findings_of_the_doctor_filter_sort_and_mark(page: DataPage, project: Project, qtbot: QtBot) -> None:
    browser = page.browser
    rows = project.view("shapes").page(0, 36)
    items = [
        {"id": row.id, "path": row.path, "label": row.label, "note": "looks like red", "score": score}
        for row, score in ((rows[5], 0.9), (rows[7], 0.4))
    ]
    finding = {"kind": "label-errors", "severity": "warning", "count": 2, "sentence": "2 labels look wrong.",
               "advice": "Look at them.", "items": items}  # fmt: skip
    project.save_report("shapes", {"findings": [finding]})
    browser.read_report()
    qtbot.waitUntil(lambda: browser.report.checked)
    assert browser.gallery.look.marks[rows[5].id] == ("warning", "looks like red")
    browser.filters.fill_more()
    browser.filters.add(finding="label-errors")
    qtbot.waitUntil(lambda: browser.model.count == 2)
    browser.filters.sort_by("suspicion", True)
    qtbot.waitUntil(lambda: not browser.model.loading)
    assert [browser.model.item(i).id for i in (0, 1)] == [rows[5].id, rows[7].id]  # type: ignore[union-attr]
    assert browser.filters.chips() == [("finding", "label errors")]


def test_the_table_sorts_by_a_click_and_shares_the_selection(page: DataPage, qtbot: QtBot) -> None:
    browser = page.browser
    browser.gallery.set_current(3)
    browser.show_view("table")
    assert browser.table.isVisible()
    assert browser.table.current == 3
    header = browser.table.header
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=_middle_of(browser, "path"))  # fmt: skip
    qtbot.waitUntil(lambda: browser.model.filter.order == "path" and not browser.model.loading)
    first = browser.model.item(0)
    assert first is not None
    assert first.path == "blue/blue_00.png"
    browser.table.sort_asked.emit("path", True)
    qtbot.waitUntil(lambda: browser.model.item(0) is not None and browser.model.item(0).path == "red/red_11.png")  # type: ignore[union-attr]
    browser.table.setFocus()
    qtbot.keyClick(browser.table, Qt.Key.Key_1)
    settle(page, qtbot, 2)
    browser.table.set_column_shown("sha", True)
    assert browser.table.is_column_shown("sha")
    assert page.session.settings.splitters["data-columns-image"][-1] > 0


def _middle_of(browser: DataBrowser, column: str) -> QPoint:
    place = [one.id for one in browser.table.table_columns].index(column)
    header = browser.table.header
    return QPoint(header.sectionViewportPosition(place) + 40, 12)


def test_a_change_that_fails_is_said_and_shown_as_it_was(page: DataPage, project: Project, qtbot: QtBot) -> None:
    browser = page.browser
    browser.editing.name = "no such data set"
    qtbot.keyClick(browser.gallery, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: "no data set" in browser.footer.note.text())
    assert browser.model.item(0).label == "blue"  # type: ignore[union-attr]
    assert labels(project)[0] == "blue"


def test_a_revision_made_elsewhere_is_shown_and_can_be_undone(page: DataPage, project: Project, qtbot: QtBot) -> None:
    from tlstudio.project import Change

    first = project.view("shapes").page(0, 1)[0]
    project.edit("shapes", [Change(first.id, value="red")], "By the command line.")
    page.session.refresh_datasets()
    settle(page, qtbot, 2)
    assert page.browser.model.item(0).label == "red"  # type: ignore[union-attr]
    press(page, qtbot, Qt.Key.Key_Z)
    settle(page, qtbot, 3)
    assert labels(project)[0] == "blue"


def test_the_data_set_that_was_left_is_not_undone_into(page: DataPage, tmp_path: Path, qtbot: QtBot) -> None:
    qtbot.keyClick(page.browser.gallery, Qt.Key.Key_3)
    settle(page, qtbot, 2)
    page.session.close_project()
    qtbot.waitUntil(lambda: page.session.project is None)
    assert page.browser.editing.undoable is None or page.session.dataset() is None
