"""A list whose rows can be put in another order: by dragging, by Alt with the arrow keys, or by calls."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from tlstudio.gui import theme

ROW = 32
_ID = Qt.ItemDataRole.UserRole
_DETAIL = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex


class _Rows(QStyledItemDelegate):
    """Its place in the line, the name, and quieter what it is about; long ones are cut in the middle."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(240, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, rect = theme.tokens(), QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.color("accent_soft" if chosen else "hover"))
            painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), 6, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.color("strong_line"))
        for column in range(2):  # what it can be dragged by
            for row in range(3):
                painter.drawEllipse(QRectF(rect.left() + 9 + column * 5, rect.center().y() - 6 + row * 5, 2.4, 2.4))
        painter.setFont(theme.scaled_font(14))
        painter.setPen(tokens.color("muted"))
        place = QRectF(rect.left() + 24, rect.top(), 28, rect.height())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, str(index.row() + 1))
        painter.setPen(tokens.color("text"))
        area = rect.adjusted(66, 0, -10, 0)
        metrics = QFontMetrics(painter.font())
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, int(area.width() * 0.62))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, name)
        area.setLeft(area.left() + metrics.horizontalAdvance(name) + 14)
        painter.setPen(tokens.color("muted"))
        detail = metrics.elidedText(str(index.data(_DETAIL)), Qt.TextElideMode.ElideMiddle, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, detail)
        painter.restore()


class QueueList(QListWidget):
    """Rows are (id, name, detail). ``moved`` carries an id and its new place, from 1; ``removed`` an id."""

    moved = Signal(int, int)
    removed = Signal(int)
    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[int, str, str]] = []
        self.setAccessibleName("Queue")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setItemDelegate(_Rows(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.model().rowsMoved.connect(self._on_rows_moved)
        self.itemActivated.connect(self._on_activated)

    def ids(self) -> list[int]:
        """As they stand in the list."""
        return [int(self.item(row).data(_ID)) for row in range(self.count())]

    @property
    def current_id(self) -> int:
        """0 where no row is selected."""
        item = self.currentItem()
        return int(item.data(_ID)) if item is not None and item.isSelected() else 0

    def show_rows(self, rows: list[tuple[int, str, str]]) -> None:
        """Shows these; the selection stays with its run."""
        if rows == self._rows and [row[0] for row in rows] == self.ids():
            return
        self._rows = list(rows)
        kept = self.current_id
        self.blockSignals(True)
        self.clear()
        for run_id, name, detail in rows:
            item = QListWidgetItem(name)
            item.setData(_ID, run_id)
            item.setData(_DETAIL, detail)
            item.setToolTip(f"{name}\n{detail}")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}, {detail}")
            self.addItem(item)
            if run_id == kept:
                self.setCurrentItem(item)
        self.blockSignals(False)
        self.itemSelectionChanged.emit()

    def move_current(self, by: int) -> None:
        """The selected row up (-1) or down (1)."""
        row = self.currentRow()
        target = row + by
        if not self.current_id or not 0 <= target < self.count():
            return
        item = self.takeItem(row)
        self.insertItem(target, item)
        self.setCurrentItem(item)
        self.moved.emit(int(item.data(_ID)), target + 1)

    def remove_current(self) -> None:
        if self.current_id:
            self.removed.emit(self.current_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        alt = event.modifiers() & Qt.KeyboardModifier.AltModifier
        if alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.move_current(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_current()
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex, int, int, QModelIndex, int)
    def _on_rows_moved(self, _parent: QModelIndex, start: int, _end: int, _to: QModelIndex, row: int) -> None:
        """After a drag: ``row`` counts as if the row were still in its old place."""
        place = row if row <= start else row - 1
        self.moved.emit(int(self.item(place).data(_ID)), place + 1)

    @Slot(QListWidgetItem)
    def _on_activated(self, item: QListWidgetItem) -> None:
        self.opened.emit(int(item.data(_ID)))
