"""The per-class table."""

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from tlstudio.gui.pages.results_data import FIGURES, WEAKEST, Row

SORT = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex
_NARROW, _WIDE, _NAME, _AROUND = 62, 100, 72, 18


class _Model(QAbstractTableModel):
    """The first column is the name, the others what ``FIGURES`` lists for the task."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.figures = FIGURES["classification"]
        self.first = "Class"

    def set_rows(self, rows: list[Row], task: str) -> None:
        self.beginResetModel()
        self.rows, self.figures = rows, FIGURES.get(task, ())
        self.first = {"multilabel": "Label", "regression": "Number"}.get(task, "Class")
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else 1 + len(self.figures)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return f"{self.figures[section - 1][1]}   " if section else self.first  # room for the sort mark
            if role == Qt.ItemDataRole.ToolTipRole:
                return self.figures[section - 1][2] if section else ""
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return _side(section)
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        row, column = self.rows[index.row()], index.column()
        key = self.figures[column - 1][0] if column else ""
        value = row.values.get(key) if column else row.name
        if role == SORT:
            return value if value is not None else float("-inf")
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return _text(key, value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        return None


def _text(key: str, value: float | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if key == "support":
        return f"{int(value):,}"
    if key in ("share", "predicted_share"):
        return f"{100 * value:.1f} %"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.4g}"


class ClassTable(QTableView):
    """``class_chosen`` carries the position of the class in the run's list of classes."""

    class_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Model()
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSortRole(SORT)
        self._proxy.setSourceModel(self._model)
        self.setModel(self._proxy)
        self.setAccessibleName("Figures of each class")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(34)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        self._task, self._longest = "", 0
        self.selectionModel().currentRowChanged.connect(self._on_row_changed)

    def set_rows(self, rows: list[Row], task: str = "classification") -> None:
        """The weakest stand first until the user sorts otherwise: that is where to look."""
        self._model.set_rows(rows, task)
        advance = self.fontMetrics().horizontalAdvance
        self._longest = max((advance(row.name) for row in rows), default=0) + _AROUND
        if task != self._task:
            self._task = task
            keys = [key for key, _, _ in self._model.figures]
            weakest = "f1" if task == "classification" else WEAKEST.get(task, "")
            if weakest in keys:
                self.sortByColumn(1 + keys.index(weakest), Qt.SortOrder.AscendingOrder)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """No head is cut off; where there is little room, the last column goes. Names take what the figures leave."""
        heads = [f"{title}   " for _, title, _ in self._model.figures]
        least = [max(_NARROW, self.fontMetrics().horizontalAdvance(head) + _AROUND) for head in heads]
        room = self.viewport().width()
        crowded = len(least) > 2 and _NAME + sum(least) > room
        shown = least[:-1] if crowded else least
        self.setColumnHidden(len(least), crowded)
        share = min(_WIDE, (room - max(_NAME, self._longest)) // max(1, len(shown)))
        widths = shown if max(shown, default=0) > share else [share] * len(shown)
        for column, width in enumerate(widths, 1):
            self.setColumnWidth(column, width)
        self.setColumnWidth(0, max(_NAME, room - sum(widths)))

    @Slot(QModelIndex, QModelIndex)
    def _on_row_changed(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.class_chosen.emit(self._proxy.mapToSource(now).row())


def _side(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
