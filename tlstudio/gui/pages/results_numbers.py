"""Numbers: the truth against the prediction, and how far the predictions are off."""

import itertools

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.pages.results_items import SplitItems
from tlstudio.gui.plots.axis import WIDTH, ValueAxis
from tlstudio.gui.plots.colours import PlotColours
from tlstudio.gui.widgets.kit import pill_button, small_label
from tlstudio.gui.widgets.value_bars import ValueBars

_REACH = 10.0  # pixels from a point within which it is meant
_BINS = 21
_SHOWN = 20_000  # points; of more, evenly spread ones


class TruthPlot(pg.PlotWidget):
    """A point for each item; on the diagonal truth and prediction are equal. ``point_chosen`` carries its row."""

    point_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._axes = {"left": ValueAxis("left"), "bottom": ValueAxis("bottom")}
        super().__init__(parent, axisItems=self._axes, background=None)
        self.setAccessibleName("Truth against prediction")
        self.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.setMinimumSize(240, 170)
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.getAxis("left").setWidth(WIDTH)
        item.layout.setContentsMargins(0, 8, 18, 0)
        self._diagonal = pg.PlotCurveItem(antialias=True)
        self._points = pg.ScatterPlotItem(pxMode=True, size=8)
        self._ring = pg.ScatterPlotItem(pxMode=True, size=15)
        for one in (self._diagonal, self._points, self._ring):
            item.addItem(one, ignoreBounds=True)
        self._truth: npt.NDArray[np.float64] = np.empty(0)
        self._guess: npt.NDArray[np.float64] = np.empty(0)
        self._rows: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.current = -1
        self.scene().sigMouseClicked.connect(self._on_clicked)
        self.scene().sigMouseMoved.connect(self._on_moved)
        self._apply_colours()

    def show_points(self, truth: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64]) -> None:
        """``[N]`` each."""
        step = max(1, len(truth) // _SHOWN)
        self._rows = np.arange(0, len(truth), step)
        self._truth, self._guess, self.current = truth, predicted, -1
        self._ring.setData([], [])
        self._draw()
        self.reset_view()

    def reset_view(self) -> None:
        if len(self._truth):
            low = float(min(self._truth.min(), self._guess.min()))
            high = float(max(self._truth.max(), self._guess.max()))
            view = self.getPlotItem().getViewBox()
            view.setRange(xRange=(low, high), yRange=(low, high), padding=0.06, disableAutoRange=True)

    def mark(self, row: int) -> None:
        """A ring around an item's point."""
        self.current = row
        self._ring.setData([self._truth[row]], [self._guess[row]])

    def row_at(self, position: QPointF) -> int:
        """The item under a position in the scene; -1 where there is none."""
        if not len(self._rows):
            return -1
        view = self.getPlotItem().getViewBox()
        at, (per_x, per_y) = view.mapSceneToView(position), view.viewPixelSize()
        across = (self._truth[self._rows] - at.x()) / max(per_x, 1e-12)
        up = (self._guess[self._rows] - at.y()) / max(per_y, 1e-12)
        distance = across**2 + up**2
        best = int(distance.argmin())
        return int(self._rows[best]) if distance[best] <= _REACH**2 else -1

    def _draw(self) -> None:
        if not len(self._truth):
            self._points.setData([], [])
            self._diagonal.setData([], [])
            return
        low = float(min(self._truth.min(), self._guess.min()))
        high = float(max(self._truth.max(), self._guess.max()))
        reach = high - low or 1.0
        self._diagonal.setData([low - reach, high + reach], [low - reach, high + reach])
        self._points.setData(self._truth[self._rows], self._guess[self._rows])

    def _apply_colours(self) -> None:
        self.colours = PlotColours.current()
        self.setBackground(self.colours.background)
        font = theme.scaled_font(12)
        for axis in self._axes.values():
            axis.dress(self.colours, font)
        colour = QColor(self.colours.of_series(0))
        colour.setAlphaF(0.65)
        self._points.setBrush(pg.mkBrush(colour))
        self._points.setPen(pg.mkPen(None))
        self._ring.setBrush(pg.mkBrush(None))
        self._ring.setPen(pg.mkPen(self.colours.text, width=2))
        self._diagonal.setPen(pg.mkPen(self.colours.muted, width=1.2, style=Qt.PenStyle.DashLine))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_ring"):
            self._apply_colours()
        super().changeEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_view()
        event.accept()

    @Slot(object)
    def _on_clicked(self, event: MouseClickEvent) -> None:
        row = self.row_at(event.scenePos())
        if row >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.mark(row)
            self.point_chosen.emit(row)

    @Slot(object)
    def _on_moved(self, position: QPointF) -> None:
        row = self.row_at(position)
        self.setToolTip(f"truth {self._truth[row]:.4g}, predicted {self._guess[row]:.4g}" if row >= 0 else "")


class NumbersPanel(QWidget):
    """The plot, and a pill for each number where there are several. ``errors``, how far the predictions are off, stands
    elsewhere.
    """

    point_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot, self.errors = TruthPlot(), ValueBars()
        self.plot.point_chosen.connect(self.point_chosen)
        self._pills = QHBoxLayout()
        self._pills.setSpacing(6)
        self._items: SplitItems | None = None
        self.number = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(self._pills)
        column.addWidget(small_label("prediction ↑   truth →", wrap=False))
        column.addWidget(self.plot, 1)

    def show_items(self, items: SplitItems) -> None:
        self._items = items
        while (entry := self._pills.takeAt(0)) is not None:
            widget = entry.widget()
            if widget is not None:
                widget.deleteLater()
        if len(items.class_names) > 1:
            for index, name in enumerate(items.class_names):
                made = pill_button(name, checkable=True)
                made.setAutoExclusive(True)
                made.setChecked(index == 0)
                made.setProperty("number", index)
                made.clicked.connect(self._on_pill)
                self._pills.addWidget(made)
            self._pills.addStretch(1)
        self.choose(0)

    def choose(self, number: int) -> None:
        items = self._items
        if items is None or number >= items.targets.shape[1]:
            return
        self.number = number
        truth = items.targets[:, number].astype(np.float64)
        predicted = items.outputs[:, number].astype(np.float64)
        self.plot.show_points(truth, predicted)
        self.errors.show_bins("prediction minus truth", bins_of(predicted - truth))

    @Slot()
    def _on_pill(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.choose(int(sender.property("number")))


def bins_of(values: npt.NDArray[np.float64]) -> list[tuple[str, int]]:
    """As :meth:`ValueBars.show_bins` wants them; around zero, so that too much and too little can be compared."""
    reach = float(np.abs(values).max()) if len(values) else 0.0
    counts, edges = np.histogram(values, bins=_BINS, range=(-(reach or 1.0), reach or 1.0))
    names = [f"{low:.3g} to {high:.3g}" for low, high in itertools.pairwise(edges)]
    return [(name, int(count)) for name, count in zip(names, counts, strict=True)]
