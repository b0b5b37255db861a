"""New splits for a data set that is there already."""

import shlex
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.data_job import DataJobView
from tlstudio.gui.pages.data_splits import SplitForm
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, muted_label, primary_button, small_label
from tlstudio.gui.widgets.split_bar import SplitBar

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Project

_NAMES = 500


class ResplitView(DataJobView):
    """By the job ``resplit``. ``split_anew`` when there is a new revision."""

    split_anew = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        now = Card("As it is split now")
        self.bar = SplitBar()
        self.note = small_label()
        now.body.addWidget(self.bar)
        now.body.addWidget(self.note)
        self.column.addWidget(now)
        card = Card("Split anew")
        self.splits = SplitForm(source=False)
        self.splits.changed.connect(self._update)
        card.body.addWidget(self.splits)
        self.sentence = muted_label()
        card.body.addWidget(self.sentence)
        self.go = primary_button("Split anew")
        self.go.clicked.connect(self.begin)
        row = QHBoxLayout()
        row.addWidget(small_label("A new revision: runs keep theirs, and you can go back."), 1)
        row.addWidget(self.go)
        card.body.addLayout(row)
        self.column.addWidget(card)
        self.add_job("Splitting", "Stopped; the splits are as they were.")

    # ---- from outside

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        super().show_dataset(dataset)
        self.bar.show_counts(dataset.split_counts)
        self.note.setText(dataset.split_note)
        project = self.session.project
        if self.is_another(dataset) and project is not None:
            name = dataset.name
            self.session.background.submit(lambda: (name, *_read_names(project, name)), self._on_names)
        self._update()

    def command(self) -> str:
        if self.dataset is None:
            return ""
        return shlex.join(["tlstudio", "data", "resplit", self.project_path, self.dataset.name, *self.splits.flags()])

    @Slot()
    def begin(self) -> None:
        if self.dataset is None or self.job.busy or self.splits.problem():
            return
        arguments = {"project": self.project_path, "dataset": self.dataset.name, **self.splits.arguments()}
        self.start("resplit", f"Splitting {self.dataset.name}", arguments)

    # ---- inside

    def _on_names(self, answer: tuple[str, list[str], list[str]]) -> None:
        name, names, columns = answer
        if self.dataset is not None and self.dataset.name == name:
            self.splits.show_names(names)
            self.splits.show_columns(columns)

    @Slot()
    def _update(self, *_changed: object) -> None:
        problem = self.splits.problem()
        self.go.setEnabled(not problem and not self.job.busy)
        self.go.setToolTip(problem)
        self.sentence.setText(problem or self.splits.sentence())
        self.sentence.setObjectName("error" if problem else "muted")
        self.sentence.style().unpolish(self.sentence)
        self.sentence.style().polish(self.sentence)
        self.command_changed.emit(self.command())

    def done(self, result: dict[str, Any]) -> None:
        moved = text.plural(int(result["changed"]), "item")
        warnings = " ".join(result.get("warnings", ())[:3])
        self.banner.set(
            f"{moved} moved, as revision {result['revision']}. {warnings}".strip(), "warning" if warnings else "ok"
        )
        self.session.refresh_datasets()
        self.split_anew.emit()


def _read_names(project: "Project", dataset: str) -> tuple[list[str], list[str]]:
    """Some paths, and the names of the columns that the first item has. In a thread."""
    from tlstudio.project import ItemFilter

    items = project.view(dataset, ItemFilter()).page(0, _NAMES)
    columns = [name for name, _ in project.meta(dataset, items[0].id)] if items else []
    return [item.path for item in items], columns
