"""What happened between two revisions of a data set."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from tlstudio.gui import text
from tlstudio.gui.widgets.kit import Card, Pill, button, muted_label, small_label

if TYPE_CHECKING:
    from tlstudio.project import RevisionDifference

KINDS = ("relabelled", "moved", "excluded", "restored", "added", "removed")
PART_NAMES = {"train": "training", "val": "validation", "test": "test", "excluded": "excluded"}


class DifferenceCard(Card):
    """``asked``: all listed items are to be shown; ``opened``: one of them."""

    asked = Signal(object, str)  # ids, a title
    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What changed", parent)
        self._shown: RevisionDifference | None = None
        self.show_button = button("Show the items")
        self.show_button.clicked.connect(self._on_show)
        self.header.addWidget(self.show_button)
        row = QHBoxLayout()
        row.setSpacing(6)
        self.pills = {kind: Pill() for kind in KINDS}
        for pill in self.pills.values():
            row.addWidget(pill)
        row.addStretch(1)
        self.body.addLayout(row)
        self.note = muted_label()
        self.body.addWidget(self.note)
        self.table = QTableWidget(0, 2)
        self.table.setAccessibleName("Items that differ")
        self.table.setHorizontalHeaderLabels(["Item", "Change"])
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(32)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.itemActivated.connect(self._on_activated)
        self.body.addWidget(self.table, 1)
        self.more = small_label()
        self.body.addWidget(self.more)
        self.show_nothing("Choose a revision to see what it changed, or two (with Ctrl) to compare them.")

    def show_nothing(self, sentence: str) -> None:
        self._shown = None
        self.set_title("What changed")
        self.note.setText(sentence)
        self.note.setVisible(bool(sentence))
        for widget in (*self.pills.values(), self.table, self.more, self.show_button):
            widget.hide()
        self.body.setAlignment(Qt.AlignmentFlag.AlignTop)

    def show_difference(self, found: "RevisionDifference") -> None:
        self._shown = found
        self.set_title(f"From revision {found.a} to {found.b}")
        for kind, pill in self.pills.items():
            count = int(getattr(found, kind))
            pill.set(f"{count:,} {kind}", "neutral" if kind in ("restored", "added") else "accent")
            pill.setVisible(count > 0)
        total = sum(int(getattr(found, kind)) for kind in KINDS)
        self.note.setText("" if total else "Nothing differs between the two.")
        self.note.setVisible(not total)
        self.table.setVisible(bool(total))
        self.show_button.setVisible(bool(total))
        self.body.setAlignment(Qt.AlignmentFlag(0) if total else Qt.AlignmentFlag.AlignTop)
        self.table.setRowCount(len(found.items))
        for line, item in enumerate(found.items):
            cells = (item.path, _change(item.what, item.before, item.after))
            for column, words in enumerate(cells):
                cell = QTableWidgetItem(words)
                cell.setToolTip(f"{words}\n{item.what}")
                cell.setData(Qt.ItemDataRole.UserRole, item.item_id)
                self.table.setItem(line, column, cell)
        self.more.setText(f"The first {len(found.items):,} of {total:,} changes are listed.")
        self.more.setVisible(total > len(found.items))

    @Slot()
    def _on_show(self) -> None:
        if self._shown is not None:
            ids = tuple(dict.fromkeys(item.item_id for item in self._shown.items))
            title = f"{text.plural(len(ids), 'item')} changed from revision {self._shown.a} to {self._shown.b}"
            self.asked.emit(ids, title)

    @Slot(QTableWidgetItem)
    def _on_activated(self, cell: QTableWidgetItem) -> None:
        self.opened.emit(int(cell.data(Qt.ItemDataRole.UserRole)))


def _change(what: str, before: str, after: str) -> str:
    """``cardboard → glass``, ``training → excluded``, ``added``."""
    if what in ("moved", "excluded", "restored"):
        before, after = PART_NAMES.get(before, before), PART_NAMES.get(after, after)
    return f"{before} → {after}" if before and after else what
