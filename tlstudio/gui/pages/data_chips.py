"""Conditions as chips, each of which a click takes away; and the menu from which further ones are added."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from tlstudio.gui.plots.flow import Flow
from tlstudio.gui.widgets.kit import button

if TYPE_CHECKING:
    from tlstudio.project import Run

_CLASSES = 60  # that can be chosen as a run's prediction
_RUNS = 20


class ChipRow(QWidget):
    """``taken`` carries the field of the condition that was taken away."""

    taken = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.flow = Flow(self, 8)
        self.setVisible(False)

    def show_chips(self, chips: Sequence[tuple[str, str]]) -> None:
        """Field and words of each."""
        while (entry := self.flow.takeAt(0)) is not None:
            widget = entry.widget()
            if widget is not None:
                widget.deleteLater()
        for field, words in chips:
            shown = self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, 420)
            chip = button(f"{shown}   ✕".replace("&", "&&"), kind="pill", tip=f"{words}\nClick to take it away")
            chip.setAccessibleName(f"Take away the filter: {words}")
            chip.setCheckable(True)
            chip.setChecked(True)
            chip.setProperty("field", field)
            chip.clicked.connect(self._on_chip)
            self.flow.addWidget(chip)
            chip.show()
        self.setVisible(bool(chips))
        self.updateGeometry()

    @Slot()
    def _on_chip(self) -> None:
        chip = self.sender()
        if isinstance(chip, QPushButton):
            self.taken.emit(str(chip.property("field")))


class MoreMenu(QMenu):
    """By finding, prediction or group. ``picked`` carries fields of ``ItemFilter``; what is not there yet is grey and
    says why.
    """

    picked = Signal(dict)

    def fill(
        self,
        findings: Sequence[tuple[str, str, int]],
        runs: "Sequence[Run]",
        classes: Sequence[str],
        group: str,
        noun: str,
    ) -> None:
        """``findings``: kind, words and count; ``classes``: those that a run can predict."""
        self.clear()
        found = self.addMenu("Finding")
        for kind, words, count in findings:
            self._entry(found, f"{words}  ({count:,})", {"finding": kind})
        if not findings:
            self._entry(found, "Not checked yet: open Findings", None)
        predicted = self.addMenu("Prediction")
        for run in runs[-_RUNS:][::-1]:
            self._fill_run(predicted.addMenu(f"run {run.id} · {run.method} · {run.backbone}"), run.id, classes)
        if not runs:
            self._entry(predicted, "No finished run on this data set yet", None)
        if group:
            self._entry(self, f"Group {group}".replace("&", "&&"), {"group": group})
        else:
            self._entry(self, f"Group: this {noun} belongs to none", None)

    def _fill_run(self, menu: QMenu, run: int, classes: Sequence[str]) -> None:
        for words, wrong in (("predicted", None), ("wrong", True), ("right", False)):
            self._entry(menu, words, {"run": run, "wrong": wrong, "predicted": ""})
        menu.addSeparator()
        for name in classes[:_CLASSES]:
            conditions = {"run": run, "predicted": name, "wrong": None}
            self._entry(menu, f"predicted as {name}".replace("&", "&&"), conditions)

    def _entry(self, menu: QMenu, words: str, conditions: dict[str, object] | None) -> None:
        action = QAction(words, menu)
        action.setEnabled(conditions is not None)
        action.setData(conditions)
        action.triggered.connect(self._on_picked)
        menu.addAction(action)

    @Slot()
    def _on_picked(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.picked.emit(action.data())
