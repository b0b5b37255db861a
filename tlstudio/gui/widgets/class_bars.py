"""Classes with their keys and their counts as bars; a click, or Enter, filters by one. Draws only what is seen."""

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from tlstudio.gui import theme

ROW = 26
_SHOWN = 12  # rows before it scrolls
_KEY = 24  # pixels for the key of a class


class ClassBars(QAbstractScrollArea):
    picked = Signal(str)  # a class, or empty where the one that was picked is picked again

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._counts: dict[str, int] = {}
        self._largest = 1
        self._keys = ""
        self.chosen = ""
        self._current = 0
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Classes with the number of items in each")

    def show_counts(self, counts: dict[str, int], keys: str = "") -> None:
        """``keys``: one character for each of the first classes, which relabels to it."""
        if list(counts) != self._names:
            self._current = 0
        self._names, self._counts, self._keys = list(counts), counts, keys
        self._largest = max(counts.values(), default=1) or 1
        self.setFixedHeight(ROW * min(_SHOWN, max(1, len(counts))) + 2)
        self.setAccessibleDescription(", ".join(f"{n} {c}" for n, c in list(counts.items())[:30]))
        self._update_bar()
        self.viewport().update()

    def set_chosen(self, name: str) -> None:
        self.chosen = name
        self.viewport().update()

    def sizeHint(self) -> QSize:
        return QSize(240, ROW * min(_SHOWN, max(1, len(self._names))))

    def _update_bar(self) -> None:
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, ROW * len(self._names) - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(ROW)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._update_bar()

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        self.viewport().update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.scaled_font(13))
        metrics = painter.fontMetrics()
        width = self.viewport().width()
        number_width = metrics.horizontalAdvance(f"{self._largest:,}") + 8
        widest = max((metrics.horizontalAdvance(n) for n in self._names[:200]), default=0) + 14
        left = _KEY if self._keys else 0
        name_width = left + min(max(60, widest), int(width * 0.45))
        offset = self.verticalScrollBar().value()
        first = offset // ROW
        for index in range(first, min(len(self._names), (offset + self.viewport().height()) // ROW + 1)):
            name = self._names[index]
            area = QRect(0, index * ROW - offset, width, ROW)
            if name == self.chosen:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(tokens.color("accent_soft"))
                painter.drawRoundedRect(area.adjusted(0, 1, 0, -1), 5, 5)
            if self.hasFocus() and index == self._current:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(tokens.color("accent"), 1))
                painter.drawRoundedRect(QRectF(area).adjusted(0.5, 1.5, -0.5, -1.5), 5, 5)
            if index < len(self._keys):
                self._paint_key(painter, QRectF(4, area.top() + 4, 17, ROW - 8), self._keys[index])
            painter.setPen(tokens.color("accent" if name == self.chosen else "text"))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, name_width - left - 10)
            painter.drawText(area.adjusted(left + 6, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, shown)
            painter.setPen(tokens.color("muted"))
            painter.drawText(
                area.adjusted(0, 0, -6, 0),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                f"{self._counts[name]:,}",
            )
            track = QRectF(name_width + 4, area.center().y() - 2, width - name_width - number_width - 14, 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.color("neutral_soft"))
            painter.drawRoundedRect(track, 3, 3)
            track.setWidth(max(3.0, track.width() * self._counts[name] / self._largest))
            painter.setBrush(QColor(tokens.series[0]))
            painter.drawRoundedRect(track, 3, 3)

    @staticmethod
    def _paint_key(painter: QPainter, area: QRectF, key: str) -> None:
        tokens = theme.tokens()
        painter.setBrush(tokens.color("background"))
        painter.setPen(QPen(tokens.color("strong_line"), 1))
        painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setPen(tokens.color("muted"))
        font = painter.font()
        painter.setFont(theme.scaled_font(11))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, key.upper())
        painter.setFont(font)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self._index(event.position().y())
        name = self._names[index] if 0 <= index < len(self._names) else ""
        key = f" The key {self._keys[index].upper()} gives this label." if name and index < len(self._keys) else ""
        tip = f"{name}: {self._counts[name]:,}. Click to see only these.{key}" if name else ""
        self.viewport().setToolTip(tip)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pick(self._index(event.position().y()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if step and self._names:
            self._current = max(0, min(len(self._names) - 1, self._current + step))
            bar = self.verticalScrollBar()
            top = self._current * ROW
            bar.setValue(min(max(bar.value(), top + ROW - self.viewport().height()), top))
            self.viewport().update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._pick(self._current)
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()
        super().changeEvent(event)

    def _index(self, y: float) -> int:
        return int(y + self.verticalScrollBar().value()) // ROW

    def _pick(self, index: int) -> None:
        if 0 <= index < len(self._names):
            self._current = index
            name = self._names[index]
            self.set_chosen("" if name == self.chosen else name)
            self.picked.emit(self.chosen)
