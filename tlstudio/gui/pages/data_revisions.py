"""The history of a data set: what changed, when, and the way back."""

import shlex
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSplitter, QTableWidget, QTableWidgetItem, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.data_difference import DifferenceCard
from tlstudio.gui.pages.data_findings import moment
from tlstudio.gui.pages.data_view import DataView
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Banner, Card, button, small_label

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, RevisionDifference, RevisionInfo


class RevisionsView(DataView):
    """``restored`` when the data set has gone back: there is a new revision then."""

    restored = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.revisions: list[RevisionInfo] = []
        self._generation = 0
        self._undo_to = 0
        self.banner = Banner()
        self.banner.triggered.connect(self._on_undo)
        self.layout_.addWidget(self.banner)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(14)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self._list_card())
        self.difference = DifferenceCard()
        self.difference.asked.connect(self._on_items_asked)
        self.difference.opened.connect(self.item_asked)
        self.splitter.addWidget(self.difference)
        self.splitter.setSizes([560, 520])
        self.layout_.addWidget(self.splitter, 1)

    def _list_card(self) -> Card:
        card = Card("Revisions")
        self.back = button("Go back to this", "undo")
        self.back.clicked.connect(self._on_back)
        card.header.addWidget(self.back)
        self.table = QTableWidget(0, 4)
        self.table.setAccessibleName("Revisions, the newest first")
        self.table.setHorizontalHeaderLabels(["No.", "What was done", "Changed", "Runs"])
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(52)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for column, width in ((0, 44), (2, 80), (3, 60)):
            self.table.setColumnWidth(column, width)
        self.table.itemSelectionChanged.connect(self._on_selected)
        card.body.addWidget(self.table, 1)
        card.body.addWidget(
            small_label(
                "A revision never changes, and each run names its own. Going back makes a new one: nothing is lost."
            )
        )
        return card

    # ---- from outside

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        another = self.dataset is None or (self.dataset.id, self.dataset.name) != (dataset.id, dataset.name)
        super().show_dataset(dataset)
        if another:
            self.banner.set("")
        self._read()
        self.command_changed.emit(self.command())

    def command(self) -> str:
        if self.dataset is None:
            return ""
        chosen = self.chosen()
        if len(chosen) == 1 and chosen[0] != self.dataset.revision:
            parts = ["tlstudio", "data", "undo", self.project_path, self.dataset.name, "--to", str(chosen[0])]
            return shlex.join(parts)
        if len(chosen) > 1:
            ends = [str(chosen[0]), str(chosen[-1])]
            return shlex.join(["tlstudio", "data", "compare", self.project_path, self.dataset.name, *ends])
        return shlex.join(["tlstudio", "data", "revisions", self.project_path, self.dataset.name])

    def chosen(self) -> list[int]:
        """The revisions that are selected, the oldest first."""
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        return sorted(self.revisions[row].revision for row in rows if row < len(self.revisions))

    def choose(self, *revisions: int) -> None:
        self.table.clearSelection()
        mode = self.table.selectionMode()
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        for row, revision in enumerate(self.revisions):
            if revision.revision in revisions:
                self.table.selectRow(row)
        self.table.setSelectionMode(mode)

    # ---- the list

    def _read(self) -> None:
        project, dataset = self.session.project, self.dataset
        if project is None or dataset is None:
            return
        self._generation += 1
        generation, name = self._generation, dataset.name
        self.session.background.submit(lambda: (generation, project.revisions(name)), self._on_read)

    def _on_read(self, answer: "tuple[int, list[RevisionInfo]]") -> None:
        generation, revisions = answer
        if generation != self._generation:
            return
        chosen = self.chosen()
        self.revisions = revisions
        self.table.blockSignals(True)
        self.table.setRowCount(len(revisions))
        for row, one in enumerate(revisions):
            runs = ", ".join(map(str, one.runs[:3])) + (" …" if len(one.runs) > 3 else "")
            cells = (f"{one.revision}", f"{one.note}\n{moment(one.created)}", f"{one.changed:,}", runs or "–")
            for column, words in enumerate(cells):
                cell = QTableWidgetItem(words)
                cell.setToolTip(_tip(one) if column < 3 else f"Runs: {', '.join(map(str, one.runs)) or 'none'}")
                self.table.setItem(row, column, cell)
        self.table.blockSignals(False)
        kept = [one.revision for one in revisions if one.revision in chosen]
        self.choose(*(kept or [revisions[0].revision] if revisions else []))
        self._on_selected()

    @Slot()
    def _on_selected(self) -> None:
        chosen = self.chosen()
        newest = self.revisions[0].revision if self.revisions else 0
        able = len(chosen) == 1 and chosen[0] != newest
        self.back.setEnabled(able)
        self.back.setToolTip("" if able else "Choose one revision that is not the newest.")
        self.command_changed.emit(self.command())
        if len(chosen) > 1:
            self._compare(chosen[0], chosen[-1])
        elif chosen and (before := self._before(chosen[0])):
            self._compare(before, chosen[0])
        elif chosen:
            self.difference.show_nothing("The data set as it was imported. There is nothing before it.")
        else:
            self.difference.show_nothing(
                "Choose a revision to see what it changed, or two (with Ctrl) to compare them."
            )

    def _before(self, revision: int) -> int:
        return max((one.revision for one in self.revisions if one.revision < revision), default=0)

    def _compare(self, a: int, b: int) -> None:
        project, dataset = self.session.project, self.dataset
        if project is not None and dataset is not None:
            name = dataset.name
            self.session.background.submit(lambda: project.compare_revisions(name, a, b), self._on_compared)

    def _on_compared(self, found: "RevisionDifference") -> None:
        chosen = self.chosen()
        if chosen and chosen[-1] == found.b:
            self.difference.show_difference(found)

    # ---- going back

    @Slot()
    def _on_back(self) -> None:
        chosen = self.chosen()
        if len(chosen) == 1 and self.revisions:
            self._undo_to = self.revisions[0].revision
            self.go_back(chosen[0])

    @Slot()
    def _on_undo(self) -> None:
        if self._undo_to:
            target, self._undo_to = self._undo_to, 0
            self.go_back(target)

    def go_back(self, revision: int) -> None:
        """Makes a new revision with the content of an earlier one, in the background."""
        project, dataset = self.session.project, self.dataset
        if project is None or dataset is None:
            return
        name = dataset.name
        self.back.setEnabled(False)
        self.session.background.submit(
            lambda: (revision, project.restore(name, revision)), self._on_restored, self._on_failed
        )

    def _on_restored(self, answer: "tuple[int, RevisionInfo]") -> None:
        revision, made = answer
        self.banner.set(
            f"The data are as in revision {revision} again: {text.plural(made.changed, 'item')} changed, as revision "
            f"{made.revision}.",
            "ok",
            "Undo" if self._undo_to else "",
        )
        self._read()
        self.session.refresh_datasets()
        self.restored.emit()

    def _on_failed(self, sentence: str) -> None:
        self.banner.set(sentence, "error")
        self._on_selected()

    @Slot(object, str)
    def _on_items_asked(self, ids: tuple[int, ...], title: str) -> None:
        from tlstudio.project import ItemFilter

        self.items_asked.emit(ItemFilter(ids=ids), title)


def _tip(one: "RevisionInfo") -> str:
    return f"{one.note}\n{one.kind} · {moment(one.created)}\n{text.plural(one.changed, 'item')} changed"
