"""How the numbers of a data set are distributed: a small histogram with its ends in words."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui import theme

_HEIGHT = 84
_AXIS = 22


class ValueBars(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ""
        self._bins: list[tuple[str, int]] = []
        self._low = self._high = ""
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_bins(self, title: str, bins: Sequence[tuple[str, int]]) -> None:
        """``bins``: named "low to high", in order, with how many values fall into each."""
        self.title = title
        self._bins = list(bins)
        total = sum(count for _, count in bins)
        self._low, self._high = (bins[0][0].split(" to ")[0], bins[-1][0].split(" to ")[-1]) if bins else ("", "")
        self.setAccessibleName(f"{title}: {total:,} values from {self._low} to {self._high}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, _HEIGHT + _AXIS)

    minimumSizeHint = sizeHint

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._bins:
            place = min(len(self._bins) - 1, max(0, int(event.position().x() / max(1, self.width()) * len(self._bins))))
            name, count = self._bins[place]
            self.setToolTip(f"{name}: {count:,}")

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._bins:
            return
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.series[0]))
        width = self.width() / len(self._bins)
        tallest = max(count for _, count in self._bins) or 1
        for place, (_, count) in enumerate(self._bins):
            if count:
                height = max(2.0, (_HEIGHT - 4) * count / tallest)
                painter.drawRoundedRect(QRectF(place * width + 1, _HEIGHT - height, max(1.0, width - 2), height), 2, 2)
        painter.setPen(tokens.color("line"))
        painter.drawLine(0, _HEIGHT, self.width(), _HEIGHT)
        painter.setFont(theme.scaled_font(12))
        painter.setPen(tokens.color("muted"))
        line = QRectF(0, _HEIGHT + 3, self.width(), _AXIS - 3)
        for words, side in (
            (self._low, Qt.AlignmentFlag.AlignLeft),
            (self.title, Qt.AlignmentFlag.AlignHCenter),
            (self._high, Qt.AlignmentFlag.AlignRight),
        ):
            painter.drawText(line, side | Qt.AlignmentFlag.AlignVCenter, words)
