"""Plugins: what is loaded, what failed, switching off, installing."""

import types
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tlstudio.api import hookimpl
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.plugins import PluginsPage
from tlstudio.registry import BUILTINS, Registry


@pytest.fixture
def registry(window: MainWindow) -> Registry:
    """The real plugins, one that lists nothing, and one that raises."""
    registry = window.session.registry
    quiet = types.ModuleType("quiet_plugin")
    registry.register("quiet", quiet, "1.0")

    @hookimpl
    def tlstudio_methods() -> list[object]:
        raise ZeroDivisionError("by the author")

    loud = types.ModuleType("loud_plugin")
    loud.tlstudio_methods = tlstudio_methods  # type: ignore[attr-defined]  # a plugin's hook
    registry.register("loud", loud, "0.1")
    return registry


@pytest.fixture
def page(window: MainWindow, registry: Registry, qtbot: QtBot) -> PluginsPage:
    window.show_page("plugins")
    page = cast(PluginsPage, window.pages.page("plugins"))
    qtbot.waitUntil(lambda: bool(page.rows))
    return page


def test_that_every_plugin_is_listed_with_its_state_and_contributions(page: PluginsPage) -> None:
    states = {row.plugin.name: row.state.text() for row in page.rows}
    assert states[BUILTINS] == "loaded"
    assert states["quiet"] == "loaded"
    assert states["loud"] == "failed"
    builtin = next(row for row in page.rows if row.plugin.name == BUILTINS)
    assert "backbones:" in builtin.contributions.text()
    assert not hasattr(builtin, "switch")


def test_that_a_problem_is_a_sentence_whose_traceback_unfolds(page: PluginsPage, qtbot: QtBot) -> None:
    row = next(row for row in page.problem_rows if "'loud'" in row.banner.label.text())
    assert "ZeroDivisionError: by the author" in row.banner.label.text()
    assert row.details.isHidden()
    qtbot.mouseClick(row.banner.action, Qt.MouseButton.LeftButton)
    assert "Traceback" in row.details.toPlainText()
    assert row.details.isVisible()


def test_that_disabling_is_remembered_and_said_to_begin_at_the_next_start(page: PluginsPage, qtbot: QtBot) -> None:
    row = next(row for row in page.rows if row.plugin.name == "quiet")
    qtbot.mouseClick(row.switch, Qt.MouseButton.LeftButton)
    assert page.session.settings.disabled_plugins == ["quiet"]
    assert "next start" in page.notice.label.text()
    before = id(row)
    qtbot.waitUntil(lambda: all(id(r) != before for r in page.rows))
    row = next(row for row in page.rows if row.plugin.name == "quiet")
    assert row.switch.text() == "Enable"
    qtbot.mouseClick(row.switch, Qt.MouseButton.LeftButton)
    assert page.session.settings.disabled_plugins == []


def test_that_what_cannot_be_installed_is_said_and_nothing_is_lost(
    page: PluginsPage, tmp_path: Path, qtbot: QtBot
) -> None:
    page.begin_install(str(tmp_path / "no-such-plugin"))
    assert "tlstudio plugins install" in page.command_line
    qtbot.mouseClick(page.go_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.job.banner.isVisible, timeout=60_000)
    assert "no-such-plugin" in page.job.banner.label.text()
    assert page.target.text() == str(tmp_path / "no-such-plugin")


def test_that_safe_mode_is_shown(window: MainWindow, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    monkeypatch.setenv("TLSTUDIO_SAFE_MODE", "1")
    window.show_page("plugins")
    page = cast(PluginsPage, window.pages.page("plugins"))
    assert "Safe mode" in page.safe_mode.label.text()
    qtbot.waitUntil(lambda: bool(page.rows))
    assert [row.plugin.name for row in page.rows] == [BUILTINS]
