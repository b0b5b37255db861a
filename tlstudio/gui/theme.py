"""Colours, font and style sheet: light, dark, or as the system is.

Painted widgets ask :func:`tokens` while they paint, and repaint on ``PaletteChange``.
"""

import dataclasses
import re

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from tlstudio import paths

# Safe for colour-blind eyes; widgets that use them add a shape, a label or a pattern.
SERIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
SERIES_DARK = ("#4FA8DC", "#E69F00", "#2FBF95", "#CC79A7", "#56B4E9", "#F07F3C")


@dataclasses.dataclass(frozen=True)
class Tokens:
    """The colours of one theme, as ``#rrggbb``."""

    name: str
    background: str
    panel: str
    line: str
    strong_line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_hover: str
    accent_soft: str
    neutral_soft: str
    hover: str
    ok: str
    ok_soft: str
    warning: str
    warning_soft: str
    error: str
    error_soft: str
    series: tuple[str, ...]

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"

    def color(self, token: str) -> QColor:
        return QColor(getattr(self, token))

    def tone(self, tone: str) -> tuple[QColor, QColor]:
        """Foreground and background of a pill or banner: neutral, accent, ok, warning, error."""
        if tone == "neutral":
            return QColor(self.text), QColor(self.neutral_soft)
        return self.color(tone), self.color(f"{tone}_soft")


LIGHT = Tokens(
    name="light", background="#f6f7f9", panel="#ffffff", line="#e3e6ea", strong_line="#c9ced6",
    text="#1b1f24", muted="#5d6776",
    accent="#2563eb", on_accent="#ffffff", accent_hover="#1d54cf", accent_soft="#ebf1fe",
    neutral_soft="#eef0f3", hover="#f0f2f5", ok="#0f6f50", ok_soft="#e2f3ec", warning="#855900",
    warning_soft="#fdf3d7", error="#b42318", error_soft="#fde9e7", series=SERIES,
)  # fmt: skip
DARK = Tokens(
    name="dark", background="#15181c", panel="#1d2126", line="#2d333b", strong_line="#444c57", text="#e6e9ee",
    muted="#98a2b0", accent="#6ea0ff", on_accent="#0f1726", accent_hover="#8ab3ff", accent_soft="#22304d",
    neutral_soft="#2a3038", hover="#262b32", ok="#4cc38a", ok_soft="#1a3329", warning="#e5b454",
    warning_soft="#3a2f16", error="#ff8f85", error_soft="#42211f", series=SERIES_DARK,
)  # fmt: skip


def tokens() -> Tokens:
    """The colours in use now."""
    return DARK if QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def system_is_dark() -> bool:
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def apply(application: QApplication, theme: str) -> None:
    """Sets palette and style sheet. ``theme`` is system, light or dark."""
    dark = system_is_dark() if theme == "system" else theme == "dark"
    chosen = DARK if dark else LIGHT
    application.setPalette(_palette(chosen))
    application.setStyleSheet(style_sheet(chosen))


def style_sheet(chosen: Tokens) -> str:
    """The style sheet with ``@name`` replaced by the theme's colours."""
    text = paths.resource("styles/studio.qss").read_text(encoding="utf-8")
    icons = paths.resource("icons").as_posix()
    text = text.replace("@icons", icons).replace("@theme", chosen.name)
    return re.sub(r"@(\w+)", lambda hit: str(getattr(chosen, hit.group(1))), text)


def base_font() -> QFont:
    """The system's sans face, Inter where it is installed: 14 px, tabular figures."""
    families = set(QFontDatabase.families())
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    for family in ("Inter", "Inter Variable", "Segoe UI", "SF Pro Text", "Noto Sans"):
        if family in families:
            font = QFont(family)
            break
    font.setPixelSize(14)
    if hasattr(font, "setFeature"):
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


def scaled_font(pixels: int, *, bold: bool = False) -> QFont:
    """The application's font in another size, for painted text."""
    font = QFont(QApplication.font())
    font.setPixelSize(pixels)
    if bold:
        font.setWeight(QFont.Weight.DemiBold)
    return font


def _palette(chosen: Tokens) -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    for target, token in (
        (role.Window, "background"), (role.WindowText, "text"), (role.Base, "panel"),
        (role.AlternateBase, "hover"), (role.Text, "text"), (role.Button, "panel"), (role.ButtonText, "text"),
        (role.BrightText, "on_accent"), (role.Highlight, "accent"), (role.HighlightedText, "on_accent"),
        (role.ToolTipBase, "panel"), (role.ToolTipText, "text"), (role.PlaceholderText, "muted"),
        (role.Link, "accent"), (role.LinkVisited, "accent"), (role.Light, "hover"), (role.Midlight, "line"),
        (role.Mid, "line"), (role.Dark, "strong_line"), (role.Shadow, "strong_line"), (role.Accent, "accent"),
    ):  # fmt: skip
        palette.setColor(target, chosen.color(token))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(group.Disabled, target, chosen.color("muted"))
    palette.setColor(group.Disabled, role.Highlight, chosen.color("strong_line"))
    return palette


class SystemThemeFollower(QObject):
    """Applies the theme again when the system's changes, as long as the setting says ``system``."""

    def __init__(self, application: QApplication, theme: str) -> None:
        super().__init__(application)
        self._application = application
        self._theme = theme
        application.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)
        apply(application, theme)

    def set_theme(self, theme: str) -> None:
        self._theme = theme
        apply(self._application, theme)

    @Slot(Qt.ColorScheme)
    def _on_scheme_changed(self, _scheme: Qt.ColorScheme) -> None:
        if self._theme == "system":
            apply(self._application, self._theme)
