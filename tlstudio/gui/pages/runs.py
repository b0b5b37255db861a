"""All runs of the project: to compare, and to open."""

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from tlstudio.gui.pages import run_words
from tlstudio.gui.pages.runs_differences import DifferencesTable
from tlstudio.gui.pages.runs_queue import QueueCard
from tlstudio.gui.pages.runs_table import RunsTable
from tlstudio.gui.plots.curves import RunCurves, read_curves
from tlstudio.gui.plots.overlay import OverlayPlot
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, EmptyState, Page, PageHeader, button, muted_label, primary_button
from tlstudio.project import Run

COLUMNS = ("run", "state", "method", "backbone", "data", "val", "test", "interval", "time", "seed")
MOST = 12
_LOW = 720  # the page's height


class RunsPage(Page):
    page_id = "runs"
    title = "Runs"
    help_text = (
        "Every run of this project. Select one or several (Ctrl or Shift) to see their curves in one plot, and what "
        "sets them apart. Enter or a double click opens a run; a click on a column's title sorts by it. What waits "
        "in the queue can be dragged, or moved with Alt and the arrow keys."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._curves: dict[tuple[int, float], RunCurves] = {}
        self._ticket, self._fresh = 0, True
        self._soon = QTimer(self)  # a selection of many rows comes as many signals
        self._soon.setSingleShot(True)
        self._soon.setInterval(20)
        self._soon.timeout.connect(self._read_curves)
        self.header = PageHeader("Runs", "")
        self.open_run = button("Open run", "run")
        self.results = button("Results", "results")
        self.export = button("Export…", "export")
        self.compare = button("Compare", "columns")
        self.compare.setToolTip("The selected runs, or the newest comparison, in one table with tests")
        self.train = primary_button("New run", "train")
        for widget in (self.open_run, self.results, self.compare, self.export, self.train):
            self.header.add_action(widget)
        self.layout_.addWidget(self.header)
        self.empty = EmptyState(
            "runs",
            "No runs yet",
            "A run keeps its settings, its curves and its model, to compare.",
            "Go to Train",
        )
        self.layout_.addWidget(self.empty, 1)
        self.queue = QueueCard(session)
        self.layout_.addWidget(self.queue)
        self.table = RunsTable(session, COLUMNS)
        top = Card()
        top.body.addWidget(self.table)
        self.overlay = OverlayPlot()
        self.apart = Card("What sets them apart")
        self.differences = DifferencesTable()
        self.note = muted_label()
        self.apart.body.addWidget(self.note)
        self.apart.body.addWidget(self.differences, 1)
        self.apart.body.addStretch(0)
        self.apart.header.addStrut(28)
        self._below = below = QSplitter(Qt.Orientation.Horizontal)
        below.setChildrenCollapsible(False)
        below.setHandleWidth(14)
        below.addWidget(self.overlay)
        below.addWidget(self.apart)
        below.setSizes([11_000, 8_000])
        below.setMinimumHeight(205)
        self.body = QSplitter(Qt.Orientation.Vertical)
        self.body.setChildrenCollapsible(False)
        self.body.setHandleWidth(14)
        self.body.addWidget(top)
        self.body.addWidget(below)
        self.body.setSizes([3000, 3000])
        self.layout_.addWidget(self.body, 1)
        self._connect()

    def _connect(self) -> None:
        self.session.runs_changed.connect(self._on_runs_changed)
        self.session.project_changed.connect(self._on_project_changed)
        self.table.opened.connect(self._open)
        self.queue.opened.connect(self._open)
        self.queue.folded.connect(self._arrange)
        self.table.selection_changed.connect(self._on_selection_changed)
        self.overlay.said.connect(self.session.set_status)
        self.open_run.clicked.connect(self._on_open)
        self.results.clicked.connect(self._on_results)
        self.export.clicked.connect(self._on_export)
        self.compare.clicked.connect(self._on_compare)
        self.train.clicked.connect(self._on_train)
        self.empty.triggered.connect(self._on_train)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.queue.suit(self.height() < _LOW)
        self._arrange()

    @Slot()
    def _arrange(self) -> None:
        """In a low window the curves make room for the queue while it is unfolded."""
        self._below.setVisible(self.height() >= _LOW or not self.queue.unfolded)

    def shown(self) -> None:
        self._on_runs_changed()
        self._begin()

    def _begin(self) -> None:
        """With something to look at."""
        if self.isVisible() and not self.table.selected() and self.session.runs:
            self._fresh = False
            self.table.select({self.session.selected_run or self.session.runs[-1].id})

    @Slot()
    def _on_runs_changed(self) -> None:
        runs = self.session.runs
        self.empty.setVisible(not runs)
        self.body.setVisible(bool(runs))
        for widget in (self.open_run, self.results, self.compare, self.export, self.train):
            widget.setVisible(bool(runs))
        self.header.set_title("Runs", f"{len(runs)} run{'s' if len(runs) != 1 else ''}" if runs else "")
        if self.isVisible():
            self._on_selection_changed()
        if self._fresh:
            self._begin()

    @Slot()
    def _on_project_changed(self) -> None:
        self._curves.clear()
        self._ticket += 1
        self._fresh = True
        self.overlay.set_runs([])

    @Slot()
    def _on_selection_changed(self) -> None:
        """Curves are read in the background, and only those of the selection that stays."""
        runs = self.table.selected()[:MOST]
        one = len(runs) == 1
        done = one and bool(runs[0].metrics)
        self.open_run.setEnabled(one)
        self.results.setEnabled(done)
        self.export.setEnabled(one and bool(runs[0].model))
        self._say_differences(runs)
        self._command(runs)
        self._ticket += 1
        self._soon.start()

    @Slot()
    def _read_curves(self) -> None:
        runs = self.table.selected()[:MOST]
        ticket, known = self._ticket, dict(self._curves)

        def load() -> tuple[int, list[Run], dict[tuple[int, float], RunCurves]]:
            fresh = {}
            for run in runs:
                key = _key(run)
                fresh[key] = known.get(key) or read_curves(Path(run.dir))
            return ticket, runs, fresh

        self.session.background.submit(load, self._on_curves)

    def _on_curves(self, answer: tuple[int, list[Run], dict[tuple[int, float], RunCurves]]) -> None:
        ticket, runs, fresh = answer
        if ticket != self._ticket:
            return
        self._curves = fresh
        labels = [f"run {run.id} · {run_words.method_title(self.session.registry, run.method)}" for run in runs]
        self.overlay.set_runs(list(zip(labels, fresh.values(), strict=True)))

    def _say_differences(self, runs: list[Run]) -> None:
        count = self.differences.show_runs(self.session.registry, runs) if len(runs) > 1 else 0
        self.differences.setVisible(count > 0)
        if len(runs) < 2:
            self.note.setText("Select several runs to compare their settings.")
        else:
            self.note.setText("" if count else "These runs have the same settings.")
        self.note.setVisible(bool(self.note.text()))

    def _command(self, runs: list[Run]) -> None:
        project = self.session.project
        if project is None:
            return
        ids = " ".join(str(run.id) for run in runs)
        name = f"compare {project.path} {ids}" if len(runs) > 1 else f"runs {project.path}"
        self.command_line = f"tlstudio {name}"

    # --- going elsewhere -----------------------------------------------------------------------------------

    @Slot(int)
    def _open(self, run_id: int, page: str = "run") -> None:
        self.session.select_run(run_id)
        self.session.show_page(page)

    def _go(self, page: str) -> None:
        runs = self.table.selected()
        if runs:
            self._open(runs[0].id, page)

    @Slot()
    def _on_open(self) -> None:
        self._go("run")

    @Slot()
    def _on_results(self) -> None:
        self._go("results")

    @Slot()
    def _on_export(self) -> None:
        self._go("export")

    @Slot()
    def _on_compare(self) -> None:
        selected = self.table.selected()
        if len(selected) > 1:
            self.session.pending_comparison = tuple(sorted(run.id for run in selected))
        self.session.show_page("compare")

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")


def _key(run: Run) -> tuple[int, float]:
    """A run, and the state of its events file: the same curves need not be read twice."""
    try:
        return run.id, (Path(run.dir) / "events.jsonl").stat().st_mtime
    except OSError:
        return run.id, 0.0
