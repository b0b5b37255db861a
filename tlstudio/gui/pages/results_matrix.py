"""The confusion matrix: painted, scrollable, with mouse and keyboard."""

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from tlstudio.gui import theme
from tlstudio.gui.plots.colours import mixed
from tlstudio.gui.widgets.painted_area import PaintedArea

SMALLEST, LARGEST = 22, 64
_GAP = 3


class ConfusionMatrix(PaintedArea):
    """Rows are the truth, columns the prediction. ``cell_chosen`` carries both, as positions."""

    cell_chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Confusion matrix", 200, parent)
        self._names: list[str] = []
        self._counts: npt.NDArray[np.int64] = np.zeros((0, 0), dtype=np.int64)
        self._shares: npt.NDArray[np.float64] = np.zeros((0, 0))
        self._as_share = False
        self._cell = QSize(40, 40)
        self._left, self._top = 90, 40
        self._slanted = False
        self.current = (-1, -1)

    def show_counts(self, names: list[str], counts: npt.NDArray[np.int64]) -> None:
        self._names, self._counts = names, counts
        rows = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        self._shares = counts / rows
        if not (0 <= self.current[0] < len(names) and 0 <= self.current[1] < len(names)):
            self.current = (-1, -1)
        self._measure()

    def set_as_share(self, as_share: bool) -> None:
        """Shares of each true class instead of counts."""
        self._as_share = as_share
        self.viewport().update()

    def choose(self, truth: int, predicted: int) -> None:
        """As a click on that cell does."""
        self.current = (truth, predicted)
        self._scroll_to_current()
        self.setAccessibleDescription(self.describe(truth, predicted))
        self.viewport().update()
        self.cell_chosen.emit(truth, predicted)

    def describe(self, truth: int, predicted: int) -> str:
        count, total = int(self._counts[truth, predicted]), int(self._counts[truth].sum())
        share = f", {self._shares[truth, predicted] * 100:.1f} %" if total else ""
        if truth == predicted:
            return f"{self._names[truth]} recognised: {count} of {total}{share}"
        return f"{self._names[truth]} taken for {self._names[predicted]}: {count} of {total}{share}"

    # --- geometry ------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        count = len(self._names)
        metrics = QFontMetrics(theme.scaled_font(12))
        widest = max((metrics.horizontalAdvance(name) for name in self._names), default=40)
        room = self.viewport().size()
        self._left = min(widest + 12, 170, room.width() * 2 // 5)
        width = (room.width() - self._left - 4) // max(count, 1)
        cell_width = min(max(width, SMALLEST), LARGEST + 24)
        self._slanted = any(metrics.horizontalAdvance(name) > cell_width - 4 for name in self._names)
        self._top = 24 + (min(widest, 110, max(40, room.height() // 3)) if self._slanted else 18)
        height = (room.height() - self._top - 4) // max(count, 1)
        cell_height = min(max(height, SMALLEST), LARGEST)
        if count > 12:
            cell_width = cell_height = max(SMALLEST, min(cell_width, cell_height))
        self._cell = QSize(cell_width, cell_height)
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setRange(0, max(0, count * cell_width - (room.width() - self._left)))
        down.setRange(0, max(0, count * cell_height - (room.height() - self._top)))
        across.setPageStep(room.width() - self._left)
        down.setPageStep(room.height() - self._top)
        across.setSingleStep(cell_width)
        down.setSingleStep(cell_height)
        self.viewport().update()

    def _offset(self) -> QPoint:
        return QPoint(self._left - self.horizontalScrollBar().value(), self._top - self.verticalScrollBar().value())

    def cell_rect(self, truth: int, predicted: int) -> QRect:
        """Where a cell is painted, in the viewport."""
        offset = self._offset()
        return QRect(
            offset.x() + predicted * self._cell.width(),
            offset.y() + truth * self._cell.height(),
            self._cell.width(),
            self._cell.height(),
        )

    def cell_at(self, point: QPoint) -> tuple[int, int] | None:
        """``(truth, prediction)`` under a point of the viewport."""
        if point.x() < self._left or point.y() < self._top:
            return None
        offset = self._offset()
        predicted = (point.x() - offset.x()) // self._cell.width()
        truth = (point.y() - offset.y()) // self._cell.height()
        inside = 0 <= truth < len(self._names) and 0 <= predicted < len(self._names)
        return (truth, predicted) if inside else None

    def _scroll_to_current(self) -> None:
        rect, room = self.cell_rect(*self.current), self.viewport().rect()
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(across.value() + min(0, rect.left() - self._left) + max(0, rect.right() - room.right()))
        down.setValue(down.value() + min(0, rect.top() - self._top) + max(0, rect.bottom() - room.bottom()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._measure()

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        self.viewport().update()

    # --- painting ------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        count = len(self._names)
        if not count:
            painter.end()
            return
        offset, room = self._offset(), self.viewport().rect()
        first_x = max(0, (self._left - offset.x()) // self._cell.width())
        first_y = max(0, (self._top - offset.y()) // self._cell.height())
        last_x = min(count, (room.right() - offset.x()) // self._cell.width() + 1)
        last_y = min(count, (room.bottom() - offset.y()) // self._cell.height() + 1)
        painter.save()
        painter.setClipRect(self._left, self._top, room.width(), room.height())
        for truth in range(first_y, last_y):
            for predicted in range(first_x, last_x):
                self._paint_cell(painter, truth, predicted)
        painter.restore()
        self._paint_names(painter, range(first_x, last_x), range(first_y, last_y))
        painter.end()

    def _paint_cell(self, painter: QPainter, truth: int, predicted: int) -> None:
        tokens = theme.tokens()
        count, share = int(self._counts[truth, predicted]), float(self._shares[truth, predicted])
        gap = _GAP if self._cell.width() > 30 else 1
        box = QRectF(self.cell_rect(truth, predicted)).adjusted(0, 0, -gap, -gap)
        strong = tokens.color("accent" if truth == predicted else "error")
        panel = tokens.color("panel")
        back = mixed(panel, strong, 0.10 + 0.75 * share) if count else panel
        chosen = (truth, predicted) == self.current
        painter.setBrush(back)
        pen = QPen(tokens.color("text"), 2) if chosen else QPen(tokens.color("line"), 1)
        painter.setPen(pen if chosen or not count else Qt.PenStyle.NoPen)
        radius = 4 if self._cell.width() > 30 else 2
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1) if chosen else box, radius, radius)
        if not count:
            return
        text = f"{share * 100:.0f} %" if self._as_share else str(count)
        font = theme.scaled_font(13 if self._cell.width() > 36 else 10, bold=True)
        if QFontMetrics(font).horizontalAdvance(text) > box.width():
            text = text.removesuffix(" %")
        painter.setFont(font)
        painter.setPen(_readable(back))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_names(self, painter: QPainter, columns: range, rows: range) -> None:
        tokens = theme.tokens()
        painter.setFont(theme.scaled_font(12))
        metrics = painter.fontMetrics()
        painter.setPen(tokens.color("muted"))
        painter.drawText(0, 14, "truth ↓   prediction →")
        room = self.viewport().rect()
        painter.save()
        painter.setClipRect(0, self._top, self._left, room.height())
        for row in rows:
            painter.setPen(tokens.color("text" if row == self.current[0] else "muted"))
            box = self.cell_rect(row, 0)
            box.setLeft(0)
            box.setRight(self._left - 8)
            text = metrics.elidedText(self._names[row], Qt.TextElideMode.ElideMiddle, box.width())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()
        painter.save()
        painter.setClipRect(self._left, 18, room.width(), self._top - 18)
        for column in columns:
            painter.setPen(tokens.color("text" if column == self.current[1] else "muted"))
            box = self.cell_rect(0, column)
            if self._slanted:
                painter.save()
                painter.translate(box.center().x() + 5, self._top - 6)
                painter.rotate(-90)
                text = metrics.elidedText(self._names[column], Qt.TextElideMode.ElideMiddle, self._top - 28)
                painter.drawText(0, 0, text)
                painter.restore()
            else:
                area = QRect(box.left(), self._top - 24, box.width() - _GAP, 20)
                painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._names[column])
        painter.restore()

    # --- hands ---------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position().toPoint())
        if cell is not None:
            self.choose(*cell)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            cell = self.cell_at(event.pos())
            if cell is not None:
                QToolTip.showText(event.globalPos(), self.describe(*cell), self.viewport(), self.cell_rect(*cell))
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
        }
        move = moves.get(Qt.Key(event.key()))
        if move is None or not self._names:
            super().keyPressEvent(event)
            return
        last = len(self._names) - 1
        if self.current == (-1, -1):
            self.choose(0, 0)
            return
        truth, predicted = self.current[0] + move[0], self.current[1] + move[1]
        self.choose(min(max(truth, 0), last), min(max(predicted, 0), last))


def _readable(back: QColor) -> QColor:
    """Black or white, whichever stands out from ``back``."""
    luminance = 0.2126 * _linear(back.redF()) + 0.7152 * _linear(back.greenF()) + 0.0722 * _linear(back.blueF())
    return QColor("#10141a") if luminance > 0.18 else QColor("#ffffff")


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
