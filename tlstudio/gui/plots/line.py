"""A curve of a chart, and how its values are written."""

import dataclasses

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from tlstudio.gui.plots.series import FloatArray


@dataclasses.dataclass
class Line:
    """A curve of a :class:`Chart`. ``hover``: whether reading values names it; ``spiky``: keep every peak."""

    label: str
    colour: int
    item: pg.PlotDataItem
    opacity: float = 1.0
    width: float = 2.0
    dash: Qt.PenStyle = Qt.PenStyle.SolidLine
    symbol: str | None = None
    spiky: bool = True
    hover: bool = True
    x: FloatArray = dataclasses.field(default_factory=lambda: np.empty(0))
    y: FloatArray = dataclasses.field(default_factory=lambda: np.empty(0))


def plain(value: float) -> str:
    return f"{value:.4g}"


def percent_text(value: float) -> str:
    return f"{value * 100:.1f} %"
