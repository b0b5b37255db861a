"""Several labels: of each, how often it was found, missed, and given where it was not."""

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from tlstudio.gui import theme
from tlstudio.gui.pages.results_data import Row
from tlstudio.gui.pages.results_items import ADDED, FOUND, MISSED
from tlstudio.gui.widgets.painted_area import PaintedArea

KINDS = (FOUND, MISSED, ADDED)
_COLOURS = {FOUND: 0, MISSED: 1, ADDED: 5}  # of the theme's series
_WORDS = {FOUND: "found", MISSED: "missed", ADDED: "given without"}
_ROW, _TOP = 40, 30


class LabelBars(PaintedArea):
    """``part_chosen`` carries the position of a label and one of ``KINDS``."""

    part_chosen = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Labels: found, missed, given without", 160, parent)
        self._names: list[str] = []
        self._counts: list[dict[str, int]] = []
        self.current = (-1, FOUND)

    def show_rows(self, rows: list[Row]) -> None:
        self._names = [row.name for row in rows]
        self._counts = [counts_of(row) for row in rows]
        self.current = (-1, FOUND)
        self._measure()

    def choose(self, label: int, kind: str) -> None:
        """As a click on that part does."""
        self.current = (label, kind)
        self.setAccessibleDescription(self.describe(label, kind))
        self.verticalScrollBar().setValue(
            max(
                min(self.verticalScrollBar().value(), label * _ROW),
                (label + 1) * _ROW + _TOP - self.viewport().height(),
            )
        )
        self.viewport().update()
        self.part_chosen.emit(label, kind)

    def describe(self, label: int, kind: str) -> str:
        count, name = self._counts[label][kind], self._names[label]
        have = self._counts[label][FOUND] + self._counts[label][MISSED]
        if kind == ADDED:
            return f"{name} given {count} times where it is not"
        return f"{name} {_WORDS[kind]}: {count} of {have}"

    # ---- geometry

    def _measure(self) -> None:
        metrics = QFontMetrics(theme.scaled_font(12))
        widest = max((metrics.horizontalAdvance(name) for name in self._names), default=60)
        self._left = min(widest + 14, 180, max(60, self.viewport().width() // 3))
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, len(self._names) * _ROW + _TOP - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(_ROW)
        self.viewport().update()

    def part_rect(self, label: int, kind: str) -> QRectF:
        """Where a part of a bar is painted, in the viewport."""
        longest = max((sum(counts.values()) for counts in self._counts), default=1) or 1
        room = self.viewport().width() - self._left - 8
        before = sum(self._counts[label][one] for one in KINDS[: KINDS.index(kind)])
        top = _TOP + label * _ROW - self.verticalScrollBar().value()
        width = self._counts[label][kind] / longest * room
        return QRectF(self._left + before / longest * room, top + 8, width, _ROW - 16)

    def part_at(self, point: QPoint) -> tuple[int, str] | None:
        label = (point.y() - _TOP + self.verticalScrollBar().value()) // _ROW
        if point.y() < _TOP or not 0 <= label < len(self._names):
            return None
        for kind in KINDS:
            if self.part_rect(label, kind).contains(point):
                return label, kind
        return None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._measure()

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        self.viewport().update()

    # ---- painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._names:
            painter.end()
            return
        painter.save()
        painter.setClipRect(0, _TOP, self.viewport().width(), self.viewport().height())
        for label in range(len(self._names)):
            self._paint_row(painter, label)
        painter.restore()
        self._paint_legend(painter)
        painter.end()

    def _paint_row(self, painter: QPainter, label: int) -> None:
        tokens = theme.tokens()
        painter.setFont(theme.scaled_font(12))
        top = _TOP + label * _ROW - self.verticalScrollBar().value()
        painter.setPen(tokens.color("text" if label == self.current[0] else "muted"))
        area = QRect(0, top, self._left - 10, _ROW)
        name = painter.fontMetrics().elidedText(self._names[label], Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        for kind in KINDS:
            rect = self.part_rect(label, kind)
            if rect.width() <= 0:
                continue
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_brush(kind))
            painter.drawRect(rect.adjusted(0, 0, -1, 0))
            if kind == MISSED:  # not by colour alone
                painter.setBrush(Qt.BrushStyle.BDiagPattern)
                painter.drawRect(rect.adjusted(0, 0, -1, 0))
            text = str(self._counts[label][kind])
            if rect.width() > painter.fontMetrics().horizontalAdvance(text) + 6:
                painter.setPen(QColor("#ffffff" if kind == FOUND and not tokens.is_dark else "#10141a"))
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
            if (label, kind) == self.current:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(tokens.color("text"))
                painter.drawRect(rect.adjusted(-1, -1, 0, 1))

    def _paint_legend(self, painter: QPainter) -> None:
        painter.setFont(theme.scaled_font(12))
        x = float(self._left)
        for kind in KINDS:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_brush(kind))
            painter.drawRoundedRect(QRectF(x, 6, 10, 10), 2, 2)
            painter.setPen(theme.tokens().color("muted"))
            painter.drawText(QRectF(x + 15, 0, 120, 22), Qt.AlignmentFlag.AlignVCenter, _WORDS[kind])
            x += 15 + painter.fontMetrics().horizontalAdvance(_WORDS[kind]) + 16

    # ---- hands

    def mousePressEvent(self, event: QMouseEvent) -> None:
        part = self.part_at(event.position().toPoint())
        if part is not None:
            self.choose(*part)
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            part = self.part_at(event.pos())
            QToolTip.showText(event.globalPos(), self.describe(*part) if part else "", self.viewport())
            return True
        return super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        down = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        right = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if not self._names or (down is None and right is None):
            super().keyPressEvent(event)
            return
        label = min(max(self.current[0] + (down or 0), 0), len(self._names) - 1)
        kind = min(max(KINDS.index(self.current[1]) + (right or 0), 0), len(KINDS) - 1)
        self.choose(label, KINDS[kind])


def counts_of(row: Row) -> dict[str, int]:
    support = int(row.values.get("support") or 0)
    found = round((row.values.get("recall") or 0.0) * support)
    return {FOUND: found, MISSED: support - found, ADDED: int(row.values.get("predicted") or 0) - found}


def _brush(kind: str) -> QColor:
    return QColor(theme.tokens().series[_COLOURS[kind]])
