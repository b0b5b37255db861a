"""Compare: methods side by side in one table that fills while they are trained, and what to take."""

from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from tlstudio.api.errors import StudioError
from tlstudio.api.events import Event, Failed, Finished
from tlstudio.comparing import report, sentences
from tlstudio.comparing.table import Table, build
from tlstudio.gui.pages.compare_choices import Comparison, comparisons
from tlstudio.gui.pages.compare_table import CompareTable
from tlstudio.gui.pages.compare_verdict import VerdictCard
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.elided_combo import ElidedCombo
from tlstudio.gui.widgets.kit import (
    Banner,
    Card,
    EmptyState,
    Page,
    PageHeader,
    button,
    link_button,
    primary_button,
    scrolled,
    small_label,
)

_ALIVE = ("running", "holding", "stopping")


class ComparePage(Page):
    page_id = "compare"
    title = "Compare"
    help_text = (
        "Methods that were trained on the same data, split and seeds, side by side. ± is the standard deviation over "
        "the seeds; the interval and the test against the best are over the choice of the test items. “worse” stands "
        "where a difference is too large for chance. What to take: the cheapest that is not significantly worse than "
        "the best. Enter or a double click opens a run."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._ticket, self._measuring = 0, False
        self._shown: tuple[tuple[int, str, float | None], ...] = ()
        self._measured: set[int] = set()
        self._asked: tuple[int, ...] = ()
        self._wanted: tuple[int, ...] = ()
        self.table_: Table | None = None
        self.chooser = ElidedCombo()
        self.chooser.setAccessibleName("Comparison")
        self.chooser.setMinimumWidth(200)
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.header = PageHeader("Compare", "")
        self.header.title.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.all_runs = link_button("All runs")
        self.open_run, self.export = button("Open run", "run"), primary_button("Export…", "export")
        for widget in (self.all_runs, self.chooser, self.open_run, self.export):
            self.header.add_action(widget)
        self.layout_.addWidget(self.header)
        self.empty = EmptyState(
            "columns",
            "No comparison yet",
            "Train several methods side by side on the same split and seeds, and see which one to take, and why.",
            "Go to Train",
        )
        self.layout_.addWidget(self.empty, 1)
        self.problem = Banner("error")
        self.layout_.addWidget(self.problem)
        self.verdict = VerdictCard()
        self.by, self.sentence, self.why = self.verdict.by, self.verdict.sentence, self.verdict.why
        self.layout_.addWidget(self.verdict)
        self.table = CompareTable()
        self.card = Card()
        self.card.body.addWidget(self.table)
        self.layout_.addWidget(self.card, 3)
        self.notes = small_label()
        self.rest, inside = scrolled()
        inside.addWidget(self.notes)
        inside.addStretch(1)
        self.rest.setMaximumHeight(110)
        self.layout_.addWidget(self.rest, 1)
        self._connect()

    def _connect(self) -> None:
        session = self.session
        session.runs_changed.connect(self._on_runs_changed)
        session.project_changed.connect(self._on_project_changed)
        session.queue_changed.connect(self._measure)
        self.chooser.activated.connect(self._on_chosen)
        self.by.activated.connect(self._say)
        self.empty.triggered.connect(self._on_train)
        self.all_runs.clicked.connect(self._on_all_runs)
        self.open_run.clicked.connect(self._on_open)
        self.export.clicked.connect(self._on_export)
        self.table.opened.connect(self._open)
        self.table.chosen.connect(self._on_selected)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() > 900
        self.chooser.setMaximumWidth(420 if wide else 310)
        self.header.subtitle.setVisible(wide)  # the chooser says it

    # --- what is compared ----------------------------------------------------------------------------------

    def shown(self) -> None:
        if self.session.pending_comparison:
            self._asked, self.session.pending_comparison = self.session.pending_comparison, ()
            self._wanted = self._asked  # until these runs have been read
        self._shown = ()
        self._on_runs_changed()

    @property
    def run_ids(self) -> tuple[int, ...]:
        return tuple(self.chooser.currentData() or ())

    @Slot()
    def _on_project_changed(self) -> None:
        self._asked, self._wanted, self._shown, self.table_ = (), (), (), None
        self._measuring = False
        self._measured.clear()
        self._ticket += 1
        self.chooser.clear()

    def _fill_chooser(self) -> None:
        found: list[Comparison] = comparisons(self.session.runs, self.session.datasets, self._asked)
        kept = self.run_ids
        if self._wanted in [one.runs for one in found]:
            kept, self._wanted = self._wanted, ()
        self.chooser.blockSignals(True)
        self.chooser.clear()
        for one in found:
            self.chooser.addItem(one.title, one.runs)
        places = [place for place, one in enumerate(found) if set(one.runs) == set(kept)]
        self.chooser.setCurrentIndex(places[0] if places else 0 if found else -1)
        self.chooser.blockSignals(False)
        self.chooser.setToolTip(self.chooser.currentText())

    @Slot()
    def _on_runs_changed(self) -> None:
        if not self.isVisible():
            return
        self._fill_chooser()
        some = self.chooser.count() > 0
        self.empty.setVisible(not some)
        for widget in (self.chooser, self.verdict, self.card, self.rest, self.open_run, self.export):
            widget.setVisible(some)
        if some:
            self._build()

    @Slot(int)
    def _on_chosen(self, _place: int) -> None:
        self._shown = ()
        self.chooser.setToolTip(self.chooser.currentText())
        self._build()

    def _build(self) -> None:
        """In the background, where something has happened since."""
        session, ids = self.session, self.run_ids
        states = tuple((run.id, run.state, run.ended) for run in session.runs if run.id in ids)
        if session.project is None or not ids or states == self._shown:
            return
        self._shown = states
        self._ticket += 1
        project, registry, ticket = session.project, session.registry, self._ticket

        def look() -> "tuple[int, Table | StudioError]":
            try:
                return ticket, build(project, registry, ids)
            except StudioError as error:
                return ticket, error

        session.background.submit(look, self._on_built)

    def _on_built(self, answer: "tuple[int, Table | StudioError]") -> None:
        ticket, found = answer
        if ticket != self._ticket:
            return
        failed = isinstance(found, StudioError)
        self.problem.set(str(found) if failed else "", "error")
        self.table_ = None if isinstance(found, StudioError) else found
        self.table.show_table(self.table_, f"Test {self.table_.metric.word}" if self.table_ else "")
        self._say()
        self._measure()

    # --- what it comes to ----------------------------------------------------------------------------------

    @Slot()
    def _say(self, *_args: object) -> None:
        table = self.table_
        self.verdict.setVisible(table is not None)
        if table is None:
            self.notes.clear()
            return
        pick = sentences.pick(table, self.verdict.cost)
        self.verdict.say(pick)
        problems = [problem for row in table.rows for problem in row.problems]
        waiting = sum(row.waiting for row in table.rows)
        lines = [f"{waiting} runs are still to come; figures may change."] if waiting else []
        lines += [*problems, *table.refused.values(), *table.notes, report.measured_on(table)]
        self.notes.setText("\n".join(line for line in lines if line))
        runs = sum(len(row.runs) for row in table.rows)
        self.header.set_title("Compare", f"{table.dataset} · r{table.revision} · {runs} runs")
        self.export.setEnabled(pick.row is not None)
        self._on_selected()
        self._command()

    def _command(self) -> None:
        project = self.session.project
        if project is not None and self.run_ids:
            words = f" --by {self.verdict.cost}" if self.verdict.cost != "time" else ""
            self.command_line = f"tlstudio compare {project.path} {' '.join(map(str, self.run_ids))}{words}"

    @Slot()
    def _on_selected(self) -> None:
        self.open_run.setEnabled(self.table.current is not None)

    # --- what models cost --------------------------------------------------------------------------------------

    @Slot()
    def _measure(self) -> None:
        """Once nothing trains, so that nobody is disturbed and the figures are true."""
        session, table = self.session, self.table_
        if table is None or self._measuring or session.project is None or not self.isVisible():
            return
        active = session.active
        if active.busy or (active.waiting and not active.paused) or any(run.state in _ALIVE for run in session.runs):
            return
        wanted = []
        for row in table.rows:
            done = [run.id for run in row.runs if run.state == "finished" and run.model]
            if (row.cost is None or row.cost.busy) and done and done[0] not in self._measured:
                wanted.append(done[0])
        if not wanted:
            return
        self._measuring = True
        self._measured.update(wanted)
        arguments: dict[str, Any] = {"project": str(session.project.path), "runs": wanted}
        session.start_job("measure", arguments, self._on_measured)

    @Slot(object)
    def _on_measured(self, event: Event) -> None:
        if isinstance(event, Finished | Failed):
            self._measuring = False
            self._shown = ()
            if self.isVisible():
                self._build()

    # --- going elsewhere -----------------------------------------------------------------------------------

    @Slot(int)
    def _open(self, run_id: int, page: str = "run") -> None:
        self.session.select_run(run_id)
        self.session.show_page(page)

    @Slot()
    def _on_open(self) -> None:
        if self.table.current is not None:
            self._open(self.table.current.runs[0].id)

    @Slot()
    def _on_export(self) -> None:
        """The best seed, by validation, of what is selected, or else of what was picked."""
        row = self.table.current or (sentences.pick(self.table_, self.verdict.cost).row if self.table_ else None)
        done = [run for run in row.runs if run.model] if row else []
        if done and self.table_:
            sign = 1 if self.table_.metric.higher_is_better else -1
            self._open(max(done, key=lambda run: sign * (run.score("val") or 0.0)).id, "export")

    @Slot()
    def _on_all_runs(self) -> None:
        self.session.show_page("runs")

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")
