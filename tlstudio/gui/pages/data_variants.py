"""Items beside what training makes of them: one row for each, the original first."""

from typing import Any

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui import theme

EDGE, GAP, HEAD, NAME = 128, 10, 26, 22
_LEFT = 20  # between the original and its variants


class Variants(QWidget):
    """``opened`` carries an item's id."""

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[dict[str, Any]] = []
        self._images: dict[str, QImage] = {}
        self._columns: list[str] = []
        self._old = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("What training sees")
        self.setMouseTracking(True)

    def show_rows(self, rows: list[dict[str, Any]], images: dict[str, QImage]) -> None:
        """``rows`` as the job ``augment`` gives them; ``images`` by path and, of originals, by place."""
        self._rows, self._images, self._old = rows, images, False
        most = max((len(row["variants"]) for row in rows), default=0)
        self._columns = ["Original", "In the test", *(f"Epoch {number + 1}" for number in range(most))]
        self.setMinimumSize(self.sizeHint())
        self.setFixedHeight(self.sizeHint().height())
        names = ", ".join(str(row["path"]) for row in rows)
        self.setAccessibleDescription(f"{most} variants of each of: {names}")
        self.update()

    def set_old(self, old: bool) -> None:
        """Whether what is shown is about to be replaced."""
        self._old = old
        self.update()

    def sizeHint(self) -> QSize:
        width = len(self._columns) * (EDGE + GAP) + _LEFT
        return QSize(width, HEAD + len(self._rows) * (EDGE + NAME + GAP))

    def cell(self, row: int, column: int) -> QRect:
        left = column * (EDGE + GAP) + (_LEFT if column > 1 else 0)
        return QRect(left, HEAD + row * (EDGE + NAME + GAP), EDGE, EDGE)

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setOpacity(0.45 if self._old else 1.0)
        painter.setFont(theme.scaled_font(12))
        painter.setPen(tokens.color("muted"))
        for column, title in enumerate(self._columns):
            cell = self.cell(0, column)
            painter.drawText(QRect(cell.left(), 0, EDGE, HEAD - 6), Qt.AlignmentFlag.AlignVCenter, title)
        for number, row in enumerate(self._rows):
            self._paint_row(painter, number, row)

    def _paint_row(self, painter: QPainter, number: int, row: dict[str, Any]) -> None:
        tokens = theme.tokens()
        pieces = [row["place"], row["evaluated"], *row["variants"]]
        for column, piece in enumerate(pieces):
            cell = self.cell(number, column)
            painter.fillRect(cell, tokens.color("neutral_soft"))
            image = self._images.get(piece)
            if row.get("problem"):
                words = str(row["problem"]) if column == 0 else ""
                _paint_words(painter, cell, words, theme.scaled_font(11), "error")
            elif image is not None and not image.isNull():
                size = image.size().scaled(cell.size(), Qt.AspectRatioMode.KeepAspectRatio)
                place = QRect(cell.left() + (EDGE - size.width()) // 2, cell.top() + (EDGE - size.height()) // 2,
                              size.width(), size.height())  # fmt: skip
                painter.drawImage(place, image)
            elif row.get("text"):
                words = str(row.get("original", "")) if column == 0 else str(piece)
                _paint_words(painter, cell, words, theme.scaled_font(11), "text")
        painter.setFont(theme.scaled_font(12))
        painter.setPen(tokens.color("text"))
        first = self.cell(number, 0)
        name = QRect(first.left(), first.bottom() + 1, 2 * EDGE + GAP, NAME)
        shown = str(row["path"]).rpartition("/")[2] + (f" · {row['label']}" if row["label"] else "")
        elided = painter.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideMiddle, name.width())
        painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, elided)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        for number, row in enumerate(self._rows):
            if event.button() == Qt.MouseButton.LeftButton and self.cell(number, 0).contains(
                event.position().toPoint()
            ):
                self.opened.emit(int(row["id"]))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        for number, row in enumerate(self._rows):
            if self.cell(number, 0).contains(event.position().toPoint()):
                self.setCursor(Qt.CursorShape.PointingHandCursor)
                self.setToolTip(str(row["path"]))
                return
        self.unsetCursor()
        self.setToolTip("")


def _paint_words(painter: QPainter, cell: QRect, words: str, font: QFont, token: str) -> None:
    painter.save()
    painter.setClipRect(cell)
    painter.setFont(font)
    painter.setPen(theme.tokens().color(token))
    flags = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignTop)
    painter.drawText(cell.adjusted(7, 6, -7, -6), flags, words[:400])
    painter.restore()
