"""A grid of pictures that scrolls smoothly over 100,000 of them: positions are arithmetic, nothing is laid out."""

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from tlstudio.gui.models.items import ItemsModel
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.widgets import gallery_cell
from tlstudio.gui.widgets.gallery_selection import Selection

GAP = 12  # pixels between cells


class Gallery(QAbstractScrollArea):
    """Arrows, Page and Home/End move; Space selects; Enter or a double click activates."""

    activated = Signal(int)
    current_changed = Signal(int)
    selection_changed = Signal(int)  # how many are selected
    menu_requested = Signal(int, QPoint)

    def __init__(self, model: ItemsModel, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model, self.thumbnails = model, thumbnails
        self.root = ""
        self.cell_width = 150  # pixels wished for; the real width fills the row
        self.current = 0
        self.selection = Selection()
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Pictures")
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, False)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setMouseTracking(True)
        self._hover = -1
        self._want_timer = QTimer(self)
        self._want_timer.setSingleShot(True)
        self._want_timer.setInterval(15)
        self._want_timer.timeout.connect(self._want_visible)
        model.reset.connect(self._on_reset)
        model.arrived.connect(self._on_arrived)
        thumbnails.ready.connect(self._on_thumbnail)

    # ---- arithmetic

    @property
    def columns(self) -> int:
        return max(1, (self.viewport().width() + GAP) // (self.cell_width + GAP))

    @property
    def cell_size(self) -> QSize:
        columns = self.columns
        width = (self.viewport().width() - GAP * (columns - 1)) // columns
        return QSize(max(40, width), max(36, width * 5 // 6))

    @property
    def row_height(self) -> int:
        return self.cell_size.height() + GAP

    def rect_of(self, index: int) -> QRect:
        """Where a picture is now, in the viewport."""
        row, column = divmod(index, self.columns)
        size = self.cell_size
        left = column * (size.width() + GAP)
        return QRect(QPoint(left, row * self.row_height - self.verticalScrollBar().value()), size)

    def index_at(self, point: QPoint) -> int:
        """The picture under a point of the viewport; -1 between them."""
        size = self.cell_size
        column, x = divmod(point.x(), size.width() + GAP)
        row, y = divmod(point.y() + self.verticalScrollBar().value(), self.row_height)
        index = row * self.columns + column
        inside = x < size.width() and y < size.height() and column < self.columns
        return index if inside and 0 <= index < self.model.count else -1

    def visible_range(self) -> range:
        top = self.verticalScrollBar().value()
        first = top // self.row_height * self.columns
        last = ((top + self.viewport().height()) // self.row_height + 1) * self.columns
        return range(max(0, first), min(self.model.count, last))

    # ---- the model

    @Slot()
    def _on_reset(self) -> None:
        self.current = 0
        self.selection.clear()
        self.selection_changed.emit(0)
        self._update_bars()
        self.verticalScrollBar().setValue(0)
        self.viewport().update()
        self._want_timer.start()

    @Slot(int, int)
    def _on_arrived(self, first: int, last: int) -> None:
        visible = self.visible_range()
        if visible and first < visible.stop and last >= visible.start:
            self.viewport().update()
            self._want_timer.start()

    @Slot(str)
    def _on_thumbnail(self, key: str) -> None:
        for index in self.visible_range():
            item = self.model.item(index)
            if item is not None and item.sha256 == key:
                self.viewport().update(self.rect_of(index))

    @Slot()
    def _want_visible(self) -> None:
        """What is on the screen first, then one screen further down."""
        visible = self.visible_range()
        ahead = range(visible.stop, min(self.model.count, visible.stop + min(200, len(visible))))
        wanted = []
        for index in (*visible, *ahead):
            item = self.model.item(index)
            if item is not None:
                wanted.append((item.sha256, f"{self.root}/{item.path}"))
        self.thumbnails.want(wanted)

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index in self.visible_range():
            area = self.rect_of(index)
            if not area.intersects(event.rect()):
                continue
            item = self.model.item(index)
            gallery_cell.paint(
                painter,
                area,
                item,
                self.thumbnails.get(item.sha256) if item else None,
                broken=item is not None and self.thumbnails.is_broken(item.sha256),
                selected=index in self.selection,
                current=index == self.current and self.hasFocus(),
                hovered=index == self._hover,
            )

    def _update_bars(self) -> None:
        rows = -(-self.model.count // self.columns)
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, rows * self.row_height - GAP - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(20, self.row_height // 4))

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        self.viewport().update()
        self._want_timer.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._update_bars()
        self._want_timer.start()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()
        super().changeEvent(event)

    # ---- moving and choosing

    def set_current(self, index: int, *, extend: bool = False, toggle: bool = False) -> None:
        """Moves to a picture, scrolls to it, and selects it (or up to it, or switches it)."""
        if self.model.count == 0:
            return
        index = max(0, min(self.model.count - 1, index))
        self.selection.move(self.current, index, extend=extend, toggle=toggle)
        self.current = index
        self.ensure_visible(index)
        self.viewport().update()
        item = self.model.item(index)
        if item is not None:
            self.setAccessibleDescription(f"{item.path}, {item.label}, {item.split}")
        self.current_changed.emit(index)
        self.selection_changed.emit(len(self.selection))

    def ensure_visible(self, index: int) -> None:
        bar = self.verticalScrollBar()
        top = index // self.columns * self.row_height
        if top < bar.value():
            bar.setValue(top)
        elif top + self.cell_size.height() > bar.value() + self.viewport().height():
            bar.setValue(top + self.cell_size.height() - self.viewport().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        page = max(1, self.viewport().height() // self.row_height) * self.columns
        steps = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -self.columns,
            Qt.Key.Key_Down: self.columns, Qt.Key.Key_PageUp: -page, Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Home: -self.model.count, Qt.Key.Key_End: self.model.count,
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in steps:
            extend = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.set_current(self.current + steps[key], extend=extend)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._activate(self.current)
        elif key == Qt.Key.Key_Space:
            self.set_current(self.current, toggle=True)
        elif key == Qt.Key.Key_A and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.selection.select_all(self.model.count)
            self.viewport().update()
            self.selection_changed.emit(len(self.selection))
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if index >= 0:
            modifiers = event.modifiers()
            self.set_current(
                index,
                extend=bool(modifiers & Qt.KeyboardModifier.ShiftModifier),
                toggle=bool(modifiers & Qt.KeyboardModifier.ControlModifier),
            )

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._activate(self.index_at(event.position().toPoint()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if index != self._hover:
            self._hover = index
            item = self.model.item(index)
            self.viewport().setToolTip(f"{item.path}\n{item.label} · {item.split}" if item else "")
            self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.index_at(event.pos())
        if index >= 0:
            self.menu_requested.emit(index, event.globalPos())

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def _activate(self, index: int) -> None:
        if 0 <= index < self.model.count:
            self.activated.emit(index)
