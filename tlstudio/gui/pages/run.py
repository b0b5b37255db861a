"""One run: live while it works, from its files afterwards."""

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSplitter, QWidget

from tlstudio.api.events import Event, Failed
from tlstudio.gui.live_plot import LivePlot
from tlstudio.gui.pages import run_words
from tlstudio.gui.pages.run_log import RunLog, tail
from tlstudio.gui.pages.run_progress import RunProgress
from tlstudio.gui.pages.run_story import RunStory
from tlstudio.gui.pages.runs_table import RunsTable
from tlstudio.gui.plots.curves import RunCurves, read_events, select_by
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import (
    Banner,
    Card,
    EmptyState,
    Page,
    PageHeader,
    Pill,
    button,
    primary_button,
)

_REFRESH_MS = 100
_SMALL = ("", "method", "backbone", "val", "time", "state")


class RunPage(Page):
    page_id = "run"
    title = "Run"
    help_text = (
        "The run as it happens. The faint line is the loss of each step, the strong one is smoothed; squares are "
        "the validation after each epoch. Stop keeps the best model so far. In the plots the wheel zooms, a double "
        "click resets, and a right click exports."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.run_id = 0
        self.story = RunStory()
        self._loading = 0
        self._loaded = True
        self._dirty = False
        titles = {metric.id: metric.title for metric in session.registry.metrics()}
        self.header = PageHeader("Run", "")
        self.pill = Pill("", "neutral")
        self.stop = button("Stop and keep best", "stop")
        self.results = primary_button("See results", "results")
        for widget in (self.pill, self.stop, self.results):
            self.header.add_action(widget)
        self.failure = Banner("error")
        self.show_log = button("Show log")
        self.show_trace = button("Show traceback")
        self.details = QPlainTextEdit()
        self.details.setObjectName("mono")
        self.details.setReadOnly(True)
        self.details.setFixedHeight(150)
        self.details.setAccessibleName("Log or traceback of the run")
        self.progress = RunProgress()
        self.plot = LivePlot(titles)
        self.log = RunLog()
        self.others = RunsTable(session, _SMALL)
        self.empty = EmptyState(
            "run", "No run is open", "Start one on the Train page, or open one from the list of runs.", "Go to Train"
        )
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._on_tick)
        self._connect()
        self._show_failure("")

    def _lay_out(self) -> None:
        self.layout_.addWidget(self.header)
        self.layout_.addWidget(self.empty, 1)
        self._failed = QWidget()
        row = QHBoxLayout(self._failed)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.failure, 1)
        row.addWidget(self.show_log)
        row.addWidget(self.show_trace)
        self.layout_.addWidget(self._failed)
        self.layout_.addWidget(self.details)
        self.layout_.addWidget(self.progress)
        runs, happens = Card("Runs on this data"), Card("What happens")
        runs.body.addWidget(self.others)
        happens.body.addWidget(self.log)
        self._below = below = QSplitter(Qt.Orientation.Horizontal)
        below.setChildrenCollapsible(False)
        below.setHandleWidth(14)
        below.addWidget(runs)
        below.addWidget(happens)
        below.setSizes([10_500, 10_000])
        self.body = QSplitter(Qt.Orientation.Vertical)
        self.body.setChildrenCollapsible(False)
        self.body.setHandleWidth(14)
        self.plot.setMinimumHeight(190)
        below.setMinimumHeight(130)
        self.body.addWidget(self.plot)
        self.body.addWidget(below)
        self.body.setSizes([3000, 2200])
        self.layout_.addWidget(self.body, 1)

    def _connect(self) -> None:
        session = self.session
        session.run_event.connect(self._on_run_event)
        session.runs_changed.connect(self._on_runs_changed)
        session.queue_changed.connect(self._on_runs_changed)
        session.selected_run_changed.connect(self._on_selected)
        session.project_changed.connect(self._on_project_changed)
        self.plot.said.connect(session.set_status)
        self.others.opened.connect(session.select_run)
        self.stop.clicked.connect(self._on_stop)
        self.results.clicked.connect(self._on_results)
        self.show_log.clicked.connect(self._on_show_log)
        self.show_trace.clicked.connect(self._on_show_trace)
        self.empty.triggered.connect(self._on_train)

    # --- which run -----------------------------------------------------------------------------------------

    def shown(self) -> None:
        if not self.session.selected_run and self.session.runs:
            self.session.select_run(self.session.active.running or self.session.runs[-1].id)
        if self.run_id != self.session.selected_run:
            self.open_run(self.session.selected_run)
        self._show_row()

    def open_run(self, run_id: int) -> None:
        """Shows a run: what it has said so far is read off this thread, what it says from now on follows."""
        self.run_id = run_id
        self._loading += 1
        self.story = RunStory()
        self.log.follow(self.story.entries)
        self.plot.set_curves(RunCurves())
        self._show_failure("")
        self._show_row()
        project = self.session.project
        if not run_id or project is None:
            return
        ticket, said = self._loading, list(self.session.events(run_id))
        folder = project.path / "runs" / str(run_id)
        self._loaded = False

        def load() -> tuple[int, int, RunStory, RunCurves]:
            chosen = f"val_{select_by(folder)}"
            story, curves = RunStory(chosen), RunCurves(chosen)
            story.add_all(said or read_events(folder / "events.jsonl"), curves)
            return ticket, len(said), story, curves

        self.session.background.submit(load, self._on_loaded, self._on_load_failed)

    def _on_loaded(self, answer: tuple[int, int, RunStory, RunCurves]) -> None:
        ticket, count, story, curves = answer
        if ticket != self._loading:
            return
        story.add_all(self.session.events(self.run_id)[count:], curves)
        self._loaded = True
        self.story = story
        self.plot.set_curves(curves)
        self.log.follow(story.entries)
        self._dirty = True
        self._on_tick()

    def _on_load_failed(self, sentence: str) -> None:
        self._loaded = True
        self._show_failure(f"What run {self.run_id} said could not be read: {sentence}")

    @Slot(int, object)
    def _on_run_event(self, run_id: int, event: Event) -> None:
        if run_id == self.run_id and self._loaded:
            self.story.add(event)
            self.plot.on_event(event)
            self._dirty = True

    # --- what is shown -------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    @Slot()
    def _on_tick(self) -> None:
        if not self._dirty:
            return
        self._dirty = False
        self.progress.show_story(self.story)
        self.log.refresh()
        if isinstance(self.story.ended, Failed):
            self._show_failure(self.story.ended.sentence)
        self._show_row()

    @Slot()
    def _on_runs_changed(self) -> None:
        if self.isVisible():
            self._show_row()

    def _show_row(self) -> None:
        """Title, state and buttons, from the project's row and the session's queue."""
        run = self.session.run(self.run_id) if self.run_id else None
        for widget in (self.progress, self.body, self.pill):
            widget.setVisible(run is not None)
        self.empty.setVisible(run is None)
        if run is None:
            self.header.set_title("Run")
            self.stop.hide()
            self.results.hide()
            return
        self.header.set_title(run_words.title(self.session.registry, run), run_words.subtitle(run))
        state = self._state(run.state)
        self.pill.set(run_words.WORDS.get(state, state), run_words.TONES.get(state, "neutral"))
        mine = self.run_id == self.session.active.running or self.run_id in self.session.active.waiting
        self.stop.setVisible(mine)
        self.stop.setEnabled(state != "stopping")
        self.stop.setText("Take from the queue" if state == "queued" else "Stop and keep best")
        self.results.setVisible(not mine and state in ("finished", "stopped") and bool(run.metrics))
        if state == "failed" and run.reason and self.story.ended is None:
            self._show_failure(run.reason)
        self.others.set_dataset(run.dataset)
        self.others.mark(self.run_id)
        project = self.session.project
        self.command_line = f"tlstudio runs {project.path}" if project else ""

    def _state(self, stored: str) -> str:
        """The worker's own word counts before the database's, which follows a moment later."""
        if isinstance(self.story.ended, Failed):
            return "failed"
        if self.story.ended is not None:
            return self.story.ended.status
        return "stopping" if self.story.stopping else stored

    def _show_failure(self, sentence: str) -> None:
        self.failure.set(sentence, "error")
        self._failed.setVisible(bool(sentence))
        trace = self.story.ended.traceback if isinstance(self.story.ended, Failed) else ""
        self.show_trace.setEnabled(bool(trace))
        self.show_trace.setToolTip("" if trace else "This failure has no traceback: the worker ended without one.")
        if not sentence:
            self.details.hide()
            self._below.show()

    # --- buttons -------------------------------------------------------------------------------------------

    @Slot()
    def _on_stop(self) -> None:
        self.stop.setEnabled(False)
        self.pill.set("stopping", "warning")
        self.session.stop_run(self.run_id)

    @Slot()
    def _on_results(self) -> None:
        self.session.select_run(self.run_id)
        self.session.show_page("results")

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")

    @Slot()
    def _on_show_log(self) -> None:
        run = self.session.run(self.run_id)
        if run is not None:
            path = Path(run.dir) / "log.txt"
            self.session.background.submit(lambda: tail(path), self._show_details)

    @Slot()
    def _on_show_trace(self) -> None:
        if isinstance(self.story.ended, Failed):
            self._show_details(self.story.ended.traceback)

    def _show_details(self, text: str) -> None:
        same = self.details.isVisible() and self.details.toPlainText() == text
        self.details.setPlainText(text)
        self.details.setVisible(not same)
        self._below.setVisible(same or self.height() > 760)

    @Slot(int)
    def _on_selected(self, run_id: int) -> None:
        if self.isVisible() and run_id != self.run_id:
            self.open_run(run_id)

    @Slot()
    def _on_project_changed(self) -> None:
        self.open_run(0)
