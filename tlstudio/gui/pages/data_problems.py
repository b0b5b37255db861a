"""What was left out of a data set: file by file, with the reason."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QTableView, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.models.problems import ProblemsModel
from tlstudio.gui.widgets.kit import Card, button, small_label

if TYPE_CHECKING:
    from tlstudio.project import SkippedFile

LIMIT = 1000


class ProblemsView(QWidget):
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.card = Card("Files that were left out")
        back = button("Back to the data", "arrow-left")
        back.clicked.connect(self.closed)
        self.card.header.addWidget(back)
        self.model = ProblemsModel(self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Files that were left out, with reasons")
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)  # else nothing is cut in the middle
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(34)
        self.table.setColumnWidth(0, 320)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setTabKeyNavigation(False)
        self.card.body.addWidget(self.table, 1)
        self.note = small_label("The files themselves were not touched. Import again after repairing them.")
        self.card.body.addWidget(self.note)
        column.addWidget(self.card)

    def show_problems(self, rows: "list[SkippedFile]", total: int) -> None:
        self.model.show_rows(rows)
        self.card.set_title(f"{text.plural(total, 'file')} left out")
        if total > len(rows):
            self.note.setText(f"The first {len(rows):,} of {total:,} are shown.")
