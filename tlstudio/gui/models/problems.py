"""Files that were left out of a data set, with reasons, as a table."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

if TYPE_CHECKING:
    from tlstudio.project import SkippedFile

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_HEADERS = ("File", "Why it was left out")


class ProblemsModel(QAbstractTableModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[SkippedFile] = []

    def show_rows(self, rows: "list[SkippedFile]") -> None:
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, _parent: Index = _NOWHERE) -> int:
        return len(self._rows)

    def columnCount(self, _parent: Index = _NOWHERE) -> int:
        return len(_HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADERS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            row = self._rows[index.row()]
            return row.path if index.column() == 0 else row.reason
        return None
