"""Runs that combine the weights of others: the curve from the pretrained to the fine-tuned end with a slider along it,
and what a soup holds.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from tlstudio.api.errors import StudioError
from tlstudio.gui.pages.results_cards import shown
from tlstudio.gui.pages.results_data import RunResults
from tlstudio.gui.pages.results_views import ResultsView
from tlstudio.gui.pages.train_making import RunMaker
from tlstudio.gui.plots.chart import Chart
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, muted_label, primary_button
from tlstudio.project import Run

_CURVE, _SOUP = "weights_curve.json", "soup.json"
_BELOW = (62, 0, 21, 0)  # so that the slider's handle stands below the point
_ABOUT = (
    "At the left the pretrained network with its best linear head, at the right the fine-tuned run, between them their "
    "weights mixed. The right end is mostly best on data like those it learnt from; where later data differ, a point "
    "before it often is. Test figures are above, of the point that was kept."
)


@dataclasses.dataclass(frozen=True)
class WeightsReport:
    """What the run left: the two files as they are, empty where there is none; and how to make another like it."""

    curve: dict[str, Any]
    soup: dict[str, Any]
    request: dict[str, Any]


class WeightsView(ResultsView):
    view_id, title = "weights", "Weights"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._run_id = 0
        self._report = WeightsReport({}, {}, {})
        self._maker = RunMaker(session, self)
        self.curve, self.soup = Card("Along the way"), Card("The soup")
        self.chart = Chart("Metric over the share of the fine-tuned weights")
        self.chart.x_name = "share of the fine-tuned weights"
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Share of the fine-tuned weights")
        self.slider.setPageStep(1)
        self.point = QLabel()
        self.point.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.make = primary_button("Make a run of this point")
        row = QHBoxLayout()
        row.addWidget(self.point, 1)
        row.addWidget(self.make)
        below = QHBoxLayout()
        below.setContentsMargins(*_BELOW)
        below.addWidget(self.slider)
        self.curve.body.addWidget(muted_label(_ABOUT))
        self.curve.body.addWidget(self.chart, 1)
        for layout in (below, row):
            self.curve.body.addLayout(layout)
        self.members = QLabel()
        self.members.setWordWrap(True)
        self.members.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.soup.body.addWidget(self.members)
        self.soup.body.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        for card in (self.curve, self.soup):
            whole.addWidget(card, 1)
        self.slider.valueChanged.connect(self._on_moved)
        self.make.clicked.connect(self._on_make)
        self._maker.started.connect(self._on_started)
        self._maker.refused.connect(self._on_refused)
        self._show(self._report)

    def applies(self, run: Run) -> bool:
        folder = Path(run.dir)
        return (folder / _CURVE).is_file() or (folder / _SOUP).is_file()

    def show_run(self, run: Run, results: RunResults, split: str) -> None:
        if run.id != self._run_id:
            self._run_id = run.id
            folder = Path(run.dir)
            self.session.background.submit(lambda: (run.id, read_report(folder)), self._on_read)

    def _on_read(self, answer: tuple[int, WeightsReport]) -> None:
        run_id, report = answer
        if run_id == self._run_id:
            self._show(report)

    # --- showing -------------------------------------------------------------------------------------------

    def _show(self, report: WeightsReport) -> None:
        self._report = report
        self.curve.setVisible(bool(report.curve))
        self.soup.setVisible(bool(report.soup))
        if report.curve:
            self._show_curve(report.curve)
        if report.soup:
            self._show_soup(report.soup)

    def _show_curve(self, curve: dict[str, Any]) -> None:
        points, metric = curve["points"], curve["metric"]
        for key in list(self.chart.lines):
            self.chart.remove_line(key)
        alphas = np.array([point["alpha"] for point in points])
        for number, (key, name) in enumerate((("val", "validation"), ("shifted", str(curve["shifted"])))):
            values = np.array([point[key].get(metric, np.nan) for point in points])
            if np.isfinite(values).all():
                self.chart.add_line(key, name, number, symbol="o")
                self.chart.set_points(key, alphas, values)
        self.chart.set_percent(self._percent(metric))
        self.chart.set_limits(None, 1.0)
        chosen = int(np.abs(alphas - curve["alpha"]).argmin())
        if "val" in self.chart.lines:
            value = points[chosen]["val"][metric]
            self.chart.set_best((float(alphas[chosen]), value), f"kept: {shown(value, self._percent(metric))}", 0)
        self.chart.redraw()
        self.slider.setRange(0, len(points) - 1)
        self.slider.setValue(chosen)
        self._on_moved(chosen)

    def _show_soup(self, soup: dict[str, Any]) -> None:
        metric = soup["metric"]
        lines = []
        for row in soup["candidates"]:
            alone, together = (self._figure(row[key], metric) for key in ("val", "with"))
            lines.append(
                f"Run {row['run']}: alone {alone}, with those before it {together}"
                f"{'' if row['run'] in soup['runs'] else ' – left out'}"
            )
        single, uniform, greedy = (self._figure(soup[key], metric) for key in ("best_single", "uniform", "greedy"))
        names = ", ".join(map(str, soup["runs"]))
        lines.append(f"In the {soup['recipe']} soup: {names}.")
        lines.append(f"{self._title(metric)} on validation: best single {single}, uniform {uniform}, greedy {greedy}.")
        self.members.setText("\n".join(lines))

    @Slot(int)
    def _on_moved(self, place: int) -> None:
        curve = self._report.curve
        if not curve:
            return
        point, metric = curve["points"][place], curve["metric"]
        text = f"α = {point['alpha']:g} · {self._title(metric).lower()} on validation "
        text += self._figure(point["val"], metric)
        if point["shifted"]:
            text += f" · on {curve['shifted']} {self._figure(point['shifted'], metric)}"
        kept = point["alpha"] == curve["alpha"]
        self.point.setText(text + (" · this run" if kept else ""))
        self.slider.setAccessibleDescription(text)
        self.make.setEnabled(not kept and not self._maker.busy)
        self.chart.set_phase_marks([(point["alpha"], f"α = {point['alpha']:g}")])

    def _percent(self, metric: str) -> bool:
        return any(one.id == metric and one.percent for one in self.session.registry.metrics())

    def _title(self, metric: str) -> str:
        return next((one.title for one in self.session.registry.metrics() if one.id == metric), metric)

    def _figure(self, values: dict[str, float], metric: str) -> str:
        return shown(values[metric], self._percent(metric)) if metric in values else "–"

    # --- another run ---------------------------------------------------------------------------------------

    @Slot()
    def _on_make(self) -> None:
        request = dict(self._report.request)
        alpha = self._report.curve["points"][self.slider.value()]["alpha"]
        request["options"] = [{**request["options"], "alpha": alpha}]
        self.make.setEnabled(False)
        self._maker.train(request, beside=False)

    @Slot(int)
    def _on_started(self, run_id: int) -> None:
        alpha = self._report.curve["points"][self.slider.value()]["alpha"]
        self.session.say("ok", f"Run {run_id} keeps the point α = {alpha:g}.")
        self._on_moved(self.slider.value())

    @Slot(object)
    def _on_refused(self, error: StudioError) -> None:
        self.session.say("error", str(error))
        self._on_moved(self.slider.value())


def read_report(folder: Path) -> WeightsReport:
    """What a run's folder says; damaged files count as missing."""
    spec = _content(folder / "spec.json")
    source, seed = spec.get("source") or {}, int(spec.get("seed", 0))
    request = {
        "dataset": spec.get("dataset", ""),
        "backbone": spec.get("backbone", ""),
        "weights_id": spec.get("weights", ""),
        "method": spec.get("method", ""),
        "options": dict(spec.get("options", {})),
        "seeds": [seed],
        "source": source.get("dataset", ""),
        "runs": tuple(spec.get("runs", ())),
    }
    curve, soup = _content(folder / _CURVE), _content(folder / _SOUP)
    good = all(isinstance(p, dict) and {"alpha", "val", "shifted"} <= p.keys() for p in curve.get("points", []))
    whole = {"points", "metric", "alpha", "shifted"} <= curve.keys() and good and curve["points"]
    members = {"candidates", "runs", "metric", "recipe", "best_single", "uniform", "greedy"} <= soup.keys()
    return WeightsReport(curve if whole else {}, soup if members else {}, request)


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
