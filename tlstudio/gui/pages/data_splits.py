"""How a data set is divided, as a form: for an import, and for a data set that is there already."""

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tlstudio.data.resplitting import SAME_FOLDER
from tlstudio.gui import text
from tlstudio.gui.pages.data_fields import (
    add_row,
    column_box,
    form_layout,
    found_in,
    mark,
    pattern_problem,
    row_host,
    share_box,
)
from tlstudio.gui.widgets.kit import muted_label, padded, pill_button, small_label

SHARES, SOURCE, FOLDS, TIME = "shares", "source", "folds", "time"
NOTHING, COLUMN, FOLDER, PATTERN = "", "column", "folder", "pattern"
_TOGETHER = {
    NOTHING: "nothing but duplicates",
    COLUMN: "items with the same value in a column",
    FOLDER: "items of the same folder",
    PATTERN: "items that a pattern in the file name joins",
}


class SplitForm(QWidget):
    """``changed`` after every edit; :meth:`problem` then says what is wrong, and :meth:`arguments` what was chosen."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None, *, source: bool = True) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(self._ways(source))
        self.explanation = muted_label()
        self.explanation.setMinimumHeight(2 * self.explanation.fontMetrics().lineSpacing() + 4)
        self.explanation.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.explanation)
        form = self._form = form_layout()
        add_row(form, "Parts", self._shares_row())
        add_row(form, "Folds", self._folds_row())
        self.time_by = column_box("Column with the time", "a column with dates or numbers")
        self.time_by.editTextChanged.connect(self._on_edited)
        add_row(form, "Time", self.time_by)
        add_row(form, "Keep together", self._together_box())
        self.group_column = column_box("Column that joins items", "a column, such as patient")
        self.group_column.editTextChanged.connect(self._on_edited)
        self.pattern = QLineEdit()
        self.pattern.setAccessibleName("Pattern in the file name that joins items")
        self.pattern.setPlaceholderText(r"such as patient_(\d+), with one pair of parentheses")
        self.pattern.textChanged.connect(self._on_edited)
        add_row(form, "Column", self.group_column)
        add_row(form, "Pattern", self.pattern)
        self.found = small_label()
        form.addRow("", self.found)
        self.near = QCheckBox("Near duplicates stay together, too")
        self.near.setToolTip("Copies that were resized, recompressed, cropped or mirrored: found by how they look.")
        self.near.setChecked(True)
        self.near.toggled.connect(self._on_edited)
        form.addRow("", self.near)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setAccessibleName("Seed of the split")
        self.seed.setToolTip("The same seed gives the same split.")
        self.seed.setFixedWidth(120)
        padded(self.seed)
        self.seed.valueChanged.connect(self._on_edited)
        add_row(form, "Seed", self.seed)
        column.addLayout(form)
        self._on_edited()

    def _ways(self, source: bool) -> QHBoxLayout:
        self.by_share = pill_button("Split for me", checkable=True)
        self.by_folder = pill_button("As the source says", checkable=True)
        self.by_fold = pill_button("Cross-validation", checkable=True)
        self.by_time = pill_button("By time", checkable=True)
        self._ways_by_name: dict[str, QPushButton] = {
            SHARES: self.by_share, SOURCE: self.by_folder, FOLDS: self.by_fold, TIME: self.by_time,
        }  # fmt: skip
        group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(6)
        for way, made in self._ways_by_name.items():
            group.addButton(made)
            if way != SOURCE or source:
                row.addWidget(made)
        row.addStretch(1)
        self.by_share.setChecked(True)
        group.buttonToggled.connect(self._on_edited)
        return row

    def _shares_row(self) -> QWidget:
        self.shares = [share_box(name, value) for name, value in (("Training", 70), ("Validation", 15), ("Test", 15))]
        host, row = row_host()
        for name, share in zip(("training", "validation", "test"), self.shares, strict=True):
            row.addWidget(share)
            row.addWidget(muted_label(name, wrap=False))
            row.addSpacing(4)
            share.valueChanged.connect(self._on_edited)
        row.addStretch(1)
        return host

    def _folds_row(self) -> QWidget:
        self.folds, self.fold = QSpinBox(), QSpinBox()
        for box, name, low, high, value in (
            (self.folds, "Number of folds", 3, 50, 5),
            (self.fold, "Fold that is the test part", 1, 5, 1),
        ):
            box.setRange(low, high)
            box.setValue(value)
            box.setAccessibleName(name)
            box.setFixedWidth(84)
            padded(box)
            box.valueChanged.connect(self._on_edited)
        host, row = row_host()
        row.addWidget(self.folds)
        row.addWidget(muted_label("parts of the same size; tested on number", wrap=False))
        row.addWidget(self.fold)
        row.addStretch(1)
        return host

    def _together_box(self) -> QComboBox:
        self.together = QComboBox()
        self.together.setAccessibleName("What stays together in one part")
        for value, words in _TOGETHER.items():
            self.together.addItem(words[0].upper() + words[1:], value)
        self.together.currentIndexChanged.connect(self._on_edited)
        return self.together

    # ---- from outside

    @property
    def way(self) -> str:
        return next((way for way, made in self._ways_by_name.items() if made.isChecked()), SHARES)

    def choose_way(self, way: str) -> None:
        if self._ways_by_name[way].isEnabled():
            self._ways_by_name[way].setChecked(True)

    def allow_source(self, reason: str) -> None:
        """Whether the source brings splits: an empty ``reason``; otherwise why that way is grey."""
        self.by_folder.setEnabled(not reason)
        self.by_folder.setToolTip(reason)
        if reason and self.by_folder.isChecked():
            self.by_share.setChecked(True)

    def show_columns(self, columns: list[str], group: str = "", time: str = "") -> None:
        """The columns of the table that is to be imported, and which of them join items or tell the time."""
        for box, chosen in ((self.group_column, group), (self.time_by, time)):
            typed = box.currentText()
            box.blockSignals(True)
            box.clear()
            box.addItems(columns)
            box.setEditText(chosen or (typed if typed in columns or not columns else ""))
            box.blockSignals(False)
        if group:
            self.together.setCurrentIndex(self.together.findData(COLUMN))
        self._on_edited()

    def show_names(self, names: list[str]) -> None:
        """Some paths of the source, for the preview of what a pattern finds."""
        self._names = names
        self._preview()

    def plan(self) -> str:
        """In the notation of :func:`tlstudio.data.splitting.parse_plan`."""
        shares = ",".join(f"{share.value() / 100:g}" for share in self.shares)
        match self.way:
            case "source":
                return "folders"
            case "folds":
                return f"kfold:{self.folds.value()}:{self.fold.value()}"
            case "time":
                return f"time:{shares}"
        return shares

    def group_by(self) -> str:
        match self.together.currentData():
            case "column":
                return self.group_column.currentText().strip()
            case "folder":
                return SAME_FOLDER
            case "pattern":
                return self.pattern.text().strip()
        return ""

    def arguments(self) -> dict[str, Any]:
        """``splits, group_by, time_by, seed, near`` as the jobs ``import-data`` and ``resplit`` take them."""
        return {
            "splits": self.plan(),
            "group_by": self.group_by(),
            "time_by": self.time_by.currentText().strip() if self.way == TIME else "",
            "seed": self.seed.value(),
            "near": self.near.isChecked(),
        }

    def flags(self) -> list[str]:
        """The same as options of the command line."""
        chosen = self.arguments()
        parts = ["--splits", chosen["splits"]]
        if chosen["group_by"]:
            parts += ["--group-by", chosen["group_by"]]
        if chosen["time_by"]:
            parts += ["--time-by", chosen["time_by"]]
        if not chosen["near"]:
            parts += ["--no-near"]
        return [*parts, "--seed", str(chosen["seed"])]

    def problem(self) -> str:
        """What keeps this from being done, as a sentence."""
        total = sum(share.value() for share in self.shares)
        if self.way in (SHARES, TIME) and abs(total - 100) > 0.01:
            return f"The three parts add up to {total:g} %; they must add up to 100 %."
        if self.way in (SHARES, TIME) and any(share.value() <= 0 for share in self.shares):
            return "Each of the three parts needs more than 0 %."
        if self.way == TIME and not self.time_by.currentText().strip():
            return "Choose the column that says when each item was made."
        if self.together.currentData() == COLUMN and not self.group_column.currentText().strip():
            return "Choose the column whose equal values stay together."
        return pattern_problem(self.pattern.text().strip()) if self.together.currentData() == PATTERN else ""

    def sentence(self) -> str:
        """What will be done, in words."""
        train, val, test = (f"{share.value():g} %" for share in self.shares)
        parts = f"{train} for training, {val} for validation, {test} for the test"
        match self.way:
            case "source":
                how = "The parts are those that the source gives"
            case "folds":
                how = (
                    f"{self.folds.value()} parts of the same size and the same mix: number {self.fold.value()} is the "
                    f"test, number {self.fold.value() % self.folds.value() + 1} the validation"
                )
            case "time":
                how = f"By time, the newest last: {parts}"
            case _:
                how = f"{parts}, with the same mix in each"
        together = ["copies"] + ["near duplicates"] * self.near.isChecked()
        if self.together.currentData() != NOTHING:
            together.append(_TOGETHER[self.together.currentData()])
        return f"{how}. {text.listed(together).capitalize()} stay together."

    # ---- inside

    @Slot()
    def _on_edited(self, *_changed: object) -> None:
        way, together = self.way, self.together.currentData()
        self.fold.setMaximum(self.folds.value())
        rows = (
            (self.shares[0].parentWidget(), way in (SHARES, TIME)),
            (self.folds.parentWidget(), way == FOLDS),
            (self.time_by, way == TIME),
            (self.group_column, together == COLUMN),
            (self.pattern, together == PATTERN),
            (self.found, together == PATTERN),
        )
        for widget, shown in rows:
            self._form.setRowVisible(widget, shown)
        self.explanation.setText(_EXPLAINED[way])
        self._preview()
        self.changed.emit()

    def _preview(self) -> None:
        pattern = self.pattern.text().strip()
        problem = pattern_problem(pattern)
        self.found.setText(problem if problem and pattern else found_in(pattern, self._names))
        mark(self.pattern, bool(problem and pattern))


_EXPLAINED = {
    SHARES: "A model learns from the training part, is chosen by the validation part, and is judged once, at the end, "
    "by the test part. Each has the same mix.",
    SOURCE: "Folders named train, val and test, a column of the table, or files that come with the data say what "
    "belongs where. What is missing is taken from the training part.",
    FOLDS: "Import or split again with each number in turn: every item is then tested on once, and the mean over the "
    "parts is worth more than one test.",
    TIME: "The oldest items train, newer ones validate, the newest test: as it will be when the model is used.",
}
