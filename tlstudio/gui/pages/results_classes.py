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

from tlstudio.gui.pages.results_data import ClassRow

SORT = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex
_TITLES = ("Class", "Precision", "Recall", "F1", "Pictures")
_WIDTHS = {1: 88, 2: 72, 3: 58, 4: 84}
_TIPS = (
    "",
    "Of what was called this, the share that is",
    "Of what is this, the share that was found",
    "Between precision and recall (harmonic mean)",
    "How many pictures of the split are this",
)


class _Model(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[ClassRow] = []

    def set_rows(self, rows: list[ClassRow]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return f"{_TITLES[section]}   " if section else _TITLES[0]  # room for the sort mark
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TIPS[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return _side(section)
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        row = self.rows[index.row()]
        value = (row.name, row.precision, row.recall, row.f1, row.support)[index.column()]
        if role == SORT:
            return value
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return f"{value:.2f}" if isinstance(value, float) else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(index.column())
        return None


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
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        self.sortByColumn(3, Qt.SortOrder.AscendingOrder)  # the weakest first: that is where to look
        self.selectionModel().currentRowChanged.connect(self._on_row_changed)

    def set_rows(self, rows: list[ClassRow]) -> None:
        self._model.set_rows(rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setColumnWidth(0, max(110, self.viewport().width() - sum(_WIDTHS.values())))

    @Slot(QModelIndex, QModelIndex)
    def _on_row_changed(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.class_chosen.emit(self._proxy.mapToSource(now).row())


def _side(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
