"""Line icons of one family: SVG files in ``resources/icons`` that are painted in the palette's colours."""

import functools

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from tlstudio import paths
from tlstudio.gui import theme


@functools.lru_cache(maxsize=256)
def _renderer(name: str, color: str) -> QSvgRenderer:
    text = paths.resource(f"icons/{name}.svg").read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(text.replace("currentColor", color).encode()))


def paint(painter: QPainter, name: str, rect: QRectF, token: str) -> None:
    """Draws an icon in one of the theme's colours."""
    _renderer(name, getattr(theme.tokens(), token)).render(painter, rect)


class _LineIconEngine(QIconEngine):
    def __init__(self, name: str, token: str, token_on: str) -> None:
        super().__init__()
        self._name, self._token, self._token_on = name, token, token_on

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        token = self._token_on if state == QIcon.State.On else self._token
        if mode == QIcon.Mode.Disabled:
            token = "strong_line"
        paint(painter, self._name, QRectF(rect), token)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _LineIconEngine(self._name, self._token, self._token_on)


def icon(name: str, token: str = "text", token_on: str = "accent") -> QIcon:
    """An icon that follows the theme. ``token_on`` is its colour on a checked button."""
    return QIcon(_LineIconEngine(name, token, token_on))
