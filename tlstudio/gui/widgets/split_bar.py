"""How a data set is split, as one bar with a legend: colour, pattern and words."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui import text, theme

NAMES = {"train": "training", "val": "validation", "test": "test"}
_EXCLUDED = "excluded"
_PATTERNS = {"val": Qt.BrushStyle.BDiagPattern, "test": Qt.BrushStyle.Dense6Pattern}


class SplitBar(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: dict[str, int] = {}
        self._excluded = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_counts(self, counts: dict[str, int], excluded: int = 0) -> None:
        """What is excluded stands below the bar, of which it is no part."""
        self._counts = {name: counts.get(name, 0) for name in NAMES}
        self._excluded = excluded
        words = [f"{NAMES[n]} {c}" for n, c in self._counts.items()] + ([f"excluded {excluded}"] if excluded else [])
        self.setAccessibleName("Split: " + ", ".join(words))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 18 + 22 * (len(NAMES) + bool(self._excluded)))

    minimumSizeHint = sizeHint

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        total = sum(self._counts.values())
        if not total and not self._excluded:
            return
        total = total or 1
        tokens = theme.tokens()
        colors = [QColor(tokens.series[i]) for i in (0, 1, 2)]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(0, 0, self.width(), 10)
        clip = QPainterPath()
        clip.addRoundedRect(bar, 5, 5)
        painter.save()
        painter.setClipPath(clip)
        left = 0.0
        for (name, count), color in zip(self._counts.items(), colors, strict=True):
            part = QRectF(left, 0, self.width() * count / total, 10)
            self._fill(painter, part, name, color)
            left += part.width()
        painter.restore()
        painter.setFont(theme.scaled_font(13))
        top = 18
        for (name, count), color in zip(self._counts.items(), colors, strict=True):
            mark = QRectF(2, top + 6, 10, 10)
            self._fill(painter, mark, name, color)
            line = QRectF(20, top, self.width() - 20, 22)
            painter.setPen(tokens.color("text"))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, NAMES[name])
            painter.setPen(tokens.color("muted"))
            amount = f"{count:,}  ·  {text.percent(count, total)}"
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, amount)
            top += 22
        if self._excluded:
            line = QRectF(20, top, self.width() - 20, 22)
            painter.setPen(tokens.color("muted"))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, _EXCLUDED)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, f"{self._excluded:,}")

    @staticmethod
    def _fill(painter: QPainter, area: QRectF, name: str, color: QColor) -> None:
        painter.fillRect(area, color)
        if name in _PATTERNS:
            painter.fillRect(area, QBrush(QColor(255, 255, 255, 110), _PATTERNS[name]))
