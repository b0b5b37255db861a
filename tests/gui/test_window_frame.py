"""The frame: rail, top bar, status bar, actions, themes."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from tlstudio.api.events import RuntimeChosen
from tlstudio.gui import app, theme
from tlstudio.gui.actions import ACTIONS
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.messages import ExceptionHook
from tlstudio.gui.page_table import PAGES
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.palette_popup import PalettePopup
from tlstudio.settings import Settings

MINE = ("start", "data", "plugins", "settings")


def test_that_only_the_start_page_is_made_before_another_is_visited(window: MainWindow) -> None:
    assert window.pages.made() == ["start"]
    window.show_page("settings")
    assert window.pages.made() == ["start", "settings"]


def test_that_every_page_in_the_rail_is_reached_by_its_button_and_by_its_shortcut(
    window: MainWindow, qtbot: QtBot
) -> None:
    for page_id in MINE:
        qtbot.mouseClick(window.rail.button(page_id), Qt.MouseButton.LeftButton)
        assert window.pages.current_id == page_id
    for page_id in MINE:
        window.actions_by_id[f"page-{page_id}"].trigger()
        assert window.rail.button(page_id).isChecked()


def test_that_a_page_that_needs_a_project_says_so_and_leads_to_start(window: MainWindow, qtbot: QtBot) -> None:
    window.show_page("data")
    empty = window.pages.currentWidget()
    assert "data" not in window.pages.made()
    button = empty.findChild(QAbstractButton)
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert window.pages.current_id == "start"


def test_that_the_top_bar_names_project_data_set_and_what_the_runtime_chose(opened: MainWindow) -> None:
    assert opened.topbar.project.text() == "colours"
    assert "shapes · r1" in opened.topbar.dataset.text()
    chosen = RuntimeChosen(
        device="CPU", precision="bfloat16", memory_format="channels-last", workers=1, threads=2,
        reason="bfloat16 measured 2.4 times as fast.",
    )  # fmt: skip
    opened.session._on_run_event(1, chosen)
    assert opened.topbar.device.text() == "CPU · bfloat16 · channels-last"
    assert opened.topbar.device.toolTip() == "bfloat16 measured 2.4 times as fast."


def test_that_the_status_bar_copies_the_command_line_of_the_page(opened: MainWindow, qtbot: QtBot) -> None:
    opened.show_page("data")
    qtbot.mouseClick(opened.statusbar.copy, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("tlstudio data show ")
    assert copied.endswith("colours.tlproj shapes")


def test_that_every_action_has_a_slot_and_no_shortcut_is_used_twice(window: MainWindow) -> None:
    shortcuts = [row.shortcut for row in ACTIONS]
    assert len(set(shortcuts)) == len(shortcuts)
    assert all(callable(getattr(window, row.slot)) for row in ACTIONS)
    assert {f"Ctrl+{n}" for n in range(1, 10)} <= set(shortcuts)


def test_that_the_palette_finds_a_page_by_a_few_letters(window: MainWindow, qtbot: QtBot) -> None:
    popup = PalettePopup(list(window.actions_by_id.values()), window)
    qtbot.addWidget(popup)
    popup.show()
    qtbot.keyClicks(popup.field, "plug")
    assert popup.list.count() == 1
    popup._run()
    assert window.pages.current_id == "plugins"


def test_that_help_of_the_page_stands_in_the_window(window: MainWindow) -> None:
    window.actions_by_id["help"].trigger()
    assert window.messages.isVisible()
    assert "project" in window.messages.banner.label.text()


def test_that_an_unexpected_exception_is_shown_with_its_details_and_logged(
    window: MainWindow, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise RuntimeError("the shelf is empty")
    except RuntimeError as error:
        ExceptionHook(window.session).report(RuntimeError, error, error.__traceback__)
    assert "the shelf is empty" in window.messages.banner.label.text()
    assert "Traceback" in window.messages.details.toPlainText()
    assert window.messages.details.isHidden()
    window.messages.banner.action.click()
    assert window.messages.details.isVisible()
    assert "Unexpected error" in caplog.text


def test_that_every_control_has_a_name_for_screen_readers(opened: MainWindow) -> None:
    for page_id in MINE:
        opened.show_page(page_id)
    nameless = [
        widget
        for kind in (QAbstractButton, QLineEdit, QComboBox)
        for widget in opened.findChildren(kind)
        if not widget.isHidden()
        and not (widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text()))
        and not widget.objectName().startswith("qt_")
        and isinstance(widget.parent(), QWidget)
        and not widget.parent().metaObject().className().endswith("SpinBox")
        and type(widget).__name__ != "QAbstractButton"
        and widget.metaObject().className() != "QLineEditIconButton"
    ]
    assert [f"{type(w).__name__} in {type(w.parent()).__name__}" for w in nameless] == []


@pytest.mark.parametrize("page_id", MINE)
def test_that_a_page_fits_into_the_smallest_window(opened: MainWindow, page_id: str, qtbot: QtBot) -> None:
    opened.resize(1024, 700)
    opened.show_page(page_id)
    qtbot.wait(10)
    assert opened.width() == 1024
    assert opened.height() == 700
    assert opened.pages.currentWidget().minimumSizeHint().width() <= 1024 - 200


@pytest.mark.parametrize("chosen", [theme.LIGHT, theme.DARK])
def test_that_text_stands_out_from_its_background(chosen: theme.Tokens) -> None:
    pairs = [(text, surface) for text in ("text", "muted") for surface in ("background", "panel", "neutral_soft")]
    pairs += [("muted", "hover"), ("on_accent", "accent"), ("accent", "panel"), ("accent", "accent_soft")]
    pairs += [(tone, f"{tone}_soft") for tone in ("ok", "warning", "error")]
    pairs += [(tone, "panel") for tone in ("ok", "warning", "error")]
    weak = {pair: round(_contrast(chosen, *pair), 2) for pair in pairs if _contrast(chosen, *pair) < 4.5}
    assert weak == {}


def _contrast(chosen: theme.Tokens, first: str, second: str) -> float:
    def luminance(token: str) -> float:
        color = chosen.color(token)
        parts = [color.redF(), color.greenF(), color.blueF()]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    one, two = sorted((luminance(first), luminance(second)), reverse=True)
    return (one + 0.05) / (two + 0.05)


def test_that_the_theme_changes_every_color_at_once(window: MainWindow, qapp: QApplication) -> None:
    try:
        theme.apply(qapp, "dark")
        assert theme.tokens() is theme.DARK
        pixel = window.grab().toImage().pixelColor(window.width() - 4, window.height() // 2)
        assert pixel.lightness() < 60
    finally:
        theme.apply(qapp, "light")
    assert theme.tokens() is theme.LIGHT


def test_that_the_window_remembers_its_size_and_page(window: MainWindow, qtbot: QtBot, home: Path) -> None:
    window.resize(1024, 741)
    window.show_page("settings")
    window.close()
    saved = Settings.model_validate_json((home / "settings.json").read_text(encoding="utf-8"))
    assert saved.page == "settings"
    again = Session(saved)
    second = app.build_window(again)
    qtbot.addWidget(second)
    assert second.height() == 741
    again.shutdown()


def test_that_the_window_imports_neither_torch_nor_pyqtgraph() -> None:
    code = (
        "import sys\nfrom PySide6.QtWidgets import QApplication\nfrom tlstudio.gui import app\n"
        "from tlstudio.gui.session import Session\nfrom tlstudio.settings import Settings\n"
        "a = QApplication([])\ns = Session(Settings())\nw = app.build_window(s)\nw.show()\n"
        "a.processEvents()\ns.shutdown()\n"
        "bad = {'torch', 'torchvision', 'pyqtgraph', 'numpy', 'PIL', 'tlstudio.registry'} & set(sys.modules)\n"
        "sys.exit(f'imported: {sorted(bad)}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_that_pages_name_modules_that_exist() -> None:
    root = Path(app.__file__).parents[2]
    for row in PAGES:
        module = row.factory.partition(":")[0]
        assert (root / (module.replace(".", "/") + ".py")).is_file(), row.id
