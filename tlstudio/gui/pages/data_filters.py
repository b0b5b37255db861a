"""Which items are shown, and in which order: a search field, pills, and a chip for each further condition."""

import dataclasses
import itertools
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from tlstudio.gui.pages.data_chips import ChipRow, MoreMenu
from tlstudio.gui.pages.data_words import SPLIT_NAMES, Kind
from tlstudio.gui.plots.flow import Flow
from tlstudio.gui.widgets.kit import button
from tlstudio.gui.widgets.pill_menu import PillMenu
from tlstudio.gui.widgets.segments import Segments
from tlstudio.project import ItemFilter

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Run

_HIDDEN = ItemFilter()  # its values take a hidden condition away
_LISTED = 200  # classes in a menu; the search finds the others
_WORST_FIRST = ("suspicion", "bytes", "pixels", "width", "height")  # the large ones are wanted first


class FilterBar(QWidget):
    """``changed`` when :attr:`wanted` is another filter; ``view_picked`` gallery or table."""

    changed = Signal()
    view_picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = Kind()
        self._dataset: DatasetInfo | None = None
        self._extra = ItemFilter()  # what stands in chips: ids, finding, run, predicted, wrong, group, revision
        self._reason = ""
        self._findings: list[tuple[str, str, int]] = []
        self._runs: list[Run] = []
        self.group = ""  # of the current item, offered in the menu
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search name and text…")
        self.search.setAccessibleName("Search by name and text")
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(150)
        self.split, self.label, self.sort = PillMenu("Split"), PillMenu("Class"), PillMenu("Sort by")
        self.more = button("more  ▾", kind="pill", tip="By finding, prediction or group")
        self.more.setAccessibleName("More filters: finding, prediction, group")
        self.view = Segments(
            "Gallery or table", (("gallery", "Gallery"), ("table", "Table")),
            icons_of={"gallery": "gallery", "table": "table"},
        )  # fmt: skip
        self._menu = MoreMenu(self)
        self._menu.picked.connect(self._on_more)
        self.chip_row = ChipRow()
        self.chip_row.taken.connect(self._on_taken)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(200)
        self._timer.timeout.connect(self._announce)
        self.search.textChanged.connect(self._timer.start)
        for pill in (self.split, self.label):
            pill.picked.connect(self._announce)
        self.sort.picked.connect(self._on_sort)
        self.more.clicked.connect(self._open_more)
        self.view.picked.connect(self.view_picked)
        self._order, self._descending = "id", False
        self._compose()

    def _compose(self) -> None:
        self._pills = QWidget()
        flow = Flow(self._pills, 8)
        for one in (self.split, self.label, self.more, self.sort):
            flow.addWidget(one)
        self._first, self._second = QHBoxLayout(), QHBoxLayout()
        self._first.setSpacing(8)
        self._first.addWidget(self.search, 1)
        self._first.addWidget(self.view)
        self._second.addWidget(self._pills, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._first)
        column.addLayout(self._second)
        column.addWidget(self.chip_row)
        self.setMinimumWidth(240)
        chain: tuple[QWidget, ...] = (self.search, self.split, self.label, self.more, self.sort, self.view)
        for before, after in itertools.pairwise(chain):
            QWidget.setTabOrder(before, after)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """The pills stand beside the search where they fit, else below it."""
        pills = (one for one in (self.split, self.label, self.more, self.sort) if not one.isHidden())
        needed = sum(one.sizeHint().width() + 8 for one in pills)
        beside = self.width() - needed - self.view.width() >= 200
        self._pills.setFixedWidth(needed) if beside else self._pills.setMaximumWidth(16_777_215)
        if beside == (self._first.indexOf(self._pills) >= 0):
            return
        (self._second if beside else self._first).removeWidget(self._pills)
        if beside:
            self._first.insertWidget(1, self._pills, 0, Qt.AlignmentFlag.AlignVCenter)
        else:
            self._pills.setMinimumWidth(0)
            self._second.addWidget(self._pills, 1)

    # ---- what it is about

    def show_dataset(self, dataset: "DatasetInfo", kind: Kind, *, same: bool) -> None:
        self._dataset, self._kind = dataset, kind
        if not same:
            self._clear()
        self._word()

    def set_findings(self, findings: list[tuple[str, str, int]]) -> None:
        """Kind, words and count of each."""
        self._findings = findings

    def set_runs(self, runs: "list[Run]") -> None:
        """Those of this data set that have finished."""
        self._runs = runs

    @property
    def wanted(self) -> ItemFilter:
        return dataclasses.replace(
            self._extra, split=self.split.value, label=self.label.value, search=self.search.text().strip(),
            order=self._order, descending=self._descending,
        )  # fmt: skip

    def take(self, wanted: ItemFilter, reason: str) -> None:
        """A filter from elsewhere; one chip names the reason and takes it away."""
        self.search.blockSignals(True)
        self.search.setText(wanted.search)
        self.search.blockSignals(False)
        self.split.value, self.label.value = wanted.split, wanted.label
        self._order, self._descending = wanted.order, wanted.descending
        self._extra = dataclasses.replace(wanted, split="", label="", search="", order="id", descending=False)
        self._reason = reason if self._extra != _HIDDEN else ""
        self._announce()

    def add(self, **conditions: object) -> None:
        """Further conditions, as fields of ``ItemFilter``."""
        self._extra = dataclasses.replace(self._extra, **conditions)  # type: ignore[arg-type]  # its own fields
        self._reason = ""
        self._announce()

    def sort_by(self, order: str, descending: bool) -> None:
        self._order, self._descending = order, descending
        self._announce()

    def pick_class(self, label: str) -> None:
        self.label.value = label
        self._announce()

    def clear(self) -> None:
        self._clear()
        self._announce()

    def _clear(self) -> None:
        self.search.blockSignals(True)
        self.search.clear()
        self.search.blockSignals(False)
        self.split.value = self.label.value = self._reason = ""
        self._extra = ItemFilter()
        self._order, self._descending = "id", False

    # ---- words

    @Slot()
    def _announce(self) -> None:
        self._timer.stop()
        self._word()
        self.changed.emit()

    def _word(self) -> None:
        dataset, kind = self._dataset, self._kind
        if dataset is None:
            return
        self.split.set(SPLIT_NAMES.get(self.split.value, "all"), prefix="split:")
        self.split.set_choices([("", "all splits"), *SPLIT_NAMES.items()], self.split.value)
        classes = kind.classes and kind.task != "segmentation"
        self.label.setVisible(classes)
        one, many = kind.names
        self.label.set(self.label.value or "all", prefix=f"{one}:")
        named = [(name, name) for name in dataset.class_names[:_LISTED]]
        self.label.set_choices([("", f"all {many}"), *named], self.label.value)
        self._word_sort()
        self.chip_row.show_chips(self.chips())
        self._arrange()

    def _word_sort(self) -> None:
        names = dict(self._kind.orders())
        arrow = "↓" if self._descending else "↑"
        self.sort.set(f"{names.get(self._order, self._order)} {arrow}", prefix="sort:")
        choices = [
            (order, words)
            for order, words in names.items()
            if (order != "suspicion" or self._findings) and (order != "confidence" or self._extra.run)
        ]
        turned = ("", "the other way round")
        self.sort.set_choices([*choices, turned], self._order)

    @Slot(str)
    def _on_sort(self, order: str) -> None:
        if order:
            self._order, self._descending = order, order in _WORST_FIRST
        else:
            self._descending = not self._descending
        self._announce()

    # ---- chips

    def chips(self) -> list[tuple[str, str]]:
        """Field and words of each condition that no pill shows."""
        extra = self._extra
        if self._reason:
            return [("", self._reason)]
        found = []
        if extra.finding:
            words = next((w for kind, w, _ in self._findings if kind == extra.finding), extra.finding)
            found.append(("finding", words))
        if extra.run:
            right = {True: "wrong", False: "right", None: "predicted"}[extra.wrong]
            named = f" as {extra.predicted}" if extra.predicted else ""
            found.append(("run", f"run {extra.run}: {right if not named else 'predicted'}{named}"))
        if extra.group:
            found.append(("group", f"group: {extra.group}"))
        if extra.ids is not None:
            found.append(("ids", f"chosen: {self._kind.count(len(extra.ids))}"))
        if extra.revision is not None:
            found.append(("revision", f"as of revision {extra.revision}"))
        return found

    @Slot(str)
    def _on_taken(self, field: str) -> None:
        if not field:
            self._extra = ItemFilter()
        else:
            fields = ("run", "predicted", "wrong") if field == "run" else (field,)
            plain = {name: getattr(_HIDDEN, name) for name in fields}
            self._extra = dataclasses.replace(self._extra, **plain)
        if (self._order == "confidence" and not self._extra.run) or (self._order == "suspicion" and not self._findings):
            self._order, self._descending = "id", False
        self._reason = ""
        self._announce()

    # ---- the menu of further filters

    @Slot()
    def _open_more(self) -> None:
        self.fill_more().popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def fill_more(self) -> MoreMenu:
        classes = self._dataset.class_names if self._dataset is not None and self._kind.keyed else ()
        self._menu.fill(self._findings, self._runs, classes, self.group, self._kind.noun[0])
        return self._menu

    @Slot(dict)
    def _on_more(self, conditions: dict[str, object]) -> None:
        if "run" in conditions and self._order == "id":
            self._order, self._descending = "confidence", False
        self.add(**conditions)
