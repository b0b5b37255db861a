"""Curves of several runs in one plot."""

from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tlstudio.gui.plots.chart import Chart
from tlstudio.gui.plots.chips import Chip, PillChoice
from tlstudio.gui.plots.colours import dash_of, symbol_of
from tlstudio.gui.plots.curves import RunCurves, is_share, metric_title
from tlstudio.gui.plots.export import ask_and_export
from tlstudio.gui.plots.flow import Flow
from tlstudio.gui.plots.series import Series
from tlstudio.gui.widgets.kit import Card

_TRAIN = "train_loss"
_SMOOTH = 0.9


class OverlayPlot(Card):
    """One line for each run, told apart by colour, dash and symbol. ``said`` carries sentences."""

    said = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Curves", parent)
        self._runs: list[tuple[str, RunCurves]] = []
        self.what = PillChoice("What is compared")
        self.what.chosen.connect(self._on_view_changed)
        self.header.addWidget(self.what)
        self._legend = QWidget()
        self._flow = Flow(self._legend)
        self.chips: list[Chip] = []
        self.chart = Chart("Curves of the selected runs", self)
        self.chart.export_requested.connect(self._on_export_requested)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(self._legend)
        column.addWidget(self.chart, 1)
        self.body.addLayout(column)

    def set_runs(self, runs: list[tuple[str, RunCurves]]) -> None:
        """``runs`` are pairs of a label and the curves."""
        self._runs = runs
        names: list[object] = []
        for _, curves in runs:
            names += [name for name in curves.metric_names() if name not in names]
        if any(len(curves.steps) for _, curves in runs):
            names.append(_TRAIN)
        shown: list[tuple[str, object]] = [(metric_title(str(name)), name) for name in names]
        self.what.set_choices(shown, self.what.value)
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.deleteLater()
        self.chips = []
        for key in list(self.chart.lines):
            self.chart.remove_line(key)
        for place, (label, _) in enumerate(runs):
            dash, symbol = dash_of(place), symbol_of(place)
            self.chart.add_line(str(place), label, place, dash=dash, symbol=symbol)
            chip = Chip(label, colour=place, dash=dash)
            chip.setChecked(True)
            chip.toggled.connect(self._on_view_changed)
            self._flow.addWidget(chip)
            self.chips.append(chip)
        self.chart.reset_view()
        self._on_view_changed()

    @Slot(object)
    def _on_view_changed(self, _value: object = None) -> None:
        name = str(self.what.value or "")
        longest = 1.0
        self.chart.set_percent(is_share(name))
        for place, (_, curves) in enumerate(self._runs):
            series: Series = curves.steps if name == _TRAIN and len(curves.steps) else curves.metric(name)
            smooth = _SMOOTH if series is curves.steps else 0.0
            self.chart.set_points(str(place), series.x, series.smoothed(smooth))
            self.chart.set_visible(str(place), self.chips[place].isChecked())
            longest = max(longest, curves.epoch)
        self.chart.set_limits((0.0, 1.0) if is_share(name) else None, longest)
        self.chart.title = metric_title(name) if name else "Curves"
        self.chart.redraw()

    @Slot(object)
    def _on_export_requested(self, position: QPoint) -> None:
        sentence = ask_and_export(self.chart, position)
        if sentence:
            self.said.emit(sentence)
