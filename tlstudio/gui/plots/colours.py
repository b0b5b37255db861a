"""Colours and line styles of plots, from the theme in use."""

import dataclasses

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from tlstudio.gui import theme

DASHES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
    Qt.PenStyle.SolidLine,
)
SYMBOLS = ("o", "s", "t", "d", "+", "x")


@dataclasses.dataclass(frozen=True)
class PlotColours:
    background: QColor
    text: QColor
    muted: QColor
    line: QColor
    series: tuple[QColor, ...]

    @classmethod
    def current(cls) -> "PlotColours":
        now = theme.tokens()
        return cls(
            background=now.color("panel"),
            text=now.color("text"),
            muted=now.color("muted"),
            line=now.color("line"),
            series=tuple(QColor(name) for name in now.series),
        )

    def of_series(self, index: int) -> QColor:
        return self.series[index % len(self.series)]


def mixed(back: QColor, front: QColor, share: float) -> QColor:
    """``front`` over ``back`` with the opacity ``share``."""
    return QColor(
        round(back.red() + (front.red() - back.red()) * share),
        round(back.green() + (front.green() - back.green()) * share),
        round(back.blue() + (front.blue() - back.blue()) * share),
    )


def dash_of(index: int) -> Qt.PenStyle:
    return DASHES[index % len(DASHES)]


def symbol_of(index: int) -> str:
    return SYMBOLS[index % len(SYMBOLS)]
