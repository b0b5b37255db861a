"""How a data set is divided, as a form: for an import, and for a data set that is there already."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tlstudio.data.resplitting import SAME_FOLDER
from tlstudio.gui.pages import data_split_words as words
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
from tlstudio.gui.pages.data_split_words import COLUMN, FILES, FOLDS, PATTERN, SHARES, SOURCE, TIME
from tlstudio.gui.plots.flow import Flow
from tlstudio.gui.widgets.kit import muted_label, padded, pill_button, small_label


class SplitForm(QWidget):
    """``changed`` after every edit; :meth:`problem` then says what is wrong, and :meth:`arguments` what was chosen."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None, *, source: bool = True) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self._ways(source))
        self.explanation = muted_label()
        self.explanation.setMinimumHeight(2 * self.explanation.fontMetrics().lineSpacing() + 4)
        self.explanation.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.explanation)
        form = self._form = form_layout()
        self._shares_host, self._folds_host = self._shares_row(), self._folds_row()
        add_row(form, "Parts", self._shares_host)
        add_row(form, "Folds", self._folds_host)
        self.time_by = column_box("Column with the time", "a column with dates or numbers")
        self.time_by.editTextChanged.connect(self._on_edited)
        add_row(form, "Time", self.time_by)
        self.lists = QLineEdit()
        self.lists.setAccessibleName("Table or folder with lists of what belongs where")
        self.lists.setPlaceholderText("a table (CSV), or a folder with train.txt, val.txt and test.txt")
        self.lists.textChanged.connect(self._on_edited)
        add_row(form, "Lists", self.lists)
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
        self.found.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
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

    def _ways(self, source: bool) -> QWidget:
        self._ways_by_name = {way: pill_button(name, checkable=True) for way, name in words.WAYS.items()}
        self.by_share, self.by_folder = self._ways_by_name[SHARES], self._ways_by_name[SOURCE]
        self.by_fold, self.by_time = self._ways_by_name[FOLDS], self._ways_by_name[TIME]
        group, host = QButtonGroup(self), QWidget()
        row = Flow(host)
        for way, made in self._ways_by_name.items():
            group.addButton(made)
            if way != SOURCE or source:
                row.addWidget(made)
        self.by_share.setChecked(True)
        group.buttonToggled.connect(self._on_edited)
        return host

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
        for value, name in words.TOGETHER.items():
            self.together.addItem(name[0].upper() + name[1:], value)
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
            case "files":
                return f"files:{self.lists.text().strip()}"
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
        if self.way == FILES and not Path(self.lists.text().strip() or " ").expanduser().exists():
            return "Name the table, or the folder with lists, that says which sample belongs where."
        if self.together.currentData() == COLUMN and not self.group_column.currentText().strip():
            return "Choose the column whose equal values stay together."
        return pattern_problem(self.pattern.text().strip()) if self.together.currentData() == PATTERN else ""

    def sentence(self) -> str:
        """What will be done, in words."""
        shares = tuple(share.value() for share in self.shares)
        return words.sentence(
            self.way, shares, (self.folds.value(), self.fold.value()), self.near.isChecked(),
            str(self.together.currentData()),
        )  # fmt: skip

    # ---- inside

    @Slot()
    def _on_edited(self, *_changed: object) -> None:
        way, together = self.way, self.together.currentData()
        self.fold.setMaximum(self.folds.value())
        rows = (
            (self._shares_host, way in (SHARES, TIME)),
            (self._folds_host, way == FOLDS),
            (self.time_by, way == TIME),
            (self.lists, way == FILES),
            (self.group_column, together == COLUMN),
            (self.pattern, together == PATTERN),
            (self.found, together == PATTERN),
        )
        for widget, shown in rows:
            self._form.setRowVisible(widget, shown)
        self.explanation.setText(words.EXPLAINED[way])
        self._preview()
        self.changed.emit()

    def _preview(self) -> None:
        pattern = self.pattern.text().strip()
        problem = pattern_problem(pattern)
        self.found.setText(problem if problem and pattern else found_in(pattern, self._names))
        mark(self.pattern, bool(problem and pattern))
