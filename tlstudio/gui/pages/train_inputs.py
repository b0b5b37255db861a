"""What the chosen method needs or takes beside data and backbone: a source, a teacher, samples without labels, runs."""

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QWidget,
)

from tlstudio.api.method import MethodDescriptor, Need
from tlstudio.gui.options_form import LABEL_WIDTH
from tlstudio.gui.pages import train_choices
from tlstudio.gui.pages.train_choices import Choice
from tlstudio.gui.pages.train_combo import combo, offer
from tlstudio.gui.pages.train_grid import in_line
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import padded, rule, small_label
from tlstudio.project import DatasetInfo

_FILE = "\0file"  # stands for the entry that asks for a model file
_ROLE = Qt.ItemDataRole.UserRole
_MOST_LABELS = 100_000
_ROW_PX, _ROWS = 26, 4
NEEDED_WORDS: dict[str, str] = {
    "source": "a second data set with labels",
    "teacher": "a trained network",
    "unlabelled": "samples without labels, or fewer labels per class",
    "runs": "one finished run or more",
}


class InputsForm(QWidget):
    """``changed`` after every edit. Rows appear only for what the method needs or takes."""

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._method: MethodDescriptor | None = None
        self._dataset: DatasetInfo | None = None
        self._show_all = False
        self._file = ""
        self.source = combo("Source data set", "A second data set, with labels, to learn from too.")
        self.teacher = combo("Teacher", "A trained network to learn from; it stays as it is.")
        self.unlabelled = combo("Unlabelled data", "Samples whose labels, if there are any, nobody looks at.")
        self.labels = QSpinBox()
        padded(self.labels)
        self.labels.setAccessibleName("Labels per class")
        self.labels.setMinimumWidth(80)
        self.labels.setRange(0, _MOST_LABELS)
        self.labels.setSpecialValueText("all")
        self.labels.setToolTip(
            "So many training items of each class keep their labels; the others become samples without labels."
        )
        self.runs = QListWidget()
        self.runs.setAccessibleName("Runs to start from")
        self.runs.setMinimumWidth(80)
        self.runs.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.runs.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.runs.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        grid = in_line(self)
        self._rows: dict[str, tuple[QLabel, QWidget, QLabel]] = {}
        rows = (
            ("source", "Source data", self.source),
            ("teacher", "Teacher", self.teacher),
            ("unlabelled", "Unlabelled data", self.unlabelled),
            ("labels_per_class", "Labels per class", self.labels),
            ("runs", "From runs", self.runs),
        )
        for place, (name, title, field) in enumerate(rows):
            label, hint = QLabel(title), small_label()
            label.setWordWrap(True)
            label.setFixedWidth(LABEL_WIDTH)
            label.setBuddy(field)
            top = Qt.AlignmentFlag.AlignTop if name == "runs" else Qt.AlignmentFlag.AlignVCenter
            grid.addWidget(label, place * 2, 0, top)
            grid.addWidget(field, place * 2, 1)
            grid.addWidget(hint, place * 2 + 1, 1)
            self._rows[name] = (label, field, hint)
        self._rule = rule()
        grid.addWidget(self._rule, 2 * len(rows), 0, 1, 2)
        for field in (self.source, self.unlabelled):
            field.activated.connect(self._on_edited)
        self.teacher.activated.connect(self._on_teacher)
        self.labels.valueChanged.connect(self._on_edited)
        self.runs.itemChanged.connect(self._on_edited)
        self._arrange()

    # --- what there is to choose from ---------------------------------------------------------------------

    def set_method(self, method: MethodDescriptor | None, dataset: DatasetInfo | None) -> None:
        """Offers what this method can use with this data set; choices stay where they are possible."""
        if dataset is None or self._dataset is None or dataset.name != self._dataset.name:
            self.teacher.clear()  # filled for a method that uses them
            self.runs.clear()
        self._method, self._dataset = method, dataset
        if method is not None and dataset is not None:
            self._fill(method, dataset)
        self._arrange()

    @Slot(bool)
    def set_show_all(self, show_all: bool) -> None:
        self._show_all = show_all
        self._arrange()

    def _fill(self, method: MethodDescriptor, dataset: DatasetInfo) -> None:
        session, registry = self._session, self._session.registry
        datasets, runs = session.datasets, session.runs
        offer(self.source, "source" in method.needs, train_choices.sources(method, dataset, datasets))
        offer(self.unlabelled, False, train_choices.pools(dataset, datasets))
        if "teacher" in self._used:
            found = train_choices.teachers(registry, dataset, datasets, runs)
            if self._file:
                found.insert(0, Choice(self._file, self._file.rpartition("/")[2]))
            offer(self.teacher, "teacher" in method.needs, [*found, Choice(_FILE, "Model file…")])
        if "runs" in self._used:
            self._offer_runs(train_choices.finished(registry, dataset, datasets, runs))

    def _offer_runs(self, found: list[Choice]) -> None:
        if found == self.runs.property("offered") and self.runs.count() == len(found):
            return
        self.runs.setProperty("offered", found)
        kept = set(self.chosen_runs)
        self.runs.blockSignals(True)
        self.runs.clear()
        for choice in found:
            item = QListWidgetItem(choice.text)
            item.setData(_ROLE, int(choice.value))
            item.setToolTip(f"{choice.text}\n{choice.reason}".rstrip())
            flags = Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled
            item.setFlags(Qt.ItemFlag.NoItemFlags if choice.reason else flags)
            on = int(choice.value) in kept and not choice.reason
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.runs.addItem(item)
        self.runs.setFixedHeight(_ROW_PX * max(1, min(_ROWS, len(found))) + 8)
        self.runs.blockSignals(False)

    # --- what was chosen ------------------------------------------------------------------------------------

    @property
    def _used(self) -> tuple[Need, ...]:
        return (*self._method.needs, *self._method.takes) if self._method else ()

    @property
    def chosen_runs(self) -> list[int]:
        items = [self.runs.item(row) for row in range(self.runs.count())]
        return sorted(int(item.data(_ROLE)) for item in items if item.checkState() == Qt.CheckState.Checked)

    def request(self) -> dict[str, Any]:
        """Arguments of ``runs.create_run``, only those that say something."""
        values: dict[str, Any] = {
            "source": self.source.currentData() or "",
            "teacher": self.teacher.currentData() or "",
            "unlabelled": self.unlabelled.currentData() or "",
            "runs": tuple(self.chosen_runs),
        }
        found = {name: value for name, value in values.items() if name in self._used and value}
        return found | ({"labels_per_class": self.labels.value()} if self._labels_matter else {})

    def all_inputs(self) -> dict[str, Any]:
        """Likewise, of whatever was chosen: in a comparison each method takes what it can use."""
        chosen = {
            "source": self.source.currentData(),
            "teacher": self.teacher.currentData(),
            "unlabelled": self.unlabelled.currentData(),
            "runs": tuple(self.chosen_runs),
            "labels_per_class": self.labels.value() if self._labels_matter else 0,
        }
        return {name: value for name, value in chosen.items() if value}

    def flags(self) -> list[str]:
        """What the command line needs to be told of this."""
        names = {"source": "--source-dataset", "teacher": "--teacher", "unlabelled": "--unlabelled"}
        request, words = self.request(), []
        for name, flag in names.items():
            if name in request:
                words += [flag, str(request[name])]
        if "labels_per_class" in request:
            words += ["--labels-per-class", str(request["labels_per_class"])]
        if "runs" in request:
            words += ["--from-run", ",".join(map(str, request["runs"]))]
        return words

    @property
    def problem(self) -> str:
        """A sentence where a need of the method is not met; empty otherwise."""
        if self._method is None:
            return ""
        request = self.request()
        for need in self._method.needs:
            if need not in request and not (need == "unlabelled" and "labels_per_class" in request):
                return train_choices.NEEDED[need]
        return ""

    def set_values(self, values: dict[str, Any]) -> None:
        """Chooses these, as :meth:`request` has them; the others stay as they are."""
        for name, box in (("source", self.source), ("teacher", self.teacher), ("unlabelled", self.unlabelled)):
            if name in values and (place := box.findData(values[name])) >= 0:
                box.setCurrentIndex(place)
        if "labels_per_class" in values:
            self.labels.setValue(values["labels_per_class"])
        self._on_edited()

    # --- how it stands --------------------------------------------------------------------------------------

    @property
    def _labels_matter(self) -> bool:
        if not self.labels.value() or self._dataset is None:
            return False
        return self._session.registry.task(self._dataset.task).label == "class"

    def _arrange(self) -> None:
        """Shows the rows that are of use, each with a sentence where it is needed and missing."""
        method, dataset, used = self._method, self._dataset, self._used
        classes = dataset is not None and self._session.registry.task(dataset.task).label == "class"
        shown = {name: name in used for name in self._rows}
        labels = "unlabelled" in used or self._show_all or self.labels.value() > 0
        shown["labels_per_class"] = classes and method is not None and labels
        request = self.request() if method else {}
        for name, (label, field, hint) in self._rows.items():
            needed = method is not None and name in method.needs and name not in request
            if name == "unlabelled" and "labels_per_class" in request:
                needed = False
            hint.setText(self._hint(name, needed))
            for widget in (label, field):
                widget.setVisible(shown[name])
            hint.setVisible(shown[name] and bool(hint.text()))
        self._rule.setVisible(any(shown.values()))
        self.setVisible(any(shown.values()))

    def _hint(self, name: str, needed: bool) -> str:
        if name == "labels_per_class":
            return "The other training items are used without their labels." if self.labels.value() else ""
        if not needed:
            return ""
        empty = self.runs.count() == 0 if name == "runs" else False
        return "There is no finished run on this data set yet." if empty else f"Needed: {NEEDED_WORDS[name]}."

    @Slot()
    def _on_edited(self, *_args: object) -> None:
        self._arrange()
        self.changed.emit()

    @Slot(int)
    def _on_teacher(self, place: int) -> None:
        if self.teacher.itemData(place) == _FILE:
            self.teacher.setCurrentIndex(0)
            name, _ = QFileDialog.getOpenFileName(self, "A model to learn from", "", "Exported models (*.safetensors)")
            self.set_teacher_file(name)
        self._on_edited()

    def set_teacher_file(self, path: str) -> None:
        """Takes an exported model as the teacher."""
        if path and self._method is not None and self._dataset is not None:
            self._file = path
            self._fill(self._method, self._dataset)
            self.teacher.setCurrentIndex(max(0, self.teacher.findData(path)))
