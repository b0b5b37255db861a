"""Items in a strip, with what was said of them."""

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from tlstudio.gui import icons, theme
from tlstudio.gui.models.pictures import Preview
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.pages.results_items import Shot
from tlstudio.places import printable

SHOT = Qt.ItemDataRole.UserRole
PICTURE = QSize(148, 111)
Index = QModelIndex | QPersistentModelIndex


class _Model(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.shots: list[Shot] = []

    def set_shots(self, shots: list[Shot]) -> None:
        self.beginResetModel()
        self.shots = shots
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.shots)

    def data(self, index: Index, role: int = 0) -> Any:
        shot = self.shots[index.row()]
        if role == SHOT:
            return shot
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(line for line in (printable(shot.path), shot.text, shot.spoken) if line)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return shot.spoken
        return None


class _Delegate(QStyledItemDelegate):
    def __init__(self, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(PICTURE.width() + 14, PICTURE.height() + 34)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        shot: Shot = index.data(SHOT)
        tokens = theme.tokens()
        rect = option.rect
        frame = QRectF(rect.left() + 1, rect.top() + 1, PICTURE.width(), PICTURE.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        clip = QPainterPath()
        clip.addRoundedRect(frame, 7, 7)
        painter.fillPath(clip, tokens.color("neutral_soft"))
        pixmap = self._thumbnails.get(shot.sha256)
        if shot.text:
            painter.setFont(theme.scaled_font(11))
            painter.setPen(tokens.color("text"))
            painter.drawText(frame.adjusted(8, 6, -8, -6), int(Qt.TextFlag.TextWordWrap), shot.text)
        elif pixmap is not None:
            painter.setClipPath(clip)
            whole = pixmap.size().scaled(frame.size().toSize(), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
            target = QRectF(0, 0, whole.width(), whole.height())
            target.moveCenter(frame.center())
            painter.drawPixmap(target, pixmap, QRectF(pixmap.rect()))
            painter.setClipping(False)
        elif self._thumbnails.is_broken(shot.sha256):
            icons.paint(painter, "warning", QRectF(frame.center().x() - 12, frame.center().y() - 12, 24, 24), "muted")
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(tokens.color("accent" if chosen else "line"), 2 if chosen else 1))
        painter.drawRoundedRect(frame, 7, 7)
        font = theme.scaled_font(12, bold=True)
        words = f"{'✓' if shot.right else '→'} {shot.predicted}"
        sure = shot.sure
        metrics = QFontMetrics(font)
        area = QRectF(frame.left(), frame.bottom() + 4, frame.width(), 20)
        room = area.width() - metrics.horizontalAdvance(sure) - 8
        text = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, int(room))
        painter.setFont(font)
        painter.setPen(tokens.color("ok" if shot.right else "error"))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, sure)
        painter.restore()


class PictureStrip(QListView):
    """Items from left to right, in as many lines as fit. ``shot_chosen`` carries a :class:`Shot`."""

    shot_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.thumbnails = Thumbnails(None, self)
        self.thumbnails.ready.connect(self._on_ready)
        self._model = _Model()
        self.setModel(self._model)
        self.setItemDelegate(_Delegate(self.thumbnails, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Items of the choice")
        self.verticalScrollBar().valueChanged.connect(self._want)
        self.selectionModel().currentChanged.connect(self._on_current)

    def set_preview(self, preview: Preview | None) -> None:
        """How items are drawn that are no pictures."""
        self.thumbnails.set_preview(preview)

    @property
    def shots(self) -> list[Shot]:
        return self._model.shots

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.shot_chosen.emit(self._model.shots[now.row()])

    def set_shots(self, shots: list[Shot]) -> None:
        self._model.set_shots(shots)
        self.scrollToTop()
        self._want()

    def count(self) -> int:
        return len(self._model.shots)

    @Slot()
    def _want(self, _value: int = 0) -> None:
        """Asks for what is on the screen and a little below."""
        top = self.indexAt(self.viewport().rect().topLeft())
        first = max(0, top.row())
        across = max(1, self.viewport().width() // (PICTURE.width() + 14))
        rows = self.viewport().height() // (PICTURE.height() + 34) + 2
        shots = self._model.shots[first : first + across * rows]
        self.thumbnails.want([(shot.sha256, shot.path) for shot in shots if not shot.text])

    @Slot(str)
    def _on_ready(self, _key: str) -> None:
        self.viewport().update()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._want()
