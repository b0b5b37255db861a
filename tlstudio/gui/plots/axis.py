"""An axis with short labels, faint lines across the plot, and percent where the values are shares."""

import math
import re

import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QFont

from tlstudio.gui.plots.colours import PlotColours

_PIXELS_PER_LABEL = {"left": 44, "bottom": 90}
WIDTH, MOST_CHARACTERS = 58, 7  # of an axis at the left, which drops labels that are wider
_WHOLE = (1.0, 2.0, 5.0, 10.0)  # epochs and steps have no halves


class ValueAxis(pg.AxisItem):
    """``percent``: values 0..1 are written 0..100, the topmost with its sign."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation, pen=pg.mkPen(None))
        self.percent = False
        self.enableAutoSIPrefix(False)
        self.setStyle(tickLength=0, autoReduceTextSpace=False, autoExpandTextSpace=False, maxTextLevel=0)
        self.setStyle(hideOverlappingLabels=False)
        if orientation == "bottom":
            self.setStyle(tickTextOffset=8)

    def dress(self, colours: PlotColours, font: QFont) -> None:
        self.setTickFont(font)
        self.setTextPen(colours.muted)
        self.setTickPen(pg.mkPen(QColor(colours.line), width=1))
        self.setGrid(255 if self.orientation == "left" else False)

    def boundingRect(self) -> QRectF:
        """With lines across the plot the base class leaves no room for labels at the very ends."""
        rect: QRectF = super().boundingRect()
        return rect.adjusted(0, -10, 0, 10) if self.orientation == "left" else rect

    def tickValues(
        self,
        minVal: float,
        maxVal: float,
        size: float,
    ) -> list[tuple[float, list[float]]]:
        """One level of marks, at most one for each stretch that a label needs."""
        low, high = min(minVal, maxVal), max(minVal, maxVal)
        if not math.isfinite(high - low) or high <= low:
            return []
        count = max(2.0, size / _PIXELS_PER_LABEL[self.orientation])
        if self.logMode:
            return [(1.0, _log_marks(low, high, count))]
        spacing = round_up((high - low) / count)
        if self.orientation == "bottom" and spacing > 1:
            spacing = round_up(math.ceil(spacing), _WHOLE)
        first, last = math.ceil(low / spacing - 1e-9), math.floor(high / spacing + 1e-9)
        return [(spacing, [index * spacing for index in range(first, last + 1)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.logMode:
            return [f"{10.0**value:.3g}" for value in values]
        if self.percent:
            texts = [f"{value * 100:.3g}" for value in values]
            return [*texts[:-1], f"{texts[-1]} %"] if texts else texts
        places = max(0, -math.floor(math.log10(spacing) + 1e-9)) if spacing < 1 else 0
        texts = [f"{value:.{places + (spacing * 10**places % 1 > 1e-6)}f}" for value in values]
        if max(map(len, texts), default=0) <= MOST_CHARACTERS:
            return texts
        return [re.sub(r"e([+-])0*", lambda found: f"e{found[1].strip('+')}", f"{value:.3g}") for value in values]


def round_up(value: float, steps: tuple[float, ...] = (1.0, 2.0, 2.5, 5.0, 10.0)) -> float:
    """The next of ``steps`` times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))


def _log_marks(low: float, high: float, count: float) -> list[float]:
    for steps in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        marks = [
            decade + math.log10(step)
            for decade in range(math.floor(low), math.ceil(high) + 1)
            for step in steps
            if low <= decade + math.log10(step) <= high
        ]
        if len(marks) <= max(count, 3):
            break
    return marks[:: max(1, math.ceil(len(marks) / max(count, 3)))]
