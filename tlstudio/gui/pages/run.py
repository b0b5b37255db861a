"""One run: live while it works, from its files afterwards."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QWidget

from tlstudio.api.events import Answered, Event, Failed, Finished
from tlstudio.gui.live_plot import LivePlot
from tlstudio.gui.pages import run_reading, run_words
from tlstudio.gui.pages.run_commands import RunCommands
from tlstudio.gui.pages.run_controls import RunControls
from tlstudio.gui.pages.run_holding import HoldingCard
from tlstudio.gui.pages.run_log import RunLog
from tlstudio.gui.pages.run_progress import RunProgress
from tlstudio.gui.pages.run_pseudo import ReviewCard
from tlstudio.gui.pages.run_reason import WhatHappened
from tlstudio.gui.pages.run_story import RunStory
from tlstudio.gui.pages.runs_table import RunsTable
from tlstudio.gui.plots.curves import RunCurves
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, EmptyState, Page, PageHeader
from tlstudio.project import Run

_REFRESH_MS = 100
_LOW, _NARROW = 760, 900  # the page's height and width
_SMALL = ("", "run", "method", "backbone", "val", "time", "state")


class RunPage(Page):
    page_id = "run"
    title = "Run"
    help_text = (
        "The run as it happens. The faint line is the loss of each step, the strong one is smoothed; squares are "
        "the validation after each epoch. Pause keeps the model in memory, so that it can be asked meanwhile; Park "
        "writes everything down and frees the machine; Stop keeps the best model so far. All three can be resumed. "
        "In the plots the wheel zooms, a double click resets, and a right click exports."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.run_id = 0
        self.story = RunStory()
        self._ticket, self._loaded, self._dirty = 0, True, False
        self._told: run_reading.Told | None = None
        self.titles = {metric.id: metric.title for metric in session.registry.metrics()}
        self.header = PageHeader("Run", "")
        self.controls = RunControls()
        self.pill = self.controls.pill
        self.header.add_action(self.controls)
        self.commands = RunCommands(session, self)
        self.happened = WhatHappened(session)
        self.progress = RunProgress()
        self.holding = HoldingCard()
        self.review = ReviewCard(session)
        self.plot = LivePlot(self.titles)
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

    def _lay_out(self) -> None:
        for widget in (self.header, self.empty, self.happened, self.progress, self.holding, self.review):
            self.layout_.addWidget(widget, int(widget in (self.empty, self.review)))
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
        session.active.followed.connect(self._on_followed)
        self.plot.said.connect(session.set_status)
        self.others.opened.connect(session.select_run)
        self.controls.chosen.connect(self._on_chosen)
        self.commands.refused.connect(self._on_refused)
        self.happened.insisted.connect(self._on_insisted)
        self.happened.folded.connect(self._arrange)
        self.holding.asked.connect(self._on_asked)
        self.review.looked.connect(self.commands.resume)
        self.review.shown.connect(self._on_runs_changed)
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
        self.run_id, self.story = run_id, RunStory()
        self.log.follow(self.story.entries)
        self.plot.set_curves(RunCurves())
        self.happened.clear()
        self.holding.reset()
        self._show_row()
        self._read()

    def _read(self) -> None:
        self._ticket += 1
        project, run_id, ticket = self.session.project, self.run_id, self._ticket
        if not run_id or project is None:
            return
        self._loaded, self._told = False, None
        folder, count = project.path / "runs" / str(run_id), self.session.active.history.count(run_id)
        self.session.background.submit(
            lambda: run_reading.read(folder, run_id, ticket, count), self._on_loaded, self._on_load_failed
        )

    def _on_loaded(self, told: run_reading.Told) -> None:
        if told.ticket != self._ticket:
            return
        told.add(self.session.active.history.since(told.run_id, told.count))
        self._loaded, self._told = True, told
        self.story = told.story
        self.plot.set_curves(told.curves)
        self.log.follow(self.story.entries)
        self._dirty = True
        self._on_tick()

    def _on_load_failed(self, sentence: str) -> None:
        self._loaded = True
        self.happened.refuse(f"What run {self.run_id} said could not be read: {sentence}", insist=False)

    @Slot(int)
    def _on_followed(self, run_id: int) -> None:
        """From now on its events come here; what it said before that may be more than was read."""
        if run_id == self.run_id:
            self._read()

    @Slot(int, object)
    def _on_run_event(self, run_id: int, event: Event) -> None:
        if run_id == self.run_id and self._loaded and not (self._told and self._told.has(event)):
            self.story.add(event)
            self.plot.on_event(event)
            if isinstance(event, Answered):
                self.holding.take(event, self.titles)
            self._dirty = True

    # --- what is shown -------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.controls.set_compact(self.width() < _NARROW)
        self._arrange()

    @Slot()
    def _arrange(self) -> None:
        """In a low window the lists make room for what unfolds."""
        self._below.setVisible(self.height() > _LOW or not (self.holding.answered or self.happened.unfolded))

    @Slot()
    def _on_tick(self) -> None:
        if not self._dirty:
            self.progress.show_saved(self.story)  # time goes by
            return
        self._dirty = False
        self.progress.show_story(self.story)
        self.log.refresh()
        self._show_row()

    @Slot()
    def _on_runs_changed(self) -> None:
        if self.isVisible():
            self._show_row()

    def _show_row(self) -> None:
        """Title, state and buttons, from the project's row, the run's own words and the session's queue."""
        run = self.session.run(self.run_id) if self.run_id else None
        self.progress.setVisible(run is not None)
        self.controls.setVisible(run is not None)
        self.review.show_run(run.id if run is not None and self.state(run) == "parked" else 0)
        self.body.setVisible(run is not None and self.review.isHidden())
        self.empty.setVisible(run is None)
        if run is None:
            self.header.set_title("Run")
            self.holding.hide()
            self.happened.hide()
            return
        active, state, narrow = self.session.active, self.state(run), self.width() < _NARROW
        self.header.set_title(*run_words.header(self.session.registry, run, short=narrow))
        self.controls.show_state(
            state,
            reachable=self.run_id in active.running_ids,
            in_queue=self.run_id in active.waiting,
            results=bool(run.metrics),
            reviewing=self.review.waits,
        )
        holds = state == "holding"
        if holds != self.holding.isVisible():
            self.holding.reset()
            self.holding.setVisible(holds)
        if holds:
            self.holding.show_step(self.story.step)
        ended = self.story.ended if isinstance(self.story.ended, Failed) else None
        reason = "" if self.review.waits else self._reason(run, state)
        self.happened.show_state(state, reason, Path(run.dir), ended)
        self._arrange()
        self.others.set_dataset(run.dataset)
        self.others.mark(self.run_id)
        self.command_line = self.commands.line(run, state)

    def state(self, run: Run) -> str:
        """What was asked of it, then its own words, then the project's row, which follows a moment later."""
        told = self.session.active.told(run.id)
        if told:
            return told
        ended, alive = self.story.ended, run.state in run_words.ALIVE
        if run.id not in self.session.active.running_ids and not alive:
            return run.state
        if ended is None:
            return self.story.state or (run.state if alive else "running")
        return "failed" if isinstance(ended, Failed) else ended.status

    def _reason(self, run: Run, state: str) -> str:
        ended = self.story.ended
        if state == "waiting":
            return self.story.activity
        if state == "parked" and isinstance(ended, Finished) and ended.status == "parked":
            return str(ended.result.get("reason", "")) or run.reason
        if state == "failed" and isinstance(ended, Failed):
            return ended.sentence
        return run.reason

    # --- buttons -------------------------------------------------------------------------------------------

    @Slot(str)
    def _on_chosen(self, command: str) -> None:
        self.happened.clear()
        if not (command == "resume" and self.review.accept()):
            self.commands.obey(self.run_id, command)
        self._show_row()

    @Slot(int, str, bool)
    def _on_refused(self, run_id: int, sentence: str, insist: bool) -> None:
        if run_id == self.run_id:
            self.happened.refuse(sentence, insist=insist)

    @Slot()
    def _on_insisted(self) -> None:
        self.happened.clear()
        self.commands.insist(self.run_id)

    @Slot(str, dict)
    def _on_asked(self, command: str, arguments: dict[str, Any]) -> None:
        self.session.active.send(self.run_id, command, **arguments)
        self._arrange()

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")

    @Slot(int)
    def _on_selected(self, run_id: int) -> None:
        if self.isVisible() and run_id != self.run_id:
            self.open_run(run_id)

    @Slot()
    def _on_project_changed(self) -> None:
        self.open_run(0)
