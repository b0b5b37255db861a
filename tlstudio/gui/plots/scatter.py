"""Many points, each of which is an item: hover, click, rectangle and lasso; wheel zooms, double click resets."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent, MouseDragEvent
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from tlstudio.gui.plots.colours import SYMBOLS, PlotColours
from tlstudio.gui.plots.lasso import Points, inside

MOVE, RECTANGLE, LASSO = "move", "rectangle", "lasso"
_REACH = 9.0  # pixels from a point within which it is meant
GREY = -1


@dataclasses.dataclass(frozen=True)
class Look:
    """Of a group of points: an index of a colour of the theme's series (``GREY``: none), and a symbol."""

    colour: int
    symbol: str

    @classmethod
    def of(cls, index: int) -> "Look":
        """36 that differ; neighbours differ in both colour and symbol."""
        return cls(index % 6, SYMBOLS[(index + index // 6) % len(SYMBOLS)])


OTHERS = Look(GREY, "o")


class _Box(pg.ViewBox):
    """Dragging moves, or draws around points."""

    dragged = Signal(object, bool)  # a point in the view's coordinates, and whether it is the first
    released = Signal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False, lockAspect=False)
        self.mode = MOVE

    def mouseDragEvent(self, event: MouseDragEvent, axis: int | None = None) -> None:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.button() != Qt.MouseButton.LeftButton or (self.mode == MOVE and not shift):
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        if event.isStart():
            self.dragged.emit(self.mapSceneToView(event.buttonDownScenePos()), True)
        self.dragged.emit(self.mapSceneToView(event.scenePos()), False)
        if event.isFinish():
            self.released.emit()


class ScatterMap(pg.PlotWidget):
    """``hovered`` and ``clicked`` carry the row of a point, -1 for none; ``chosen`` the rows that were drawn around."""

    hovered = Signal(int, object)  # row, QPoint in this widget
    clicked = Signal(int)
    chosen = Signal(object)
    export_requested = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        self._box = _Box()
        super().__init__(parent, viewBox=self._box, background=None)
        self.title = name
        self.setAccessibleName(name)
        self.setAccessibleDescription(
            "Arrow keys go from point to point, Enter opens the item, plus and minus zoom, 0 resets the view."
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.setMinimumSize(260, 220)
        item = self.getPlotItem()
        item.hideAxis("left")
        item.hideAxis("bottom")
        item.hideButtons()
        self._scatter = pg.ScatterPlotItem(pxMode=True)
        self._rings = pg.ScatterPlotItem(pxMode=True)
        self._rings.setZValue(5)
        self._hair = pg.ScatterPlotItem(pxMode=True)
        self._hair.setZValue(6)
        self._line = pg.PlotCurveItem()
        self._line.setZValue(7)
        for one in (self._scatter, self._rings, self._hair, self._line):
            item.addItem(one, ignoreBounds=True)
        self.xy: Points = np.empty((0, 2))
        self._shown: npt.NDArray[np.bool_] = np.empty(0, bool)
        self._groups: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._looks: list[Look] = []
        self._selected: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._path: list[QPointF] = []
        self.current = -1
        self._box.dragged.connect(self._on_dragged)
        self._box.released.connect(self._on_released)
        self.scene().sigMouseMoved.connect(self._on_moved)
        self.scene().sigMouseClicked.connect(self._on_clicked)
        self._apply_colours()

    # ---- what is drawn

    def show_points(self, xy: Points) -> None:
        """``[N, 2]``; the view is fitted, and every point is of one grey group until told otherwise."""
        self.xy = np.asarray(xy, np.float64)
        self.current = -1
        self._selected = np.empty(0, np.int64)
        self.show_groups(np.zeros(len(self.xy), np.int64), [OTHERS])
        self.reset_view()

    def show_groups(self, groups: npt.NDArray[np.int64], looks: list[Look]) -> None:
        """The group of each point, and how each group looks."""
        self._groups, self._looks = groups, looks
        self._shown = np.ones(len(groups), bool)
        self._draw()

    def show_only(self, shown: npt.NDArray[np.bool_]) -> None:
        """Which groups are to be seen."""
        self._shown = shown[self._groups] if len(self._groups) else np.empty(0, bool)
        self._draw()

    def select(self, rows: npt.NDArray[np.int64]) -> None:
        self._selected = rows
        self._draw_rings()

    def set_mode(self, mode: str) -> None:
        self._box.mode = mode
        self.setCursor(Qt.CursorShape.ArrowCursor if mode == MOVE else Qt.CursorShape.CrossCursor)

    def reset_view(self) -> None:
        if len(self.xy):
            (left, bottom), (right, top) = self.xy.min(0), self.xy.max(0)
            self._box.setRange(xRange=(left, right), yRange=(bottom, top), padding=0.05)

    def _draw(self) -> None:
        rows = np.flatnonzero(self._shown)
        brushes = [pg.mkBrush(self._colour(look)) for look in self._looks]
        groups = self._groups[rows].tolist()
        size = 7 if len(rows) > 2000 else 9
        self._scatter.setData(
            x=self.xy[rows, 0],
            y=self.xy[rows, 1],
            size=size,
            symbol=[self._looks[group].symbol for group in groups],
            brush=[brushes[group] for group in groups],
            pen=None,
        )
        self._draw_rings()

    def _draw_rings(self) -> None:
        rows = self._selected
        self._rings.setData(
            x=self.xy[rows, 0], y=self.xy[rows, 1], size=13, symbol="o", brush=None,
            pen=pg.mkPen(self.colours.text, width=1.3),
        )  # fmt: skip

    def _colour(self, look: Look) -> QColor:
        colour = QColor(self.colours.muted if look.colour == GREY else self.colours.of_series(look.colour))
        colour.setAlphaF(0.35 if look.colour == GREY else 0.8)
        return colour

    def _apply_colours(self) -> None:
        self.colours = PlotColours.current()
        self.setBackground(self.colours.background)
        self._line.setPen(pg.mkPen(self.colours.text, width=1.2, style=Qt.PenStyle.DashLine))
        self._hair.setPen(pg.mkPen(self.colours.text, width=2))
        if len(self.xy):
            self._draw()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_hair"):
            self._apply_colours()
        super().changeEvent(event)

    # ---- hands

    def row_at(self, position: QPointF) -> int:
        """The point under a position in the scene; -1 where there is none."""
        rows = np.flatnonzero(self._shown)
        if not len(rows):
            return -1
        at = self._box.mapSceneToView(position)
        per_x, per_y = self._box.viewPixelSize()
        near = (self.xy[rows] - (at.x(), at.y())) / (max(per_x, 1e-12), max(per_y, 1e-12))
        distance = (near**2).sum(1)
        best = int(distance.argmin())
        return int(rows[best]) if distance[best] <= _REACH**2 else -1

    def go_to(self, row: int) -> None:
        """Marks a point as the current one and tells of it."""
        self.current = row
        marked = [row] if row >= 0 else []
        self._hair.setData(x=self.xy[marked, 0], y=self.xy[marked, 1], size=15, symbol="o", brush=None)
        spot = self._box.mapViewToScene(QPointF(*self.xy[row])) if row >= 0 else QPointF()
        self.hovered.emit(row, self.mapFromScene(spot))

    @Slot(object)
    def _on_moved(self, position: QPointF) -> None:
        row = self.row_at(position) if self._box.sceneBoundingRect().contains(position) and not self._path else -1
        if row != self.current:
            self.go_to(row)

    @Slot(object)
    def _on_clicked(self, event: MouseClickEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            row = self.row_at(event.scenePos())
            if row >= 0:
                self.clicked.emit(row)

    @Slot(object, bool)
    def _on_dragged(self, point: QPointF, first: bool) -> None:
        if first:
            self._path = [point]
            return
        if self._box.mode == RECTANGLE:
            start = self._path[0]
            corners = [start, QPointF(point.x(), start.y()), point, QPointF(start.x(), point.y())]
            self._path = corners
        else:
            self._path.append(point)
        outline = [*self._path, self._path[0]]
        self._line.setData([p.x() for p in outline], [p.y() for p in outline])

    @Slot()
    def _on_released(self) -> None:
        polygon = np.array([(p.x(), p.y()) for p in self._path])
        self._path = []
        self._line.setData([], [])
        if len(polygon) >= 3:
            rows = np.flatnonzero(self._shown)
            self.choose(rows[inside(self.xy[rows], polygon)])

    def choose(self, rows: npt.NDArray[np.int64]) -> None:
        self.select(rows)
        self.chosen.emit(rows)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_view()
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.export_requested.emit(event.globalPos())
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self.go_to(-1)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        steps = {Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            factor = 1.25 if key == Qt.Key.Key_Minus else 0.8
            self._box.scaleBy((factor, factor))
        elif key == Qt.Key.Key_0:
            self.reset_view()
        elif key in steps and len(self.xy):
            self.go_to(self._neighbour(*steps[key]))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current >= 0:
            self.clicked.emit(self.current)
        elif key == Qt.Key.Key_Escape and len(self._selected):
            self.choose(np.empty(0, np.int64))
        else:
            super().keyPressEvent(event)

    def _neighbour(self, right: int, up: int) -> int:
        """The nearest point that lies in a direction; from nowhere: the one nearest to the middle."""
        rows = np.flatnonzero(self._shown)
        if self.current < 0:
            middle = self.xy[rows].mean(0)
            return int(rows[((self.xy[rows] - middle) ** 2).sum(1).argmin()])
        offset = self.xy[rows] - self.xy[self.current]
        along = offset[:, 0] * right + offset[:, 1] * up
        across = np.abs(offset[:, 0] * up) + np.abs(offset[:, 1] * right)
        cost = np.where((along > 1e-9) & (across <= along), along + across, np.inf)
        best = int(cost.argmin())
        return int(rows[best]) if np.isfinite(cost[best]) else self.current
