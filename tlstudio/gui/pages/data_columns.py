"""Which column of a table is what: its first rows with a drop-down over each column."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from tlstudio.api.options import Options
from tlstudio.gui.widgets.kit import small_label

IGNORE = "ignore"
ROLES = {
    IGNORE: "not used", "sample": "sample", "file": "file", "text": "text", "label": "label", "labels": "labels",
    "number": "number", "mask": "mask", "split": "split", "group": "group", "time": "time", "partner": "partner",
}  # fmt: skip
SEVERAL = frozenset({"labels", "number"})  # roles that more than one column may have
_ASKED = "What is in which column? Below are the first rows."
_ROWS, _COLUMNS, _WIDTH, _MOST_WIDTH = 6, 60, 148, 280


class ColumnTable(QWidget):
    """``changed`` when another role was chosen; :meth:`roles` has a role for each column."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns: tuple[str, ...] = ()
        self._shown: tuple[object, ...] = ()
        self._unshown: dict[str, str] = {}  # roles of columns that there is no room for
        self._boxes: list[QComboBox] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.note = small_label(_ASKED)
        column.addWidget(self.note)
        self.table = QTableWidget()
        self.table.setAccessibleName("The first rows of the table")
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(30)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setHorizontalScrollMode(QTableWidget.ScrollMode.ScrollPerPixel)
        column.addWidget(self.table)

    def show_table(
        self, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], roles: Mapping[str, str], known: set[str]
    ) -> None:
        """``roles``: of some columns, as recognised; ``known``: the roles that the format can take (none: what is
        what needs no telling)."""
        rows = rows[:_ROWS]
        self._unshown = {name: roles.get(name, IGNORE) for name in columns[_COLUMNS:]}
        total, columns = len(columns), columns[:_COLUMNS]
        shown = (columns, rows, frozenset(known))
        if shown == self._shown:
            self._choose(roles)
            return
        self._shown = shown
        self._columns, self._boxes = columns, []
        first = bool(known)
        note = _ASKED if known else "The first of them:"
        self.note.setText(note if total <= _COLUMNS else f"{note} {_COLUMNS} of {total:,} columns are shown.")
        self.table.clear()
        self.table.setColumnCount(len(columns))
        self.table.setRowCount(len(rows) + first)
        self.table.setHorizontalHeaderLabels([name or f"column {at + 1}" for at, name in enumerate(columns)])
        for at, name in enumerate(columns):
            if known:
                box = self._role_box(name, roles.get(name, IGNORE), known)
                self._boxes.append(box)
                self.table.setCellWidget(0, at, box)
            widest = max((len(row[at]) for row in rows if at < len(row)), default=0)
            width = self.fontMetrics().averageCharWidth() * max(widest, len(name)) + 44
            self.table.setColumnWidth(at, min(_MOST_WIDTH, max(_WIDTH, width)))
            header = self.table.horizontalHeaderItem(at)
            if header is not None:
                header.setToolTip(name)
            for line, row in enumerate(rows):
                item = QTableWidgetItem(row[at] if at < len(row) else "")
                item.setToolTip(item.text())
                self.table.setItem(line + first, at, item)
        if known:
            self.table.setRowHeight(0, 40)
        self.table.setFixedHeight(40 * first + 30 * len(rows) + self.table.horizontalHeader().sizeHint().height() + 18)

    def roles(self) -> dict[str, str]:
        shown = {name: str(box.currentData()) for name, box in zip(self._columns, self._boxes, strict=False)}
        return shown | self._unshown if shown else {}

    def column_of(self, role: str) -> str:
        return next((name for name, own in self.roles().items() if own == role), "")

    def box(self, column: str) -> QComboBox:
        return self._boxes[self._columns.index(column)]

    def _choose(self, roles: Mapping[str, str]) -> None:
        """Other roles for the same table; whoever is at one of the boxes stays there."""
        for name, box in zip(self._columns, self._boxes, strict=False):
            box.blockSignals(True)
            box.setCurrentIndex(max(0, box.findData(roles.get(name, IGNORE))))
            box.blockSignals(False)

    def _role_box(self, column: str, role: str, known: set[str]) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(f"What is in the column {column}")
        model = box.model()
        for value, words in ROLES.items():
            box.addItem(words, value)
            if value not in known and value != IGNORE:
                index = model.index(box.count() - 1, 0)
                model.setData(index, 0, Qt.ItemDataRole.UserRole - 1)  # not to be chosen, and grey
                reason = "Neither the format nor the task chosen above takes such a column."
                model.setData(index, reason, Qt.ItemDataRole.ToolTipRole)
        box.setCurrentIndex(max(0, box.findData(role)))
        box.currentIndexChanged.connect(self._on_role)
        return box

    @Slot(int)
    def _on_role(self, _index: int) -> None:
        """A role that only one column can have is taken from the column that had it."""
        changed = self.sender()
        role = changed.currentData() if isinstance(changed, QComboBox) else IGNORE
        if role != IGNORE and role not in SEVERAL:
            for box in self._boxes:
                if box is not changed and box.currentData() == role:
                    box.blockSignals(True)
                    box.setCurrentIndex(0)
                    box.blockSignals(False)
        self.changed.emit()


def options_of_roles(model: type[Options]) -> dict[str, str]:
    """The names of the options that say which column has which role, by role; one label and several share one."""
    found = {}
    for role in ROLES:
        stem = role.removesuffix("s") if role in SEVERAL else role
        for name in (f"{stem}_column", f"{stem}_columns"):
            if name in model.model_fields and (role != "labels" or name.endswith("s")):
                found[role] = name
    return found


def roles_in(options: Mapping[str, Any], names: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """The role of each column that ``options`` name: lists, or texts with commas between the names."""
    roles: dict[str, str] = {}
    for role, name in names.items():
        value: Any = options.get(name) or ()
        whole = isinstance(value, str)
        chosen = [value] if whole and value in columns else value.split(",") if whole else list(value)
        chosen = [str(column).strip() for column in chosen]
        if role not in ("label", "labels") or (role == "labels") == (len(chosen) > 1):
            roles.update({column: role for column in chosen if column})
    return roles


def options_from(roles: Mapping[str, str], names: Mapping[str, str], model: type[Options]) -> dict[str, Any]:
    """The other way round: the values of the options, empty where no column has the role."""
    chosen: dict[str, list[str]] = {name: [] for name in names.values()}
    for column, role in roles.items():
        if role in names:
            chosen[names[role]].append(column)
    texts = {name for name in chosen if isinstance(model.model_fields[name].get_default(), str)}
    return {name: ", ".join(columns) if name in texts else columns for name, columns in chosen.items()}
