"""How a run's model stands attacks and corruptions: measured on demand, then drawn."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from tlstudio.gui.pages.results_data import RunResults
from tlstudio.gui.pages.results_views import ResultsView
from tlstudio.gui.plots.chart import Chart
from tlstudio.gui.plots.colours import PlotColours, dash_of
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.controls import button, muted_label
from tlstudio.gui.widgets.corruption_grid import CorruptionGrid
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.surfaces import Card, EmptyState
from tlstudio.project import Run

_FILE = "robustness.json"
_TOGETHER = "together"
_TITLES = {
    "fgsm": "One step (FGSM)",
    "pgd": "Many steps (PGD)",
    "apgd": "Adaptive steps (APGD)",
    "apgd-dlr": "Adaptive steps, ratio of logits (APGD-DLR)",
    _TOGETHER: "All of them",
}
_AMOUNTS = ((50, "50 pictures"), (100, "100 pictures"), (300, "300 pictures"), (0, "All pictures"))
_STEPS = ((20, "20 steps"), (100, "100 steps, thorough"))
_WHAT = (
    "Attacks move every pixel by at most ε so that the model errs; corruptions are what cameras and compression do. "
    "Attacks take many passes of the network for each picture."
)


class RobustnessView(ResultsView):
    view_id, title = "robustness", "Robustness"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._run: Run | None = None
        self._split = "test"
        self.measured: dict[str, Any] = {}
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(14)
        self.what = muted_label(_WHAT)
        self.amount, self.steps = _choices("Pictures", _AMOUNTS, 1), _choices("Steps of an attack", _STEPS, 0)
        self.measure = button("Measure")
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.what, 1)
        for widget in (self.amount, self.steps, self.measure):
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        whole.addLayout(row)
        self.empty = EmptyState(
            "results",
            "Nothing measured yet",
            "How many pictures does this model still recognise when somebody wants it to err, or when a picture is "
            "noisy, blurred, dark or badly compressed?",
        )
        self.job = JobPanel("Measuring robustness")
        self.job.hide()
        whole.addWidget(self.job)
        self.shown = QScrollArea()
        self.shown.setWidgetResizable(True)
        self.shown.setFrameShape(QScrollArea.Shape.NoFrame)
        self.shown.setWidget(self._figures())
        whole.addWidget(self.shown, 1)
        whole.addWidget(self.empty, 1)
        self.measure.clicked.connect(self.begin)
        self.job.finished.connect(self._on_measured)
        for ended in (self.job.stopped, self.job.failed):
            ended.connect(self._on_ended)

    def _figures(self) -> QWidget:
        inside = QWidget()
        inside.setObjectName("page")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        self.said = Card("What it comes to")
        self.sentences = QLabel()
        self.sentences.setWordWrap(True)
        self.sentences.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.said.body.addWidget(self.sentences)
        column.addWidget(self.said)
        pair = QHBoxLayout()
        pair.setSpacing(14)
        self.attacked, self.corrupted = Card("Accuracy under attack"), Card("Accuracy on corrupted pictures")
        self.chart = Chart("Accuracy over the strength of attacks")
        self.chart.set_percent(True)
        self.chart.x_name = "ε, of 255"
        self.chart.setFixedHeight(236)
        self.legend = muted_label("")
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.attacked.body.addWidget(self.chart)
        self.attacked.body.addWidget(self.legend)
        self.grid = CorruptionGrid()
        self.corrupted.body.addWidget(self.grid, 1)
        pair.addWidget(self.attacked, 1)
        pair.addWidget(self.corrupted, 1)
        column.addLayout(pair)
        column.addStretch(1)
        return inside

    # ---- from outside

    def applies(self, run: Run) -> bool:
        data = self.session.dataset(run.dataset)
        return bool(run.model) and data is not None and (data.task, data.modality) == ("classification", "image")

    def show_run(self, run: Run, results: RunResults, split: str) -> None:
        self._run, self._split = run, split
        if not self.job.busy:
            self.job.hide()
        folder = Path(run.dir)
        self.session.background.submit(lambda: (run.id, _read(folder)), self._on_read)

    def command(self) -> str:
        project, run = self.session.project, self._run
        if project is None or run is None:
            return ""
        words = ["tlstudio", "robustness", str(project.path), str(run.id), "--split", self._split]
        words += ["--samples", str(self.amount.currentData()), "--steps", str(self.steps.currentData())]
        return shlex.join(words)

    @Slot()
    def begin(self) -> None:
        project, run = self.session.project, self._run
        if project is None or run is None or self.job.busy:
            return
        self.measure.setEnabled(False)
        self.job.begin(f"Measuring the robustness of run {run.id}")
        arguments = {
            "project": str(project.path), "run": run.id, "split": self._split,
            "samples": self.amount.currentData(), "steps": self.steps.currentData(),
        }  # fmt: skip
        self.job.follow(self.session.start_job("robustness", arguments, self.job.on_event))

    # ---- inside

    def _on_read(self, answer: tuple[int, dict[str, Any]]) -> None:
        number, measured = answer
        if self._run is not None and self._run.id == number:
            self._show(measured)

    def _show(self, measured: dict[str, Any]) -> None:
        self.measured = measured
        self.shown.setVisible(bool(measured))
        self.empty.setVisible(not measured)
        self.measure.setText("Measure again" if measured else "Measure")
        self.what.setText(_of(measured) if measured else _WHAT)
        if not measured:
            return
        failed = [check["sentence"] for check in measured["checks"] if not check["passed"]]
        passed = len(measured["checks"]) - len(failed)
        said = [*measured["sentences"], *failed[1:]]
        if measured["checks"]:
            said.append(f"{passed} of {len(measured['checks'])} checks for hidden gradients passed.")
        self.sentences.setText("\n".join(said))
        self.attacked.setVisible(bool(measured["attacks"]))
        self.corrupted.setVisible(bool(measured["corruptions"]))
        for key in list(self.chart.lines):
            self.chart.remove_line(key)
        for colour, (name, rows) in enumerate(_curves(measured).items()):
            self.chart.add_line(name, _TITLES[name], colour, symbol="o", dash=dash_of(colour))
            eps = np.array([0.0, *(row["eps"] for row in rows)])
            share = np.array([measured["clean"]["accuracy"], *(row["accuracy"] for row in rows)])
            self.chart.set_points(name, eps, share)
        ends = [row["eps"] for rows in measured["attacks"].values() for row in rows]
        self.chart.set_limits((0.0, 1.0), max(ends, default=1.0))
        self.chart.redraw()
        self._write_legend()
        self.grid.show_rows(measured["clean"]["accuracy"], measured["corruptions"])

    def _write_legend(self) -> None:
        colours = PlotColours.current()
        names = []
        for place, name in enumerate(_curves(self.measured)):
            dot = f'<span style="color:{colours.of_series(place).name()}">●</span>'
            names.append("&nbsp;".join([dot, *_TITLES[name].split()]))  # no line ends within a name
        note = "Across: how far each pixel may be moved, ε of 255. At 0 the pictures are as they are."
        self.legend.setText(f"{'&nbsp;&nbsp; '.join(names)}<br>{note}")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "measured"):
            self._write_legend()

    @Slot(dict)
    def _on_measured(self, result: dict[str, Any]) -> None:
        self.job.hide()
        self.measure.setEnabled(True)
        if self._run is not None and result.get("run") == self._run.id:
            self._show(result)

    @Slot()
    def _on_ended(self, _sentence: str = "") -> None:
        self.measure.setEnabled(True)


def _choices(name: str, choices: tuple[tuple[int, str], ...], chosen: int) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    for value, words in choices:
        box.addItem(words, value)
    box.setCurrentIndex(chosen)
    return box


def _curves(measured: dict[str, Any]) -> dict[str, list[dict[str, float]]]:
    """Over ε, of each attack and of all of them together, in the order of their titles."""
    known = {**measured.get("attacks", {}), _TOGETHER: measured.get(_TOGETHER, [])}
    return {name: known[name] for name in _TITLES if known.get(name)}


def _of(measured: dict[str, Any]) -> str:
    split = {"val": "validation"}.get(measured["split"], measured["split"])
    return (
        f"Measured on {measured['n']} of {measured['of']} pictures of the {split} split, drawn by seed "
        f"{measured['seed']}; {measured['steps']} steps of each attack."
    )


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"clean", "attacks", "corruptions", "checks"} <= found.keys() else {}
