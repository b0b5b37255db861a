"""Beside the gallery: classes, what was found, and the split."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.widgets.class_bars import ClassBars
from tlstudio.gui.widgets.kit import Card, Pill, link_button, muted_label, scrolled, small_label
from tlstudio.gui.widgets.split_bar import SplitBar

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo


class DataSide(QWidget):
    """``class_picked`` to filter the gallery; ``problems_asked`` to see what was left out."""

    class_picked = Signal(str)
    problems_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        area, column = scrolled()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
        self.setMinimumWidth(250)
        self.classes_card = Card("Classes")
        self.bars = ClassBars()
        self.bars.picked.connect(self.class_picked)
        self.classes_card.body.addWidget(self.bars)
        column.addWidget(self.classes_card)
        self.findings_card = Card("Findings")
        self._findings = QVBoxLayout()
        self._findings.setSpacing(8)
        self.findings_card.body.addLayout(self._findings)
        column.addWidget(self.findings_card)
        split_card = Card("Split")
        self.split = SplitBar()
        self.note = small_label()
        split_card.body.addWidget(self.split)
        split_card.body.addWidget(self.note)
        column.addWidget(split_card)
        column.addStretch(1)

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        self.bars.show_counts(dataset.class_counts)
        self.bars.set_chosen("")
        self.classes_card.set_title(text.plural(len(dataset.class_names), "class", "classes"))
        self.split.show_counts(dataset.split_counts)
        self.note.setText(dataset.split_note)

    def show_findings(self, skipped: int, warnings: list[str]) -> None:
        while (entry := self._findings.takeAt(0)) is not None:
            widget = entry.widget()
            if widget is not None:
                widget.deleteLater()
        if skipped:
            self._findings.addWidget(self._skipped_row(skipped))
        for sentence in warnings[:20]:
            self._findings.addWidget(_row("!", "warning", sentence))
        if len(warnings) > 20:
            self._findings.addWidget(muted_label(f"and {len(warnings) - 20} more"))
        if not skipped and not warnings:
            self._findings.addWidget(_row("0", "ok", "Nothing was found: every file could be read."))

    def _skipped_row(self, skipped: int) -> QWidget:
        row = _row(f"{skipped:,}", "warning", f"{'file was' if skipped == 1 else 'files were'} left out")
        show = link_button("show")
        show.setAccessibleName("Show the files that were left out, with reasons")
        show.clicked.connect(self._on_show)
        layout = row.layout()
        if layout is not None:
            layout.addWidget(show)
        return row

    @Slot()
    def _on_show(self) -> None:
        self.problems_asked.emit()


def _row(count: str, tone: str, sentence: str) -> QWidget:
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(10)
    line.addWidget(Pill(count, tone), 0, Qt.AlignmentFlag.AlignTop)
    label = QLabel(sentence)
    label.setWordWrap(True)
    line.addWidget(label, 1)
    return row
