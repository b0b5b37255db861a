"""What a finder measured: losses over learning rates, or samples a second over batch sizes, both on a logarithm."""

import math
from typing import Any

import numpy as np
from PySide6.QtWidgets import QWidget

from tlstudio.gui.plots.chart import Chart
from tlstudio.gui.plots.ranges import extent

_HIGHEST = 4.0  # times the best smoothed loss, up to which the curve is drawn


class FinderChart(Chart):
    """``show_rate`` and ``show_batch`` take the results of the jobs ``find-rate`` and ``find-batch``."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What was found", parent)
        self._ends = (0.0, 1.0)
        self._bottom.setLogMode(True, False)
        self.add_line("raw", "", 0, width=1.0, opacity=0.35)
        self.add_line("found", "", 0, width=2.0)

    def show_rate(self, result: dict[str, Any]) -> None:
        self.x_name = "log10 of the rate"
        self.lines["raw"].label, self.lines["found"].label = "loss", "smoothed"
        x, smooth = np.log10(np.asarray(result["rates"], float)), np.asarray(result["smoothed"], float)
        self.set_points("raw", x, np.asarray(result["losses"], float))
        self.set_points("found", x, smooth)
        bounds = None
        if smooth.size:
            highest = max(float(smooth[0]), min(_HIGHEST * float(smooth.min()), max(result["losses"])))
            bounds = (0.0, 1.05 * highest)
        self._show(x, bounds, result, smooth)

    def show_batch(self, result: dict[str, Any]) -> None:
        self.x_name = "log10 of the batch size"
        self.lines["raw"].label, self.lines["found"].label = "", "samples a second"
        x, speed = np.log10(np.asarray(result["sizes"], float)), np.asarray(result["samples_per_second"], float)
        self.set_points("raw", np.empty(0), np.empty(0))
        self.set_points("found", x, speed)
        self._show(x, (0.0, 1.1 * float(speed.max())) if speed.size else None, result, speed)

    def _show(self, x: Any, bounds: tuple[float, float] | None, result: dict[str, Any], y: Any) -> None:
        self._ends = (float(x[0]), float(x[-1])) if len(x) > 1 else (0.0, 1.0)
        self.set_limits(bounds, 1.0)
        suggestion = result["suggestion"]
        if suggestion is None or not len(x):
            self.set_best(None, "", 0)
        else:
            at = math.log10(suggestion)
            self.set_best(
                (at, float(np.interp(at, x, y))), f"{suggestion:.2g}" if suggestion < 1 else str(suggestion), 1
            )
        self.reset_view()

    def _fit(self) -> None:
        low, high = self._bounds or extent(self._shown(), log=False)
        left, right = self._ends
        margin = 0.02 * (right - left)
        self.getPlotItem().getViewBox().setRange(
            xRange=(left - margin, right + margin), yRange=(low, high), padding=0, disableAutoRange=True
        )
