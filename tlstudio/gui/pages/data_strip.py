"""A few thumbnails in a row; each opens its item."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui import icons, theme
from tlstudio.gui.models.thumbnails import Thumbnails

if TYPE_CHECKING:
    from tlstudio.project import Item

EDGE, GAP = 64, 8


class Strip(QWidget):
    """Shows as many items as fit. ``opened`` carries an item's id."""

    opened = Signal(int)

    def __init__(self, thumbnails: Thumbnails, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._items: list[Item] = []
        self._notes: dict[int, str] = {}
        self._current = 0
        self.setFixedHeight(EDGE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(name)
        thumbnails.ready.connect(self._on_ready)

    def show_items(self, items: "list[Item]", notes: dict[int, str]) -> None:
        """``notes``: what is said about an item, by id, for its tooltip."""
        self._items, self._notes, self._current = items, notes, 0
        self.setVisible(bool(items))
        self.update()

    @property
    def items(self) -> "list[Item]":
        return self._items

    def sizeHint(self) -> QSize:
        return QSize(len(self._items) * (EDGE + GAP), EDGE)

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for index, item in enumerate(self._items):
            cell = self._cell(index)
            if cell.right() > self.width():
                return
            shape = QPainterPath()
            shape.addRoundedRect(QRectF(cell), 6, 6)
            painter.fillPath(shape, tokens.color("neutral_soft"))
            pixmap = self._thumbnails.get(self._thumbnails.key_of(item))
            if pixmap is not None:
                painter.save()
                painter.setClipPath(shape)
                size = pixmap.size().scaled(cell.size(), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
                painter.drawPixmap(QRect(cell.center() - QPoint(size.width() // 2, size.height() // 2), size), pixmap)
                painter.restore()
            elif item.caption:
                self._paint_text(painter, cell, item.caption)
            elif self._thumbnails.is_broken(self._thumbnails.key_of(item)):
                icons.paint(painter, "file", QRectF(cell).adjusted(22, 22, -22, -22), "muted")
            if self.hasFocus() and index == self._current:
                painter.setPen(QPen(tokens.color("accent"), 2))
                painter.drawPath(shape)

    def _paint_text(self, painter: QPainter, cell: QRect, words: str) -> None:
        painter.save()
        painter.setFont(theme.scaled_font(9))
        painter.setPen(theme.tokens().color("text"))
        flags = Qt.TextFlag.TextWrapAnywhere | Qt.AlignmentFlag.AlignTop
        painter.drawText(cell.adjusted(5, 4, -4, -4), flags, words[:120])
        painter.restore()

    def _cell(self, index: int) -> QRect:
        return QRect(index * (EDGE + GAP), 0, EDGE, EDGE)

    def _index_at(self, position: QPoint) -> int:
        index = position.x() // (EDGE + GAP)
        inside = index < len(self._items) and self._cell(index).contains(position)
        return index if inside and self._cell(index).right() <= self.width() else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position().toPoint())
        self.setCursor(Qt.CursorShape.PointingHandCursor if index >= 0 else Qt.CursorShape.ArrowCursor)
        item = self._items[index] if index >= 0 else None
        self.setToolTip("\n".join(part for part in (item.path, self._notes.get(item.id, "")) if part) if item else "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index >= 0:
            self.opened.emit(self._items[index].id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()), 0)
        shown = max(1, min(len(self._items), (self.width() + GAP) // (EDGE + GAP)))
        if step and self._items:
            self._current = max(0, min(shown - 1, self._current + step))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._items:
            self.opened.emit(self._items[self._current].id)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.update()
        super().focusOutEvent(event)

    @Slot(str)
    def _on_ready(self, key: str) -> None:
        if any(self._thumbnails.key_of(item) == key for item in self._items):
            self.update()
