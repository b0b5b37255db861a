"""How good a run is, and what it gets wrong."""

from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QSplitter, QWidget

from tlstudio.gui.pages.results_cards import MetricCards
from tlstudio.gui.pages.results_classes import ClassTable
from tlstudio.gui.pages.results_data import SPLIT_TITLES, RunResults, Shot, read_results, read_shots
from tlstudio.gui.pages.results_matrix import ConfusionMatrix
from tlstudio.gui.pages.results_pictures import PictureStrip
from tlstudio.gui.pages.run_chooser import RunChooser, with_results
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import (
    Banner,
    Card,
    EmptyState,
    Page,
    PageHeader,
    muted_label,
    pill_button,
    primary_button,
)

_HINT = "Choose a cell of the matrix, or a class, to see its pictures."


class ResultsPage(Page):
    page_id = "results"
    title = "Results"
    help_text = (
        "The figures of a run on pictures that it did not learn from. The range below each figure is where it lies "
        "with a probability of 95 %: few pictures, wide range. In the confusion matrix a row is the truth and a "
        "column the prediction; a click, or the arrow keys, shows the pictures of a cell."
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
            made = pill_button(SPLIT_TITLES[name], checkable=True)
            made.setProperty("split", name)
            self._splits.addButton(made)
            self.split_buttons[name] = made
            self.header.add_action(made)
        self.header.add_action(self.runs)
        self.header.add_action(self.export)
        self.problem = Banner("error")
        self.empty = EmptyState(
            "results", "No results yet", "When a run has finished, its figures stand here.", "Go to Train"
        )
        titles = {m.id: (m.title, m.description) for m in session.registry.metrics()}
        self.cards = MetricCards(titles)
        self.matrix = ConfusionMatrix()
        self.as_share = pill_button("share", checkable=True)
        self.as_share.setToolTip("Shares of each true class instead of counts")
        self.classes = ClassTable()
        self.pictures = PictureStrip()
        self.hint = muted_label(_HINT)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        confusion, per_class = Card("Confusion"), Card("Classes")
        for card in (confusion, per_class):
            card.header.addStrut(28)
        confusion.header.addWidget(self.as_share)
        confusion.body.addWidget(self.matrix, 1)
        per_class.body.addWidget(self.classes, 1)
        self.gallery = Card("Pictures")
        self.gallery.body.addWidget(self.hint)
        self.gallery.body.addWidget(self.pictures, 1)
        self.gallery.body.addStretch(0)
        self.pictures.hide()
        middle = QSplitter(Qt.Orientation.Horizontal)
        middle.setChildrenCollapsible(False)
        middle.setHandleWidth(14)
        middle.addWidget(confusion)
        middle.addWidget(per_class)
        middle.setSizes([6000, 5400])
        self.body = QSplitter(Qt.Orientation.Vertical)
        self.body.setChildrenCollapsible(False)
        self.body.setHandleWidth(14)
        self.body.addWidget(middle)
        self.body.addWidget(self.gallery)
        self.body.setSizes([3800, 2200])
        self.gallery.setMinimumHeight(120)
        for widget in (self.header, self.problem):
            self.layout_.addWidget(widget)
        self.layout_.addWidget(self.empty, 1)
        self.layout_.addWidget(self.cards)
        self.layout_.addWidget(self.body, 1)

    def _connect(self) -> None:
        self.runs.run_chosen.connect(self._on_run_chosen)
        self._splits.buttonClicked.connect(self._on_split_clicked)
        self.as_share.toggled.connect(self.matrix.set_as_share)
        self.matrix.cell_chosen.connect(self._on_cell_chosen)
        self.classes.class_chosen.connect(self._on_class_chosen)
        self.export.clicked.connect(self._on_export)
        self.empty.triggered.connect(self._on_train)

    def shown(self) -> None:
        self.runs.refresh()

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

    def _on_failed(self, sentence: str) -> None:
        self.problem.set(sentence, "error")

    # --- showing -------------------------------------------------------------------------------------------

    def _show_results(self) -> None:
        results = self._results
        self.empty.setVisible(not self.runs.run_id)
        for widget in (self.cards, self.body, *self.split_buttons.values()):
            widget.setVisible(results is not None)
        self.runs.setVisible(self.runs.count() > 0)
        run = self.runs.run
        self.export.setVisible(run is not None and bool(run.model))
        self._show_shots(None, "")
        if results is None:
            self.header.set_title("Results")
            return
        for name, made in self.split_buttons.items():
            made.setVisible(name in results.splits)
            made.setChecked(name == self._split)
        split = results.splits.get(self._split)
        if split is None:
            return
        looked = ", looked at once" if split.name == "test" else ", which chose the model"
        pictures = "picture" if split.n == 1 else "pictures"
        self.header.set_title(
            f"Results · run {results.run_id}",
            f"{SPLIT_TITLES.get(split.name, split.name)} split, {split.n} {pictures}{looked} · 95 % intervals",
        )
        self.cards.show_split(split)
        self.matrix.current = (-1, -1)
        self.matrix.show_counts(results.class_names, split.confusion)
        self.classes.set_rows(split.classes)
        project = self.session.project
        if project is not None:
            self.command_line = f"tlstudio evaluate {project.path} {results.run_id} --split {self._split}"

    def _show_shots(self, shots: list[Shot] | None, title: str) -> None:
        self.pictures.setVisible(bool(shots))
        self.hint.setVisible(not shots)
        self.hint.setText(_HINT if shots is None else "No picture lies in this cell.")
        self.gallery.set_title(title or "Pictures")
        self.pictures.set_shots(shots or [])

    # --- choices -------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_split_clicked(self, clicked: QWidget) -> None:
        self._split = str(clicked.property("split"))
        self._ticket += 1
        self._show_results()

    @Slot(int)
    def _on_class_chosen(self, position: int) -> None:
        if self._results is not None:
            names = self._results.class_names
            row = self._results.splits[self._split].classes[position]
            if row.name in names:
                index = names.index(row.name)
                self.matrix.choose(index, index)

    @Slot(int, int)
    def _on_cell_chosen(self, truth: int, predicted: int) -> None:
        project, results = self.session.project, self._results
        if project is None or results is None:
            return
        self._ticket += 1
        ticket, split, title = self._ticket, self._split, self.matrix.describe(truth, predicted)
        self.gallery.set_title(title)
        if not results.splits[split].confusion[truth, predicted]:
            self._show_shots([], title)
            return

        def read() -> tuple[int, str, list[Shot]]:
            return ticket, title, read_shots(project, results.run_id, split, truth, predicted)

        self.session.background.submit(read, self._on_shots, self._on_failed)

    def _on_shots(self, answer: tuple[int, str, list[Shot]]) -> None:
        ticket, title, shots = answer
        if ticket == self._ticket:
            self._show_shots(shots, title)

    @Slot()
    def _on_export(self) -> None:
        self.session.select_run(self.runs.run_id)
        self.session.show_page("export")

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")
