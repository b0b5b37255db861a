"""Dashed lines across a plot, each with a title where there is room for it."""

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

from tlstudio.gui import theme
from tlstudio.gui.plots.colours import PlotColours

_GAP = 6  # pixels between a title and the next line


class Marks:
    """``height`` of the titles, as a share of the plot."""

    def __init__(self, item: pg.PlotItem) -> None:
        self._item = item
        self.height = 0.93
        self.lines: list[pg.InfiniteLine] = []
        self._titles: list[str] = []

    def set(self, marks: list[tuple[float, str]]) -> None:
        """From left to right."""
        for line in self.lines:
            self._item.removeItem(line)
        self._titles = [title for _, title in marks]
        self.lines = [
            pg.InfiniteLine(
                position, 90, label=title, labelOpts={"position": self.height, "anchors": [(0, 0.5), (0, 0.5)]}
            )
            for position, title in marks
        ]
        for line in self.lines:
            self._item.addItem(line, ignoreBounds=True)

    def dress(self, colours: PlotColours) -> None:
        for line in self.lines:
            line.setPen(pg.mkPen(colours.muted, width=1, style=Qt.PenStyle.DashLine))
            line.label.setColor(colours.muted)
            line.label.setFont(theme.scaled_font(12))

    def fit(self) -> None:
        """A title is cut where the next line comes, and goes where nothing of it could be read."""
        view = self._item.getViewBox()
        (left, right), _ = view.viewRange()
        across = view.width() / max(right - left, 1e-9)
        metrics = QFontMetrics(theme.scaled_font(12))
        ends = [*(line.value() for line in self.lines[1:]), right][: len(self.lines)]
        for line, title, end in zip(self.lines, self._titles, ends, strict=True):
            room = int((min(end, right) - max(line.value(), left)) * across) - _GAP
            text = metrics.elidedText(title, Qt.TextElideMode.ElideRight, room)
            line.label.setFormat(text.replace("{", "{{").replace("}", "}}") if len(text) > 3 or text == title else "")
