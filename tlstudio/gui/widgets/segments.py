"""A few views of the same thing, one of which is shown: a quiet row of words. Left and Right change it."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui import icons, theme

_HEIGHT = 32


class Segments(QWidget):
    """``choices``: id and words; with ``icons_only`` the words name an icon and stand in the tooltip."""

    picked = Signal(str)

    def __init__(
        self,
        name: str,
        choices: Sequence[tuple[str, str]],
        *,
        icons_of: dict[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name = name
        self._choices = list(choices)
        self._icons = icons_of or {}
        self._hover = ""
        self.value = self._choices[0][0]
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(name)
        self._describe()

    def set_choices(self, choices: Sequence[tuple[str, str]]) -> None:
        """Other words for the same ids."""
        if list(choices) != self._choices:
            self._choices = list(choices)
            self._describe()
            self.updateGeometry()
            self.update()

    def set_value(self, value: str) -> None:
        """Without a signal."""
        if value != self.value:
            self.value = value
            self._describe()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(sum(self._widths()) + 6, _HEIGHT)

    minimumSizeHint = sizeHint

    def _widths(self) -> list[int]:
        font = theme.scaled_font(13)
        font.setWeight(font.Weight.DemiBold)
        metrics = QFontMetrics(font)
        return [
            34 if identifier in self._icons else metrics.horizontalAdvance(words) + 26
            for identifier, words in self._choices
        ]

    def _areas(self) -> list[tuple[str, str, QRectF]]:
        left, areas = 3.0, []
        for (identifier, words), width in zip(self._choices, self._widths(), strict=True):
            areas.append((identifier, words, QRectF(left, 3, width, _HEIGHT - 6)))
            left += width
        return areas

    def _at(self, x: float) -> tuple[str, str]:
        return next(((i, w) for i, w, area in self._areas() if area.left() <= x < area.right()), ("", ""))

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.color("neutral_soft"))
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        font = theme.scaled_font(13)
        for identifier, words, area in self._areas():
            chosen = identifier == self.value
            if chosen:
                focused = self.hasFocus()
                painter.setPen(QPen(tokens.color("accent" if focused else "strong_line"), 1.5 if focused else 1))
                painter.setBrush(tokens.color("panel"))
                painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
            token = "text" if chosen or identifier == self._hover else "muted"
            if identifier in self._icons:
                side = QRectF(area.center().x() - 8, area.center().y() - 8, 16, 16)
                icons.paint(painter, self._icons[identifier], side, token)
                continue
            font.setWeight(font.Weight.DemiBold if chosen else font.Weight.Medium)
            painter.setFont(font)
            painter.setPen(tokens.color(token))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover, words = self._at(event.position().x())
        self.setToolTip(words if self._icons else "")
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = ""
        self.update()
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pick(self._at(event.position().x())[0])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        names = [identifier for identifier, _ in self._choices]
        if step:
            self._pick(names[max(0, min(len(names) - 1, names.index(self.value) + step))])
        else:
            super().keyPressEvent(event)

    def _pick(self, identifier: str) -> None:
        if identifier and identifier != self.value:
            self.set_value(identifier)
            self.picked.emit(identifier)

    def _describe(self) -> None:
        words = dict(self._choices).get(self.value, "")
        self.setAccessibleDescription(f"{words} is shown")
