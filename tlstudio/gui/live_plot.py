"""The plots of a run while it works. Events only fill buffers; a timer draws, and only what changed and is seen."""

import time
from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from tlstudio.api.events import EpochDone, JobStarted, PhaseStarted, Resumed, StepDone
from tlstudio.gui.plots.chart import Chart
from tlstudio.gui.plots.chips import Chip, PillChoice
from tlstudio.gui.plots.curves import PhaseMark, RunCurves, is_share, lower_is_better, metric_title
from tlstudio.gui.plots.export import ask_and_export
from tlstudio.gui.plots.series import SMOOTHING
from tlstudio.gui.widgets.kit import Card, pill_button

REDRAW_MS = 20  # one of the two charts each time, so that no single wait is long: each comes to 25 Hz
_TRAIN, _VAL = 0, 1


class LivePlot(QWidget):
    """Loss on the left, a metric of choice on the right.

    ``titles`` maps a metric's id to its title (from the registry). ``said`` carries sentences for the status line.
    """

    said = Signal(str)

    def __init__(self, titles: Mapping[str, str] | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles = dict(titles or {})
        self.curves = RunCurves()
        self._dirty = False
        self._metric_due = False
        self.redraws = 0
        self.slowest_redraw = 0.0  # seconds
        self._marked_phases: list[PhaseMark] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._on_tick)
        self.loss_chart = Chart("Loss", self)
        self.metric_chart = Chart("Validation metric", self)
        for chart in (self.loss_chart, self.metric_chart):
            chart.export_requested.connect(self._on_export_requested)
        self._lay_out()
        self.loss_chart.add_line("raw", "train, raw", _TRAIN, opacity=0.35, width=1.0, hover=False)
        self.loss_chart.add_line("smooth", "train", _TRAIN, width=2.5, spiky=False)
        self.loss_chart.add_line("val", "validation", _VAL, dash=Qt.PenStyle.DashLine, symbol="s")
        self.metric_chart.add_line("metric", "validation", _VAL, symbol="s")
        self.set_curves(self.curves)

    def _lay_out(self) -> None:
        self.show_train = Chip("train", colour=_TRAIN)
        self.show_val = Chip("validation", colour=_VAL, dash=Qt.PenStyle.DashLine)
        self.smoothing = PillChoice("Smoothing of the training loss")
        self.smoothing.setToolTip("How much of the past the line keeps. The raw line stays faint behind it.")
        self.smoothing.set_choices([(f"smooth {s:g}" if s else "raw", s) for s in SMOOTHING], 0.9)
        self.log = pill_button("log", checkable=True)
        self.log.setToolTip("Draws the loss on a logarithmic scale.")
        for chip in (self.show_train, self.show_val):
            chip.setChecked(True)
            chip.toggled.connect(self._on_view_changed)
        self.log.toggled.connect(self.loss_chart.set_log)
        self.smoothing.chosen.connect(self._on_view_changed)
        self.chosen_metric = PillChoice("Metric that is drawn")
        self.chosen_metric.chosen.connect(self._on_metric_chosen)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(14)
        loss_card, self._metric_card = Card("Loss"), Card("Validation accuracy")
        for control in (self.show_train, self.show_val, self.smoothing, self.log):
            loss_card.header.addWidget(control)
        loss_card.body.addWidget(self.loss_chart)
        self._metric_card.header.addWidget(self.chosen_metric)
        self._metric_card.body.addWidget(self.metric_chart)
        self._split.addWidget(loss_card)
        self._split.addWidget(self._metric_card)
        self._split.setSizes([10_000, 10_000])
        self.metric_chart.marks.height = 0.07
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split)

    # --- events --------------------------------------------------------------------------------------------

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Takes any event of a run. Appends; never draws."""
        match event:
            case StepDone() | EpochDone() | PhaseStarted() | Resumed() | JobStarted():
                self._dirty = self.curves.add(event) or self._dirty

    def set_curves(self, curves: RunCurves) -> None:
        """Shows another run, or the history of this one."""
        self.curves = curves
        self._marked_phases = None
        self.chosen_metric.set_choices([])
        self.loss_chart.reset_view()
        self.metric_chart.reset_view()
        self._dirty = True
        if self.isVisible():
            self.draw()

    # --- drawing -------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._dirty = True
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    @Slot()
    def _on_tick(self) -> None:
        if not self.isVisible():
            return
        began = time.perf_counter()
        if self._metric_due:
            self._metric_due = False
            self._draw_metric()
        elif self._dirty:
            self._dirty, self._metric_due = False, True
            self._draw_loss()
        self.slowest_redraw = max(self.slowest_redraw, time.perf_counter() - began)

    def draw(self) -> None:
        """Brings both charts up to date now."""
        self._dirty = self._metric_due = False
        self._draw_loss()
        self._draw_metric()

    def _x_end(self) -> float:
        return max(self.curves.expected_epochs, self.curves.epoch)

    def _draw_loss(self) -> None:
        self.redraws += 1
        curves = self.curves
        if self._marked_phases != curves.phases:
            self._marked_phases = list(curves.phases)
            marks = [(phase.epoch, phase.title) for phase in curves.phases if phase.epoch > 0]
            self.loss_chart.set_phase_marks(marks)
            self.metric_chart.set_phase_marks(marks)
        share = float(str(self.smoothing.value))
        train, val = curves.train, curves.val_loss
        self.loss_chart.set_points("raw", train.x, train.y)
        self.loss_chart.set_points("smooth", train.x, train.smoothed(share))
        self.loss_chart.set_points("val", val.x, val.y)
        self.loss_chart.set_limits(None, self._x_end())
        self.loss_chart.redraw()

    def _draw_metric(self) -> None:
        names = self.curves.metric_names()
        if self.chosen_metric.values() != names:
            kept = self.chosen_metric.value
            short = [(self._title(name).removeprefix("Validation "), name) for name in names]
            self.chosen_metric.set_choices(short, kept if kept in names else None)
        name = str(self.chosen_metric.value or self.curves.select_by)
        self._metric_card.set_title(self._title(name))
        self.metric_chart.title = self._title(name)
        self.metric_chart.setAccessibleName(self._title(name))
        share = is_share(name)
        self.metric_chart.set_percent(share)
        series = self.curves.metric(name)
        self.metric_chart.set_points("metric", series.x, series.y)
        self.metric_chart.set_limits((0.0, 1.0) if share else None, self._x_end())
        best = self.curves.best(name)
        if best is not None:
            word = "lowest" if lower_is_better(name) else "best"
            text = f"{word} {self.metric_chart.format_value(best[1])} · epoch {best[0]:.0f}"
            self.metric_chart.set_best(best, text, _VAL)
        else:
            self.metric_chart.set_best(None, "", _VAL)
        self.metric_chart.redraw()

    def _title(self, name: str) -> str:
        title = self._titles.get(name.removeprefix("val_"))
        return f"Validation {title[:1].lower()}{title[1:]}" if title else metric_title(name)

    @Slot(object)
    def _on_view_changed(self, _value: object = None) -> None:
        self.loss_chart.set_visible("raw", self.show_train.isChecked())
        self.loss_chart.set_visible("smooth", self.show_train.isChecked())
        self.loss_chart.set_visible("val", self.show_val.isChecked())
        self.draw()

    @Slot(object)
    def _on_metric_chosen(self, _name: object) -> None:
        self.metric_chart.reset_view()
        self.draw()

    @Slot(object)
    def _on_export_requested(self, position: QPoint) -> None:
        chart: QObject | None = self.sender()
        if isinstance(chart, Chart):
            sentence = ask_and_export(chart, position)
            if sentence:
                self.said.emit(sentence)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dirty = True
