"""Shares by kind and severity: a small table whose cells are the paler the less is left."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui import theme
from tlstudio.gui.plots.colours import mixed

_NAMES, _HEAD, _ROW = 92, 26, 34


class CorruptionGrid(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clean = 0.0
        self._rows: dict[str, list[float]] = {}
        self.setAccessibleName("Accuracy by corruption and severity")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_rows(self, clean: float, rows: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
        """``rows``: for each corruption five entries with ``accuracy`` 0 to 1, severity 1 first."""
        self._clean = clean
        self._rows = {name: [row["accuracy"] for row in entries] for name, entries in rows.items()}
        told = "; ".join(f"{name} {', '.join(f'{v:.0%}' for v in values)}" for name, values in self._rows.items())
        self.setAccessibleDescription(told)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_NAMES + 5 * 64, _HEAD + max(1, len(self._rows)) * _ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(_NAMES + 5 * 44, _HEAD + len(self._rows) * 26)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._rows:
            return
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.scaled_font(12))
        width = (self.width() - _NAMES) / 5
        height = min(_ROW * 1.4, (self.height() - _HEAD) / len(self._rows))
        left, centre = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignCenter
        painter.setPen(tokens.color("muted"))
        painter.drawText(QRectF(0, 0, _NAMES, _HEAD), left, "severity")
        for column in range(5):
            painter.drawText(QRectF(_NAMES + column * width, 0, width, _HEAD), centre, str(column + 1))
        for number, (name, values) in enumerate(self._rows.items()):
            top = _HEAD + number * height
            painter.setPen(tokens.color("text"))
            painter.drawText(QRectF(0, top, _NAMES, height), left, {"jpeg": "JPEG"}.get(name, name.capitalize()))
            for column, value in enumerate(values):
                cell = QRectF(_NAMES + column * width + 1.5, top + 1.5, width - 3, height - 3)
                kept = value / self._clean if self._clean else 0.0
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(mixed(tokens.color("panel"), tokens.color("accent"), 0.06 + 0.34 * min(1.0, kept)))
                painter.drawRoundedRect(cell, 4, 4)
                painter.setPen(tokens.color("text"))
                painter.drawText(cell, centre, f"{100 * value:.0f} %")
        painter.end()
