"""What gallery and table have in common: rows that are arithmetic, a cursor, keys. Nothing is laid out."""

import time

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from tlstudio.gui.models.items import ItemsModel
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.widgets.gallery_selection import Cursor, Selection

_PAUSE_MS = 60  # without scrolling, before previews are made
_FAST = 1.5  # screens a second: what flies by so fast is not made


class ItemsView(QAbstractScrollArea):
    """Arrows, Page and Home/End move; Space selects; Enter or a double click activates; letters and digits are
    ``typed``. Subclasses say how many ``columns`` there are and how high a row is, and paint.
    """

    activated = Signal(int)
    current_changed = Signal(int)
    selection_changed = Signal(int)  # how many are selected
    menu_requested = Signal(int, QPoint)
    typed = Signal(str)
    delete_pressed = Signal()

    def __init__(
        self, model: ItemsModel, thumbnails: Thumbnails, cursor: Cursor | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.model, self.thumbnails = model, thumbnails
        self.cursor_ = cursor or Cursor(self)
        self.root = ""
        self.noun = ("item", "items")
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setMouseTracking(True)
        self._hover = -1
        self._want_timer = QTimer(self)
        self._want_timer.setSingleShot(True)
        self._want_timer.setInterval(_PAUSE_MS)
        self._scrolled = (0.0, 0)
        self._want_timer.timeout.connect(self._want_visible)
        model.reset.connect(self._on_reset)
        model.refreshed.connect(self._on_refreshed)
        model.arrived.connect(self._on_arrived)
        thumbnails.ready.connect(self._on_thumbnail)
        self.cursor_.moved.connect(self._on_cursor)
        self.cursor_.selected.connect(self.selection_changed)

    # ---- what subclasses say

    @property
    def columns(self) -> int:
        return 1

    @property
    def row_height(self) -> int:
        return 34

    @property
    def bottom_gap(self) -> int:
        return 0

    def rect_of(self, index: int) -> QRect:
        """Where an item is now, in the viewport."""
        raise NotImplementedError

    def index_at(self, point: QPoint) -> int:
        """The item under a point of the viewport; -1 where there is none."""
        raise NotImplementedError

    # ---- arithmetic

    @property
    def current(self) -> int:
        return self.cursor_.current

    @property
    def selection(self) -> Selection:
        return self.cursor_.selection

    def visible_range(self) -> range:
        top = self.verticalScrollBar().value()
        first = top // self.row_height * self.columns
        last = ((top + self.viewport().height()) // self.row_height + 1) * self.columns
        return range(max(0, first), min(self.model.count, last))

    def ensure_visible(self, index: int) -> None:
        bar = self.verticalScrollBar()
        top = index // self.columns * self.row_height
        bottom = top + self.row_height - self.bottom_gap
        if top < bar.value():
            bar.setValue(top)
        elif bottom > bar.value() + self.viewport().height():
            bar.setValue(bottom - self.viewport().height())

    def update_bars(self) -> None:
        rows = -(-self.model.count // self.columns)
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, rows * self.row_height - self.bottom_gap - self.viewport().height()))
        bar.setPageStep(max(self.row_height, self.viewport().height() - self.row_height // 2))
        bar.setSingleStep(max(20, self.row_height // 4))

    # ---- the model

    @Slot()
    def _on_reset(self) -> None:
        self.cursor_.reset()
        self.update_bars()
        self.verticalScrollBar().setValue(0)
        self.viewport().update()
        self._want_timer.start()

    @Slot()
    def _on_refreshed(self) -> None:
        """The same items after a change: the place stays."""
        self.update_bars()
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
        if self.isVisible():
            for index in self.visible_range():
                item = self.model.peek(index)
                if item is not None and self.thumbnails.key_of(item) == key:
                    self.viewport().update(self.rect_of(index))

    @Slot()
    def _want_visible(self) -> None:
        """What is on the screen first, then one screen further down."""
        if not self.isVisible():
            return
        visible = self.visible_range()
        ahead = range(visible.stop, min(self.model.count, visible.stop + min(200, len(visible))))
        wanted = []
        for index in (*visible, *ahead):
            item = self.model.item(index)
            if item is not None:
                wanted.append((self.thumbnails.key_of(item), item.place(self.root)))
        self.thumbnails.want(wanted)

    @Slot()
    def _on_cursor(self) -> None:
        self.viewport().update()

    # ---- Qt

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        """While one scrolls fast nothing is decoded, which would only keep the window waiting."""
        self.viewport().update()
        now, value = time.monotonic(), self.verticalScrollBar().value()
        before, self._scrolled = self._scrolled, (now, value)
        screens = abs(value - before[1]) / max(1, self.viewport().height())
        fast = now - before[0] < 0.25 and screens > _FAST * (now - before[0])
        if fast:
            self.thumbnails.want([])
        if fast or not self._want_timer.isActive():
            self._want_timer.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.update_bars()
        self._want_timer.start()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()
        super().changeEvent(event)

    def showEvent(self, event: QEvent) -> None:
        super().showEvent(event)  # type: ignore[arg-type]  # Qt's own event
        self.update_bars()
        self._want_timer.start()

    # ---- moving and choosing

    def set_current(self, index: int, *, extend: bool = False, toggle: bool = False) -> None:
        """Moves to an item, scrolls to it, and selects it (or up to it, or switches it)."""
        if self.model.count == 0:
            return
        index = max(0, min(self.model.count - 1, index))
        self.ensure_visible(index)
        self.cursor_.to(index, extend=extend, toggle=toggle)
        self.describe_current()
        self.current_changed.emit(index)

    def describe_current(self) -> None:
        item = self.model.item(self.current)
        if item is not None:
            self.setAccessibleDescription(f"{item.path}, {item.label}, {item.split}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        page = max(1, self.viewport().height() // self.row_height) * self.columns
        steps = {
            Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -self.columns,
            Qt.Key.Key_Down: self.columns, Qt.Key.Key_PageUp: -page, Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Home: -self.model.count, Qt.Key.Key_End: self.model.count,
        }  # fmt: skip
        key, modifiers = Qt.Key(event.key()), event.modifiers()
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        plain = not modifiers & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier) and not control
        if key in steps:
            extend = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
            self.set_current(self.current + steps[key], extend=extend)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._activate(self.current)
        elif key == Qt.Key.Key_Space:
            self.set_current(self.current, toggle=True)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_pressed.emit()
        elif key == Qt.Key.Key_A and control:
            self.cursor_.select_all(self.model.count)
        elif plain and len(event.text()) == 1 and event.text().isalnum():
            self.typed.emit(event.text().lower())
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if index < 0:
            return
        if event.button() == Qt.MouseButton.RightButton:
            if index not in self.selection:
                self.set_current(index)
            return
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

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = -1
        self.viewport().update()
        super().leaveEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        place = self.rect_of(self.current).center() if keyboard else event.pos()
        index = self.current if keyboard else self.index_at(event.pos())
        if 0 <= index < self.model.count:
            self.menu_requested.emit(index, self.viewport().mapToGlobal(place))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def _activate(self, index: int) -> None:
        if 0 <= index < self.model.count:
            self.activated.emit(index)
