"""The table of a comparison: a row for each method."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from tlstudio.comparing import report
from tlstudio.comparing.table import Row, Table
from tlstudio.gui import theme

_WIDTHS = {
    "state": 150, "score": 126, "interval": 124, "behind": 128, "verdict": 156, "time": 80, "trained": 136,
    "size": 80, "latency": 84,
}  # fmt: skip
_METHOD = 170
_LOW, _TALL = 38, 54  # of a row, with one line and with two
_GO_FIRST = ("behind", "trained", "size", "interval", "latency")  # where the window is narrow


class CompareTable(QTableWidget):
    """``opened`` carries the first run of the row that was asked for."""

    opened = Signal(int)
    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []
        self.setAccessibleName("Methods side by side")
        self.setColumnCount(len(report.COLUMNS))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_LOW)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for place, column in enumerate(report.COLUMNS):
            head = QTableWidgetItem(column.title)
            head.setTextAlignment(_side(column.numeric))
            head.setToolTip(column.tip)
            self.setHorizontalHeaderItem(place, head)
            self.setColumnWidth(place, _WIDTHS.get(column.id, _METHOD))
        self.cellDoubleClicked.connect(self._on_double_clicked)
        self.itemSelectionChanged.connect(self.chosen)

    @property
    def current(self) -> Row | None:
        place = self.currentRow()
        return self.rows[place] if 0 <= place < len(self.rows) and self.selectedItems() else None

    def show_table(self, table: Table | None, metric_title: str = "") -> None:
        """Rows stay where they are, and selected, while the same methods come again with other values."""
        rows = list(table.rows) if table else []
        if table is not None and not table.complete:
            rows.sort(key=lambda row: row.runs[0].id)  # nothing moves while numbers arrive
        kept = self.current.title if self.current else ""
        self.rows = rows
        self.setRowCount(len(rows))
        self.verticalHeader().setDefaultSectionSize(_TALL if any(row.apart for row in rows) else _LOW)
        score = next(place for place, column in enumerate(report.COLUMNS) if column.id == "score")
        if head := self.horizontalHeaderItem(score):
            head.setText(metric_title or "Test")
        for place, row in enumerate(rows):
            assert table is not None
            tip = "\n".join([row.title, *row.problems])
            for number, column in enumerate(report.COLUMNS):
                item = self.item(place, number)
                if item is None:
                    item = QTableWidgetItem()
                    item.setTextAlignment(_side(column.numeric))
                    self.setItem(place, number, item)
                text = column.shown(table, row)
                item.setText(f"{row.name}\n{row.apart}" if column.id == "method" and row.apart else text)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{column.title}: {text}")
                item.setToolTip(tip if column.id in ("method", "state") else column.whole(table, row) or text)
                item.setFont(theme.scaled_font(14, bold=row.best and column.id in ("method", "score", "verdict")))
            if row.title == kept:
                self.selectRow(place)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        ids = [column.id for column in report.COLUMNS]
        shown, room = list(ids), self.viewport().width()
        for name in _GO_FIRST:
            if _METHOD + sum(_WIDTHS.get(one, 0) for one in shown) > room:
                shown.remove(name)
        left = room - sum(_WIDTHS[name] for name in shown if name in _WIDTHS)
        for place, name in enumerate(ids):
            self.setColumnHidden(place, name not in shown)
            if name == "method":
                self.setColumnWidth(place, max(_METHOD, left))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current is not None:
            self.opened.emit(self.current.runs[0].id)
        else:
            super().keyPressEvent(event)

    @Slot(int, int)
    def _on_double_clicked(self, place: int, _column: int) -> None:
        self.opened.emit(self.rows[place].runs[0].id)


def _side(numeric: bool) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
