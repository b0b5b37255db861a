"""A picture as large as fits, with a mask over it where there is one."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from tlstudio.gui import theme
from tlstudio.gui.models import overlays

_ENLARGED = 4  # times at most, so that small pictures stay pictures
_MASK_ENLARGED = 16


class PictureView(QWidget):
    """``pointed`` names the class under the mouse, empty where there is none."""

    pointed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = QImage()
        self._text = ""
        self._classes: overlays.Classes | None = None
        self._names: Sequence[str] = ()
        self._overlay = QImage()
        self.opacity = 0.5
        self.setMinimumSize(200, 180)
        self.setMouseTracking(True)

    def show_image(self, image: QImage, text: str = "") -> None:
        """``text`` stands where there is no picture (yet)."""
        self.image, self._text = image, text
        self.update()

    def show_mask(self, classes: "overlays.Classes | None", names: Sequence[str], shown: Sequence[bool]) -> None:
        self._classes, self._names = classes, names
        self._overlay = overlays.painted(classes, shown) if classes is not None else QImage()
        self.update()

    def set_opacity(self, opacity: float) -> None:
        self.opacity = opacity
        self.update()

    def area(self) -> QRectF:
        """Where the picture is, in the widget."""
        size = self.image.size()
        fitted = size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        most = _ENLARGED if self._classes is None else _MASK_ENLARGED
        if fitted.width() > size.width() * most:
            fitted = size * most
        area = QRectF(0, 0, fitted.width(), fitted.height())
        area.moveCenter(QRectF(self.rect()).center())
        return area

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self.image.isNull():
            painter.setPen(tokens.color("muted"))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(24, 0, -24, 0), flags, self._text)
            return
        area = self.area()
        painter.drawImage(area, self.image)
        if not self._overlay.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)  # edges are where they are
            painter.setOpacity(self.opacity)
            painter.drawImage(area, self._overlay)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointed.emit(self.class_at(event.position()))

    def class_at(self, point: QPointF) -> str:
        area = self.area()
        if self._classes is None or not area.contains(point) or area.isEmpty():
            return ""
        height, width = self._classes.shape
        x = int(np.clip((point.x() - area.left()) / area.width() * width, 0, width - 1))
        y = int(np.clip((point.y() - area.top()) / area.height() * height, 0, height - 1))
        index = int(self._classes[y, x])
        return self._names[index] if index < len(self._names) else "does not count"
