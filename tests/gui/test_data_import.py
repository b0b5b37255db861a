"""Importing by the form: what is recognised, what can be chosen, and what then happens."""

from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.data import DataPage
from tlstudio.gui.pages.data_import import ImportForm, name_from


@pytest.fixture
def form(opened: MainWindow) -> ImportForm:
    opened.show_page("data")
    page = cast(DataPage, opened.pages.page("data"))
    page.begin_import()
    return page.form


def test_that_a_folder_is_recognised_and_named(form: ImportForm, shared_data: Path, qtbot: QtBot) -> None:
    form.source.setText(str(shared_data / "trashnet"))
    qtbot.waitUntil(lambda: form.looked.chosen is not None)
    assert form.name.text() == "trashnet"
    assert form.looked.looks.text()
    assert form.arguments()["format"] == form.looked.format.currentData()
    assert "read once" in form.sentence.text()
