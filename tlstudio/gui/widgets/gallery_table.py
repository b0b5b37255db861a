"""The samples as a table: a real header over rows that are painted, so that 1,000,000 cost as much as a screenful."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QPen, QResizeEvent, QStandardItemModel
from PySide6.QtWidgets import QHeaderView, QMenu, QWidget

from tlstudio.gui import icons, theme
from tlstudio.gui.models.items import ItemsModel
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.widgets.gallery_base import ItemsView
from tlstudio.gui.widgets.gallery_selection import Cursor

if TYPE_CHECKING:
    from tlstudio.project import Item

ROW = 36
HEAD = 34
_PICTURE = 28


@dataclasses.dataclass(frozen=True)
class Column:
    """``order``: what a click on the header sorts by; empty where it cannot be sorted. ``width`` in pixels."""

    id: str
    title: str
    text: "Callable[[Item], str]"
    order: str = ""
    width: int = 110
    right: bool = False
    shown: bool = True
    tip: str = ""


class ItemsTable(ItemsView):
    """A click on a header sorts, a right click on it chooses columns. ``layout_changed`` when the user did."""

    sort_asked = Signal(str, bool)  # order, descending
    layout_changed = Signal()

    def __init__(
        self, model: ItemsModel, thumbnails: Thumbnails, cursor: Cursor | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(model, thumbnails, cursor, parent)
        self.setAccessibleName("Table")
        self.table_columns: tuple[Column, ...] = ()
        self.icon = "file"
        self._titles = QStandardItemModel(self)
        self.header = QHeaderView(Qt.Orientation.Horizontal, self)
        self.header.setModel(self._titles)
        self.header.setSectionsClickable(True)
        self.header.setSectionsMovable(True)
        self.header.setSortIndicatorShown(True)
        self.header.setHighlightSections(False)
        self.header.setStretchLastSection(False)
        self.header.setMinimumSectionSize(48)
        self.header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.header.setAccessibleName("Columns: click sorts, right click shows and hides")
        self.header.setToolTip("Click to sort; right click to show and hide columns")
        self.header.customContextMenuRequested.connect(self._on_header_menu)
        self.header.sectionClicked.connect(self._on_clicked)
        self.header.sectionResized.connect(self._on_resized)
        self.header.sectionMoved.connect(self._on_resized)
        self.setViewportMargins(0, HEAD, 0, 0)
        self.setCornerWidget(QWidget())  # else the style paints a frame there
        self._menu = QMenu(self)
        self._quiet = False

    # ---- columns

    def set_columns(self, columns: Sequence[Column], widths: Sequence[int] = ()) -> None:
        """``widths`` as :meth:`widths` gave them, 0 for a hidden column; used where there are as many."""
        self._quiet = True
        self.table_columns = tuple(columns)
        self._titles.clear()
        self._titles.setHorizontalHeaderLabels([column.title for column in columns])
        known = len(widths) == len(columns) and any(widths)
        for place, column in enumerate(columns):
            self.header.resizeSection(place, widths[place] if known and widths[place] else column.width)
            self.header.setSectionHidden(place, not widths[place] if known else not column.shown)
            right = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            side = right | Qt.AlignmentFlag.AlignVCenter
            self._titles.setHeaderData(place, Qt.Orientation.Horizontal, side, Qt.ItemDataRole.TextAlignmentRole)
            if column.tip:
                self._titles.setHeaderData(place, Qt.Orientation.Horizontal, column.tip, Qt.ItemDataRole.ToolTipRole)
        self._quiet = False
        self.update_bars()
        self.viewport().update()

    def widths(self) -> list[int]:
        return [
            0 if self.header.isSectionHidden(place) else self.header.sectionSize(place)
            for place in range(len(self.table_columns))
        ]

    def show_order(self, order: str, descending: bool) -> None:
        """The arrow in the header."""
        for place, column in enumerate(self.table_columns):
            if column.order == order:
                way = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
                self.header.setSortIndicator(place, way)
                return
        self.header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)

    def set_column_shown(self, identifier: str, shown: bool) -> None:
        for place, column in enumerate(self.table_columns):
            if column.id == identifier:
                self.header.setSectionHidden(place, not shown)
                if shown and not self.header.sectionSize(place):
                    self.header.resizeSection(place, column.width)
                self._on_resized()

    def is_column_shown(self, identifier: str) -> bool:
        return any(
            column.id == identifier and not self.header.isSectionHidden(place)
            for place, column in enumerate(self.table_columns)
        )

    def column_menu(self) -> QMenu:
        """Every column with a tick; the first one, the name, always stays."""
        self._menu.clear()
        for place, column in enumerate(self.table_columns):
            action = QAction(column.title, self._menu)
            action.setCheckable(True)
            action.setChecked(not self.header.isSectionHidden(place))
            action.setEnabled(place > 0)
            action.setData(column.id)
            action.triggered.connect(self._on_column)
            self._menu.addAction(action)
        return self._menu

    @Slot()
    def _on_column(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.set_column_shown(str(action.data()), action.isChecked())

    @Slot(QPoint)
    def _on_header_menu(self, place: QPoint) -> None:
        self.column_menu().popup(self.header.mapToGlobal(place))

    @Slot(int)
    def _on_clicked(self, place: int) -> None:
        order = self.table_columns[place].order
        if order:
            self.sort_asked.emit(order, self.model.filter.order == order and not self.model.filter.descending)
        else:
            self.show_order(self.model.filter.order, self.model.filter.descending)

    @Slot()
    def _on_resized(self) -> None:
        if not self._quiet:
            self.update_bars()
            self.viewport().update()
            self.layout_changed.emit()

    # ---- arithmetic

    @property
    def row_height(self) -> int:
        return ROW

    def rect_of(self, index: int) -> QRect:
        return QRect(0, index * ROW - self.verticalScrollBar().value(), self.viewport().width(), ROW)

    def index_at(self, point: QPoint) -> int:
        index = (point.y() + self.verticalScrollBar().value()) // ROW
        return index if point.y() >= 0 and 0 <= index < self.model.count else -1

    def update_bars(self) -> None:
        super().update_bars()
        bar = self.horizontalScrollBar()
        bar.setRange(0, max(0, self.header.length() - self.viewport().width()))
        bar.setPageStep(self.viewport().width())
        bar.setSingleStep(24)
        self.header.setOffset(bar.value())

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if dx:
            self.header.setOffset(self.horizontalScrollBar().value())
        super().scrollContentsBy(dx, dy)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        area = self.viewport().geometry()
        self.header.setGeometry(area.left(), area.top() - HEAD, area.width(), HEAD)

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), tokens.color("panel"))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.scaled_font(13))
        shown = [
            (column, self.header.sectionViewportPosition(place), self.header.sectionSize(place), place == 0)
            for place, column in enumerate(self.table_columns)
            if not self.header.isSectionHidden(place)
        ]
        for index in self.visible_range():
            area = self.rect_of(index)
            if area.intersects(event.rect()):
                self._paint_row(painter, area, index, shown)

    def _paint_row(
        self, painter: QPainter, area: QRect, index: int, shown: list[tuple[Column, int, int, bool]]
    ) -> None:
        tokens = theme.tokens()
        if index in self.selection:
            painter.fillRect(area, tokens.color("accent_soft"))
        elif index == self._hover:
            painter.fillRect(area, tokens.color("hover"))
        painter.fillRect(area.left(), area.bottom(), area.width(), 1, tokens.color("line"))
        item = self.model.item(index)
        if item is not None:
            metrics = painter.fontMetrics()
            for column, left, width, first in shown:
                cell = QRectF(left + 8, area.top(), width - 16, area.height())
                if first:
                    self._paint_preview(painter, QRectF(cell.left(), area.top() + 4, _PICTURE, _PICTURE), item)
                    cell.setLeft(cell.left() + _PICTURE + 10)
                side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
                muted = item.split == "excluded" or not first
                painter.setPen(tokens.color("muted" if muted and column.id != "label" else "text"))
                words = column.text(item).replace("\n", " ")
                text = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, max(0, int(cell.width())))
                painter.drawText(cell, side | Qt.AlignmentFlag.AlignVCenter, text)
        if index == self.current and self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawRoundedRect(QRectF(area).adjusted(1, 1, -1, -2), 4, 4)

    def _paint_preview(self, painter: QPainter, frame: QRectF, item: "Item") -> None:
        key = self.thumbnails.key_of(item)
        size, ratio = QSize(_PICTURE, _PICTURE), self.devicePixelRatioF()
        pixmap = self.thumbnails.fitted(key, size, 4, ratio) if not item.caption else None
        if pixmap is None:
            sign = QRectF(frame.center().x() - 8, frame.center().y() - 8, 16, 16)
            icons.paint(painter, self.icon, sign, "muted")
        else:
            painter.drawPixmap(frame.topLeft(), pixmap)
