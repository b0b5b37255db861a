"""One plot with our manners: quiet axes, wheel zooms, double click resets, hover reads, right click exports."""

import math
from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QMouseEvent, QPen
from PySide6.QtWidgets import QLabel, QWidget

from tlstudio.gui import theme
from tlstudio.gui.plots.axis import WIDTH, ValueAxis
from tlstudio.gui.plots.colours import PlotColours
from tlstudio.gui.plots.decimate import evenly, peaks, visible
from tlstudio.gui.plots.line import Line, percent_text, plain
from tlstudio.gui.plots.marks import Marks
from tlstudio.gui.plots.ranges import extent, inside
from tlstudio.gui.plots.series import FloatArray

_LOG_FLOOR = 1e-12
_MOST_SYMBOLS = 60


class Chart(pg.PlotWidget):
    """Lines over epochs. ``set_points`` keeps references only; ``redraw`` does the work, decimated to pixels."""

    export_requested = Signal(object)  # the global position of the click

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        self._left = ValueAxis("left")
        bottom = ValueAxis("bottom")
        super().__init__(parent, axisItems={"left": self._left, "bottom": bottom}, background=None)
        self._bottom = bottom
        self.setAccessibleName(name)
        self.setAccessibleDescription(
            "Plus and minus zoom, 0 resets, the menu key exports. Values are in the table that CSV export writes."
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(220, 150)
        self.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.lines: dict[str, Line] = {}
        self.title = name
        self.marks = Marks(self.getPlotItem())
        self._bounds: tuple[float, float] | None = None
        self._x_end = 1.0
        self._log = False
        self._manual = False
        self._best: tuple[float, float, str, int] | None = None
        self.format_value: Callable[[float], str] = plain
        self.x_name = "epoch"
        self._build()
        self._apply_colours()

    def _build(self) -> None:
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.getAxis("left").setWidth(WIDTH)
        item.getAxis("bottom").setHeight(26)
        view = item.getViewBox()
        item.layout.setContentsMargins(0, 8, 14, 0)
        view.setDefaultPadding(0.0)
        view.disableAutoRange()
        view.sigRangeChangedManually.connect(self._on_zoomed)
        view.sigResized.connect(self._on_resized)
        self._best_dot = pg.ScatterPlotItem(size=13, symbol="o")
        self._best_dot.setZValue(19)
        self._best_text = pg.TextItem("", anchor=(1, 1))
        self._best_text.setZValue(20)
        self._hair = pg.InfiniteLine(angle=90, movable=False)
        for extra in (self._best_dot, self._best_text, self._hair):
            item.addItem(extra, ignoreBounds=True)
        for hidden in (self._best_text, self._hair):
            hidden.hide()
        self._readout = QLabel(self)
        self._readout.setObjectName("plotReadout")
        self._readout.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._readout.hide()
        self.scene().sigMouseMoved.connect(self._on_mouse_moved)

    # --- what is drawn -------------------------------------------------------------------------------------

    def add_line(self, key: str, label: str, colour: int, **style: object) -> Line:
        """Adds a line; ``style`` are fields of :class:`Line`."""
        item = pg.PlotDataItem(connect="all", skipFiniteCheck=True)
        line = Line(label, colour, item, **style)  # type: ignore[arg-type]
        self.lines[key] = line
        self.getPlotItem().addItem(item, ignoreBounds=True)
        self._style(line)
        return line

    def remove_line(self, key: str) -> None:
        line = self.lines.pop(key, None)
        if line is not None:
            self.getPlotItem().removeItem(line.item)

    def set_points(self, key: str, x: FloatArray, y: FloatArray) -> None:
        """``x`` sorted; both are kept by reference until the next call."""
        line = self.lines[key]
        line.x, line.y = x, y

    def set_visible(self, key: str, shown: bool) -> None:
        self.lines[key].item.setVisible(shown)

    def set_limits(self, bounds: tuple[float, float] | None, x_end: float) -> None:
        """``bounds`` of the values where they are known (a share: 0 to 1); ``x_end``: epochs that are expected."""
        self._bounds, self._x_end = bounds, x_end if x_end > 0 else 1.0

    def set_percent(self, percent: bool) -> None:
        self._left.percent = percent
        self.format_value = percent_text if percent else plain

    def set_log(self, log: bool) -> None:
        self._log = log
        self._left.setLogMode(False, log)
        self._manual = False
        self.redraw()

    def set_phase_marks(self, marks: list[tuple[float, str]]) -> None:
        """Dashed lines with titles where phases change."""
        self.marks.set(marks)
        self._colour_marks()

    def set_best(self, point: tuple[float, float] | None, text: str, colour: int) -> None:
        self._best = None if point is None else (*point, text, colour)
        self._best_dot.setBrush(self.colours.of_series(colour))

    def redraw(self) -> None:
        """Fits the view unless the user zoomed, then gives every visible line at most two points a pixel."""
        if not self._manual:
            self._fit()
        (left, right), _ = self.getPlotItem().getViewBox().viewRange()
        pixels = max(int(self.getPlotItem().getViewBox().width()), 50)
        for line in self.lines.values():
            if not line.item.isVisible():
                continue
            part = visible(line.x, left, right)
            x, y = line.x[part], line.y[part]
            x, y = peaks(x, y, pixels // 2) if line.spiky else evenly(x, y, pixels // 2)
            if line.symbol:
                line.item.opts["symbol"] = line.symbol if x.size <= _MOST_SYMBOLS else None
            line.item.setData(x, np.log10(np.maximum(y, _LOG_FLOOR)) if self._log else y)
        self.marks.fit()
        self._place_best(left, right)

    def _fit(self) -> None:
        low, high = self._bounds or extent(self._shown(), log=self._log)
        if self._log:
            low, high = math.log10(max(low, _LOG_FLOOR)), math.log10(max(high, _LOG_FLOOR))
        margin = (high - low) * 0.04 or 0.5
        marked = any(line.symbol and line.x.size and line.x[0] == 0 for line in self.lines.values())
        bottom = low - (margin if self._log else margin * (0.6 if marked else 0.05))  # room for label, or half a mark
        self.getPlotItem().getViewBox().setRange(
            xRange=(-0.012 * self._x_end * marked, self._x_end * 1.015), yRange=(bottom, high + margin), padding=0,
            disableAutoRange=True,
        )  # fmt: skip

    def _shown(self) -> list[FloatArray]:
        return [line.y for line in self.lines.values() if line.y.size and line.item.isVisible()]

    def _place_best(self, left: float, right: float) -> None:
        if self._best is None:
            self._best_dot.setData([], [])
            self._best_text.hide()
            return
        x, y, text, _ = self._best
        y = math.log10(max(y, _LOG_FLOOR)) if self._log else y
        self._best_dot.setData([x], [y])
        _, (low, high) = self.getPlotItem().getViewBox().viewRange()
        above = y < low + (high - low) * 0.82
        self._best_text.setText(text)
        room, place = self.getPlotItem().getViewBox().width(), (x - left) / max(right - left, 1e-9)
        beside = inside(place * room, self._best_text.textItem.boundingRect().width(), room)
        self._best_text.setAnchor((beside, 1.35 if above else -0.35))
        self._best_text.setPos(x, y)
        self._best_text.show()

    # --- colours -------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and hasattr(self, "_readout"):
            self._apply_colours()

    def _apply_colours(self) -> None:
        self.colours = PlotColours.current()
        self.setBackground(self.colours.background)
        font = theme.scaled_font(12)
        for axis in (self._left, self._bottom):
            axis.dress(self.colours, font)
        self._hair.setPen(pg.mkPen(self.colours.muted, width=1))
        self._readout.setStyleSheet(
            f"#plotReadout {{ background: {self.colours.background.name()}; color: {self.colours.text.name()};"
            f" border: 1px solid {self.colours.line.name()}; border-radius: 6px; padding: 4px 8px; }}"
        )
        self._best_text.setFont(theme.scaled_font(12, bold=True))
        self._best_text.setColor(self.colours.text)
        for line in self.lines.values():
            self._style(line)
        self._colour_marks()

    def _style(self, line: Line) -> None:
        colour = QColor(self.colours.of_series(line.colour)) if hasattr(self, "colours") else QColor("#0072B2")
        colour.setAlphaF(line.opacity)
        pen: QPen = pg.mkPen(colour, width=line.width, style=line.dash)
        line.item.setPen(pen)
        line.item.setCurveClickable(False)
        line.item.curve.opts["antialias"] = line.width > 1
        if line.symbol:
            line.item.setSymbol(line.symbol)
            line.item.setSymbolSize(6)
            line.item.setSymbolBrush(colour)
            line.item.setSymbolPen(pg.mkPen(colour))

    def _colour_marks(self) -> None:
        self.marks.dress(self.colours)
        if self._best is not None:
            self._best_dot.setBrush(self.colours.of_series(self._best[3]))
        self._best_dot.setPen(pg.mkPen(self.colours.background, width=1.5))

    # --- hands ---------------------------------------------------------------------------------------------

    def reset_view(self) -> None:
        self._manual = False
        self.redraw()

    @Slot(object)
    def _on_zoomed(self, _mask: object) -> None:
        self._manual = True
        self.redraw()

    @Slot(object)
    def _on_resized(self, _view: object) -> None:
        self.redraw()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_view()
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.export_requested.emit(event.globalPos())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        view = self.getPlotItem().getViewBox()
        if event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            factor = 1.25 if event.key() == Qt.Key.Key_Minus else 0.8
            view.scaleBy((factor, factor))
            self._on_zoomed(None)
        elif event.key() == Qt.Key.Key_0:
            self.reset_view()
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._readout.hide()
        self._hair.hide()
        super().leaveEvent(event)

    @Slot(object)
    def _on_mouse_moved(self, position: QPointF) -> None:
        view = self.getPlotItem().getViewBox()
        if not view.sceneBoundingRect().contains(position):
            self._readout.hide()
            self._hair.hide()
            return
        self.read_at(view.mapSceneToView(position).x())

    def read_at(self, x: float) -> str:
        """Shows the values nearest to ``x`` (epochs), and returns what it shows."""
        rows, at = [], x
        for line in self.lines.values():
            if line.hover and line.x.size and line.item.isVisible():
                index = int(np.clip(np.searchsorted(line.x, x), 0, line.x.size - 1))
                if index > 0 and abs(line.x[index - 1] - x) <= abs(line.x[index] - x):
                    index -= 1
                at = float(line.x[index])
                rows.append(f"{line.label} {self.format_value(float(line.y[index]))}")
        text = "\n".join(rows)
        self._readout.setVisible(bool(rows))
        self._hair.setVisible(bool(rows))
        if rows:
            self._hair.setPos(at)
            self._readout.setText(f"{self.x_name} {at:.2f}\n{text}")
            self._readout.adjustSize()
            view = self.getPlotItem().getViewBox()
            spot = self.mapFromScene(view.mapViewToScene(QPointF(at, 0)))
            to_right = spot.x() + 12 + self._readout.width() < self.width()
            self._readout.move(spot.x() + 12 if to_right else spot.x() - 12 - self._readout.width(), 12)
        return text
