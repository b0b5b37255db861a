"""Small round controls above a plot: what is shown, with a sample of its line, and choices of one from a few."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QMenu, QPushButton, QWidget

from tlstudio.gui import theme
from tlstudio.gui.plots.colours import PlotColours, mixed

_SAMPLE = 16


class Chip(QAbstractButton):
    """A checkable pill. With ``colour`` it shows a sample of that line; unchecked it is pale."""

    def __init__(
        self,
        text: str,
        *,
        colour: int | None = None,
        dash: Qt.PenStyle = Qt.PenStyle.SolidLine,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(text)
        self._colour, self._dash = colour, dash

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._face())
        sample = _SAMPLE + 6 if self._colour is not None else 0
        return QSize(metrics.horizontalAdvance(self.text()) + sample + 22, 26)

    minimumSizeHint = sizeHint

    def enterEvent(self, event: QEvent) -> None:
        self.update()
        super().enterEvent(event)  # type: ignore[arg-type]

    def leaveEvent(self, event: QEvent) -> None:
        self.update()
        super().leaveEvent(event)

    def _face(self) -> QFont:
        return theme.scaled_font(12, bold=True)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = PlotColours.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        accent = theme.tokens().color("accent")
        plain = on and self._colour is None
        back = mixed(colours.background, accent if plain else colours.text, 0.14 if plain else 0.07)
        if self.underMouse():
            back = mixed(back, colours.text, 0.05)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setBrush(back)
        painter.setPen(QPen(accent, 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.setFont(self._face())
        painter.setPen(colours.text if on else colours.muted)
        text = box.adjusted(10, 0, -10, 0)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        if self._colour is not None:
            colour = QColor(colours.of_series(self._colour))
            colour.setAlphaF(1.0 if on else 0.35)
            painter.setPen(QPen(colour, 2.5, self._dash))
            y = box.center().y()
            painter.drawLine(int(text.right() - _SAMPLE), int(y), int(text.right()), int(y))
        if not on:
            painter.setPen(QPen(colours.muted, 1))
            width = QFontMetrics(self._face()).horizontalAdvance(self.text())
            y = box.center().y()
            if self._colour is not None:
                painter.drawLine(int(text.left()), int(y), int(text.left() + width), int(y))
        painter.end()


class PillChoice(QPushButton):
    """A pill that opens a short menu; arrow keys choose without it. ``chosen`` carries the value."""

    chosen = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "pill")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(name)
        self._choices: list[tuple[str, object]] = []
        self._index = -1
        self.clicked.connect(self._on_clicked)

    def set_choices(self, choices: Sequence[tuple[str, object]], value: object = None) -> None:
        """``choices``: what is shown, and the value behind it; the first is chosen where ``value`` is none of them."""
        self._choices = list(choices)
        values = self.values()
        self._index = values.index(value) if value in values else (0 if choices else -1)
        self._show()

    def values(self) -> list[object]:
        return [value for _, value in self._choices]

    @property
    def value(self) -> object:
        return self._choices[self._index][1] if self._index >= 0 else None

    def set_value(self, value: object) -> None:
        """Chooses as the user would."""
        index = self.values().index(value)
        if index != self._index:
            self._index = index
            self._show()
            self.chosen.emit(value)

    def _show(self) -> None:
        self.setText(f"{self._choices[self._index][0]}  ▾" if self._index >= 0 else "–")
        self.setAccessibleDescription(self.text())
        self.setEnabled(bool(self._choices))

    @Slot()
    def _on_clicked(self) -> None:
        menu = QMenu(self)
        for index, (text, _) in enumerate(self._choices):
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(index == self._index)
            action.setData(index)
        hit = menu.exec(self.mapToGlobal(QPoint(0, self.height() + 2)))
        if hit is not None:
            self.set_value(self._choices[hit.data()][1])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        if step and self._choices:
            index = min(max(self._index + step, 0), len(self._choices) - 1)
            self.set_value(self._choices[index][1])
        else:
            super().keyPressEvent(event)
