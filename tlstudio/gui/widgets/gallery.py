"""A grid of samples that scrolls smoothly over 1,000,000 of them."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from tlstudio.gui.models.items import ItemsModel
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.widgets import gallery_cell
from tlstudio.gui.widgets.gallery_base import ItemsView
from tlstudio.gui.widgets.gallery_cell import Look
from tlstudio.gui.widgets.gallery_selection import Cursor

GAP = 12  # pixels between cells


class Gallery(ItemsView):
    def __init__(
        self, model: ItemsModel, thumbnails: Thumbnails, cursor: Cursor | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(model, thumbnails, cursor, parent)
        self.cell_width = 132  # pixels wished for; the real width fills the row
        self.look = Look()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Gallery")

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

    @property
    def bottom_gap(self) -> int:
        return GAP

    def rect_of(self, index: int) -> QRect:
        row, column = divmod(index, self.columns)
        size = self.cell_size
        left = column * (size.width() + GAP)
        return QRect(QPoint(left, row * self.row_height - self.verticalScrollBar().value()), size)

    def index_at(self, point: QPoint) -> int:
        size = self.cell_size
        column, x = divmod(point.x(), size.width() + GAP)
        row, y = divmod(point.y() + self.verticalScrollBar().value(), self.row_height)
        index = row * self.columns + column
        inside = x < size.width() and y < size.height() and column < self.columns
        return index if inside and 0 <= index < self.model.count else -1

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inner = gallery_cell.inner(self.cell_size)
        for index in self.visible_range():
            area = self.rect_of(index)
            if not area.intersects(event.rect()):
                continue
            item = self.model.item(index)
            key = self.thumbnails.key_of(item) if item is not None else ""
            gallery_cell.paint(
                painter,
                area,
                item,
                self.thumbnails.fitted(key, inner, gallery_cell.RADIUS, self.devicePixelRatioF()) if key else None,
                look=self.look,
                broken=bool(key) and self.thumbnails.is_broken(key),
                selected=index in self.selection,
                current=index == self.current and self.hasFocus(),
                hovered=index == self._hover,
            )
