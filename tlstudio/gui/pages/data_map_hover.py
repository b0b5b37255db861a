"""What a point of the map is: its picture, name and class, beside the pointer."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.pages.data_difference import PART_NAMES
from tlstudio.gui.widgets.kit import ElidedLabel, small_label

if TYPE_CHECKING:
    from tlstudio.project import Item

WIDTH, HEIGHT = 176, 132
_AWAY = 14  # pixels from the point


class HoverCard(QFrame):
    """Lies over its parent and takes no part in what the mouse does."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._over = parent
        self._key = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(4)
        self.picture = QLabel()
        self.picture.setFixedSize(WIDTH, HEIGHT)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setWordWrap(True)
        self.picture.setTextFormat(Qt.TextFormat.PlainText)
        self.name = ElidedLabel()
        self.name.setFixedWidth(WIDTH)
        self.about = small_label(wrap=False)
        for widget in (self.picture, self.name, self.about):
            column.addWidget(widget)
        self.hide()

    def show_item(self, item: "Item", pixmap: QPixmap | None, at: QPoint) -> None:
        self._key = Thumbnails.key_of(item)
        self.picture.setText(item.caption[:200])
        self.picture.setObjectName("small" if item.caption else "")
        corner = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        self.picture.setAlignment(corner if item.caption else Qt.AlignmentFlag.AlignCenter)
        self.picture.style().polish(self.picture)
        self._show_picture(pixmap)
        self.name.setText(item.path.rpartition("/")[2])
        self.about.setText(" · ".join(part for part in (item.label, PART_NAMES.get(item.split, item.split)) if part))
        self.adjustSize()
        parent = self._over
        left = at.x() + _AWAY if at.x() + _AWAY + self.width() <= parent.width() else at.x() - _AWAY - self.width()
        top = min(max(0, at.y() - self.height() // 2), max(0, parent.height() - self.height()))
        self.move(max(0, left), top)
        self.show()
        self.raise_()

    def arrived(self, key: str, thumbnails: Thumbnails) -> None:
        if key == self._key and self.isVisible():
            self._show_picture(thumbnails.get(key))

    def _show_picture(self, pixmap: QPixmap | None) -> None:
        if pixmap is not None:
            mode = Qt.TransformationMode.SmoothTransformation
            self.picture.setPixmap(pixmap.scaled(WIDTH, HEIGHT, Qt.AspectRatioMode.KeepAspectRatio, mode))
