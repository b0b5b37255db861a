"""How good a run is, and what it gets wrong."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QStackedWidget, QWidget

from tlstudio.api.errors import StudioError
from tlstudio.gui.pages.results_body import ResultsBody
from tlstudio.gui.pages.results_cards import MetricCards
from tlstudio.gui.pages.results_data import SPLIT_TITLES, RunResults, read_results
from tlstudio.gui.pages.results_items import SplitItems, read_items
from tlstudio.gui.pages.results_several import SeveralViews
from tlstudio.gui.pages.results_views import made
from tlstudio.gui.pages.run_chooser import RunChooser, with_results
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Banner, ElidedLabel, EmptyState, Page, PageHeader, pill_button, primary_button
from tlstudio.gui.widgets.segments import Segments

_PREDICTIONS = ("predictions", "Predictions")
_NARROW, _LOW = 900, 860


class ResultsPage(Page):
    page_id = "results"
    title = "Results"
    help_text = (
        "The figures of a run on items that it did not learn from. The range below each figure is where it lies "
        "with a probability of 95 %: few items, wide range. The baseline is what a model reaches that looks at "
        "nothing. In the confusion matrix a row is the truth and a column the prediction; a click, or the arrow keys, "
        "shows the items of a cell. Bars, points and rows of the table open their items likewise. “Several views” "
        "scores the split once more, with the mean over several looks at each sample; its figures stand below."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._results: RunResults | None = None
        self._split = "test"
        self._ticket = 0
        self.header = PageHeader("Results", "")
        self.header.title.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.runs = RunChooser(session, with_results)
        self.export = primary_button("Export…", "export")
        self._splits = QButtonGroup(self)
        self.split_buttons = {}
        for name in ("test", "val"):
            pill = pill_button(SPLIT_TITLES[name], checkable=True)
            pill.setProperty("split", name)
            self._splits.addButton(pill)
            self.split_buttons[name] = pill
            self.header.add_action(pill)
        self.header.add_action(self.runs)
        self.header.add_action(self.export)
        self.problem = Banner("error")
        self.empty = EmptyState(
            "results", "No results yet", "When a run has finished, its figures stand here.", "Go to Train"
        )
        self.cards = MetricCards(session.registry.metrics())
        self.baseline = ElidedLabel()
        self.baseline.cut = Qt.TextElideMode.ElideRight
        self.baseline.setObjectName("small")
        self.body = ResultsBody(session)
        self.views = {view.view_id: view for view in made(session)}
        self.several = SeveralViews(session)
        self.segments = Segments("What is shown of the results", [_PREDICTIONS])
        self.stack = QStackedWidget()
        for view in (self.body, *self.views.values()):
            self.stack.addWidget(view)
        between = QHBoxLayout()
        between.addWidget(self.baseline, 1)
        between.addWidget(self.several)
        between.addWidget(self.segments)
        for widget in (self.header, self.problem):
            self.layout_.addWidget(widget)
        self.layout_.addWidget(self.empty, 1)
        self.layout_.addWidget(self.cards)
        self.layout_.addLayout(between)
        self.layout_.addWidget(self.several.panel)
        self.layout_.addWidget(self.stack, 1)
        self.runs.run_chosen.connect(self._on_run_chosen)
        self._splits.buttonClicked.connect(self._on_split_clicked)
        self.segments.picked.connect(self._show_view)
        self.several.done.connect(self._on_several)
        self.several.busy.connect(self._on_busy)
        self.export.clicked.connect(self._on_export)
        self.empty.triggered.connect(self._on_train)

    def shown(self) -> None:
        self.runs.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.header.subtitle.setVisible(self.width() >= _NARROW)

    # --- reading -------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_run_chosen(self, run_id: int) -> None:
        self._ticket += 1
        self._results = None
        self.problem.set("")
        self._show_results()
        project, run = self.session.project, self.session.run(run_id)
        if project is None or run is None:
            return
        self.command_line = f"tlstudio evaluate {project.path} {run_id} --split {self._split}"
        ticket, folder = self._ticket, Path(run.dir)
        self.session.background.submit(
            lambda: (ticket, read_results(run_id, folder)), self._on_results, self._on_failed
        )

    def _on_results(self, answer: tuple[int, RunResults]) -> None:
        ticket, results = answer
        if ticket == self._ticket:
            self._results = results
            if self._split not in results.splits:
                self._split = next(iter(results.splits), "test")
            self._show_results()

    @Slot(bool)
    def _on_busy(self, busy: bool) -> None:
        """In a low window the items make room for the progress."""
        self.body.gallery.setVisible(not busy or self.height() > _LOW)

    @Slot(int)
    def _on_several(self, run_id: int) -> None:
        """Its figures are there; what is chosen below stays."""
        run = self.runs.run
        if run is not None and run.id == run_id:
            ticket, folder = self._ticket, Path(run.dir)
            self.session.background.submit(
                lambda: (ticket, read_results(run_id, folder)), self._on_several_read, self._on_failed
            )

    def _on_several_read(self, answer: tuple[int, RunResults]) -> None:
        ticket, results = answer
        if ticket == self._ticket:
            self._results = results
            self._show_cards()

    def _read_items(self) -> None:
        project, results, registry = self.session.project, self._results, self.session.registry
        if project is None or results is None:
            return
        ticket, split, run_id = self._ticket, self._split, results.run_id

        def read() -> tuple[int, SplitItems]:
            return ticket, read_items(project, registry, run_id, split)

        self.session.background.submit(read, self._on_items, self._on_failed)

    def _on_items(self, answer: tuple[int, SplitItems]) -> None:
        ticket, items = answer
        if ticket == self._ticket:
            self.body.show_items(items)

    def _on_failed(self, sentence: str) -> None:
        self.problem.set(sentence, "error")

    # --- showing -------------------------------------------------------------------------------------------

    def _show_results(self) -> None:
        results, run = self._results, self.runs.run
        self.empty.setVisible(not self.runs.run_id)
        for widget in (self.cards, self.baseline, self.stack, self.several, *self.split_buttons.values()):
            widget.setVisible(results is not None)
        self.runs.setVisible(self.runs.count() > 0)
        self.export.setVisible(run is not None and bool(run.model))
        others = [view for view in self.views.values() if results is not None and run is not None and view.applies(run)]
        self.segments.set_choices([_PREDICTIONS, *((view.view_id, view.title) for view in others)])
        self.segments.setVisible(bool(others))
        if results is None:
            self.header.set_title("Results")
            self.several.panel.hide()
            return
        for name, pill in self.split_buttons.items():
            pill.setVisible(name in results.splits)
            pill.setChecked(name == self._split)
        split = results.splits.get(self._split)
        if split is None:
            return
        looked = ", looked at once" if split.name == "test" else ", which chose the model"
        one, many = self._noun()
        self.header.set_title(
            f"Results · run {results.run_id}",
            f"{SPLIT_TITLES.get(split.name, split.name)} split, {split.n} {one if split.n == 1 else many}{looked}",
        )
        self._show_cards()
        named = f"Baseline: {split.baseline_name}. " if split.baseline_name else ""
        self.baseline.setText(f"{named}Ranges: 95 % intervals.")
        project = self.session.project
        model = str(project.path / run.model) if project is not None and run is not None and run.model else ""
        self.body.show_split(results, split, model, (one, many))
        self._read_items()
        self._show_view(self.segments.value if self.segments.value in {view.view_id for view in others} else "")

    def _show_cards(self) -> None:
        results, run = self._results, self.runs.run
        if results is None or run is None:
            return
        views = results.with_views.get(self._split)
        self.cards.show_split(results.splits.get(self._split), views)
        self.several.show_run(run, self._split, views[0] if views else 0)
        self._command()

    def _command(self) -> None:
        view, project, run_id = self.views.get(self.segments.value), self.session.project, self.runs.run_id
        plain = f"tlstudio evaluate {project.path} {run_id} --split {self._split}" if project is not None else ""
        self.command_line = (view.command() if view else self.several.command()) or plain

    @Slot(str)
    def _show_view(self, name: str) -> None:
        view, run = self.views.get(name), self.runs.run
        self.segments.set_value(name if view else _PREDICTIONS[0])
        self.stack.setCurrentWidget(view or self.body)
        if view is not None and run is not None and self._results is not None:
            view.show_run(run, self._results, self._split)
        self.several.setVisible(self._results is not None and view is None)
        self._command()

    def _noun(self) -> tuple[str, str]:
        """What one and several samples of the run are called."""
        run = self.runs.run
        dataset: Any = self.session.dataset(run.dataset) if run is not None else None
        try:
            return self.session.registry.modality(dataset.modality).noun if dataset else ("item", "items")
        except StudioError:
            return "item", "items"

    # --- choices -------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_split_clicked(self, clicked: QWidget) -> None:
        self._split = str(clicked.property("split"))
        self._ticket += 1
        self._show_results()

    @Slot()
    def _on_export(self) -> None:
        self.session.select_run(self.runs.run_id)
        self.session.show_page("export")

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")
