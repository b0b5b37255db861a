"""Beside the gallery: classes with their keys, what was found, and the split."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.models import overlays
from tlstudio.gui.pages.data_report import Finding, Report
from tlstudio.gui.pages.data_words import KEYS, Kind
from tlstudio.gui.widgets.class_bars import ClassBars
from tlstudio.gui.widgets.kit import Card, Pill, link_button, muted_label, scrolled, small_label
from tlstudio.gui.widgets.mask_panel import swatch
from tlstudio.gui.widgets.split_bar import SplitBar
from tlstudio.gui.widgets.value_bars import ValueBars
from tlstudio.project import ItemFilter

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo

_ROWS = 8  # findings and warnings that are listed
_SWATCHES = 20


class DataSide(QWidget):
    """``class_picked`` to filter the gallery; ``items_asked`` to show those of a finding; ``problems_asked`` to see
    what was left out; ``check_asked`` for the doctor.
    """

    class_picked = Signal(str)
    items_asked = Signal(object, str)
    problems_asked = Signal()
    check_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        area, column = scrolled()
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it takes the focus
        area.setAccessibleName("Classes, findings and split")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
        self.setMinimumWidth(250)
        self._skipped, self._name = 0, ""
        self.classes_card = Card("Classes")
        self.bars = ClassBars()
        self.bars.picked.connect(self.class_picked)
        self.values = ValueBars()
        self.hint = small_label()
        self._legend = QVBoxLayout()
        self._legend.setSpacing(4)
        self.classes_card.body.addWidget(self.bars)
        self.classes_card.body.addWidget(self.values)
        self.classes_card.body.addLayout(self._legend)
        self.classes_card.body.addWidget(self.hint)
        column.addWidget(self.classes_card)
        self.findings_card = Card("Findings")
        self.check = link_button("Check the data")
        self.check.clicked.connect(self.check_asked)
        self.findings_card.header.addWidget(self.check)
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

    def show_dataset(self, dataset: "DatasetInfo", kind: Kind) -> None:
        self._skipped = dataset.skipped
        self._name = dataset.class_names[0] if dataset.class_names else ""
        self.bars.setVisible(kind.keyed)
        self.values.setVisible(kind.task == "regression")
        self.hint.setVisible(kind.keyed)
        self.classes_card.set_title(text.plural(len(dataset.class_names), *kind.names))
        counts = {name: dataset.class_counts.get(name, 0) for name in dataset.class_names} if kind.keyed else {}
        self.bars.show_counts(counts, KEYS)
        self.hint.setText(
            "A key gives the selected its label, and takes it away."
            if kind.task == "multilabel"
            else "A key gives the selected its class."
        )
        _empty(self._legend)
        if kind.task == "segmentation":
            for index, name in enumerate(dataset.class_names[:_SWATCHES]):
                self._legend.addWidget(_swatch_row(index, name))
        self.split.show_counts(dataset.split_counts, dataset.excluded)
        self.note.setText(dataset.split_note)

    def show_report(self, report: Report) -> None:
        _empty(self._findings)
        if report.bins:
            self.values.show_bins(self._name, report.bins)
        self.check.setText("Check again" if report.checked else "Check the data")
        for finding in report.findings[:_ROWS]:
            self._findings.addWidget(self._finding_row(finding))
        if self._skipped:
            self._findings.addWidget(self._skipped_row(self._skipped))
        for sentence in report.warnings[:_ROWS]:
            self._findings.addWidget(_row("!", "warning", sentence))
        rest = max(0, len(report.warnings) - _ROWS) + max(0, len(report.findings) - _ROWS)
        if rest:
            self._findings.addWidget(muted_label(f"and {rest} more"))
        if report.checked and not report.findings:
            self._findings.addWidget(_row("0", "ok", "The doctor has found nothing."))
        elif not report.checked:
            words = "Not checked yet: duplicates, leaks and labels that look wrong."
            self._findings.addWidget(muted_label(words))

    def _finding_row(self, finding: Finding) -> QWidget:
        row = _row(f"{finding.count:,}", finding.tone, finding.sentence)
        wanted = ItemFilter(finding=finding.kind)
        _with_link(row, "show", f"Show: {finding.sentence}").clicked.connect(
            _Ask(self, wanted, finding.words)  # a plain object: it lives as long as the row
        )
        return row

    def _skipped_row(self, skipped: int) -> QWidget:
        row = _row(f"{skipped:,}", "warning", f"{'file was' if skipped == 1 else 'files were'} left out")
        _with_link(row, "show", "Show the files that were left out, with reasons").clicked.connect(self._on_show)
        return row

    @Slot()
    def _on_show(self) -> None:
        self.problems_asked.emit()


class _Ask:
    def __init__(self, side: DataSide, wanted: ItemFilter, title: str) -> None:
        self._side, self._wanted, self._title = side, wanted, title

    def __call__(self, *_checked: bool) -> None:
        self._side.items_asked.emit(self._wanted, self._title)


def _empty(column: QVBoxLayout) -> None:
    while (entry := column.takeAt(0)) is not None:
        widget = entry.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def _row(count: str, tone: str, sentence: str) -> QWidget:
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(10)
    line.addWidget(Pill(count, tone), 0, Qt.AlignmentFlag.AlignTop)
    label = QLabel(sentence)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    line.addWidget(label, 1)
    return row


def _with_link(row: QWidget, words: str, name: str) -> QPushButton:
    link = link_button(words)
    link.setAccessibleName(name)
    layout = row.layout()
    if layout is not None:
        layout.addWidget(link)
        layout.setAlignment(link, Qt.AlignmentFlag.AlignTop)
    return link


def _swatch_row(index: int, name: str) -> QWidget:
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(8)
    mark = QLabel()
    mark.setPixmap(swatch(index).pixmap(14, 14))
    line.addWidget(mark)
    label = QLabel(f"{name} (not painted)" if overlays.is_ground(name) else name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    line.addWidget(label, 1)
    return row
