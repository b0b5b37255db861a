"""Settings: the page, and the file behind it."""

from pathlib import Path
from typing import cast

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from tlstudio import settings as settings_module
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.settings import SettingsPage, versions


@pytest.fixture
def page(window: MainWindow) -> SettingsPage:
    window.show_page("settings")
    return cast(SettingsPage, window.pages.page("settings"))


def test_that_a_choice_is_saved_at_once(page: SettingsPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.session.settings_changed):
        page.theme.setCurrentIndex(page.theme.findData("dark"))
    page.device.setCurrentIndex(page.device.findData("cpu"))
    saved = settings_module.load()
    assert saved.theme == "dark"
    assert saved.device == "cpu"


def test_that_a_mirror_that_is_no_address_is_refused_beside_the_field(page: SettingsPage) -> None:
    page.mirror.setText("my mirror")
    page.mirror.editingFinished.emit()
    assert page.mirror_error.isVisible()
    assert page.session.settings.mirror == ""
    page.mirror.setText("https://mirror.example.org/weights")
    page.mirror.editingFinished.emit()
    assert page.mirror_error.isHidden()
    assert settings_module.load().mirror == "https://mirror.example.org/weights"


def test_that_folders_in_use_can_be_copied(page: SettingsPage, home: Path) -> None:
    copies = [b for b in page.findChildren(QToolButton) if b.accessibleName() == "Copy the path: Settings"]
    copies[0].click()
    assert QGuiApplication.clipboard().text() == str(home / "settings.json")


def test_that_versions_name_what_a_report_needs() -> None:
    found = versions()
    assert found["Python"].startswith("3.")
    assert found["torch"] != ""
    assert "Qt" in found


def test_that_a_damaged_file_is_set_aside_and_defaults_hold(home: Path) -> None:
    settings_module.path().write_text("{ not json", encoding="utf-8")
    loaded = settings_module.load()
    assert loaded == settings_module.Settings()
    (aside,) = home.glob("settings.damaged-*.json")
    assert aside.read_text(encoding="utf-8") == "{ not json"


def test_that_fields_of_a_newer_version_survive(home: Path) -> None:
    settings_module.path().write_text('{"schema_version": 1, "hologram": true}', encoding="utf-8")
    settings_module.save(settings_module.load())
    assert "hologram" in settings_module.path().read_text(encoding="utf-8")
    assert [p.name for p in home.glob("settings*")] == ["settings.json"]
