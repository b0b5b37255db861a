"""The table of controls of a run, and what else is known of its attention, in words."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from tlstudio.gui.pages.results_cards import shown

_COLUMNS = ("", "figure", "model minus it", "won : lost")
_HELP = (
    "What is compared",
    "The metric by which the run was chosen; its 95 % interval is told by the cell",
    "Difference of the shares of right answers on the same items, in points, with the 95 % interval of a paired "
    "bootstrap: beyond zero it is more than chance",
    "Items on which the model is right and the control wrong, and the other way round",
)
_NAMES, _MARGIN = 130, 24  # pixels: for the names at least, which wrap; around the words of a header
_KINDS = {
    "baseline": "must be beaten",
    "ablation": "must be worse",
    "comparison": "for comparison",
    "model": "the model",
}


class ControlTable(QTableWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setAccessibleName("The model and its controls")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().setVisible(False)
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        for column, text in enumerate(_HELP):
            item = self.horizontalHeaderItem(column)
            if item is not None:
                item.setToolTip(text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Names get what is left; wins and losses are shown where the names need none of their room, and intervals go
        below their figures before names become too narrow.
        """
        room, last = self.viewport().width(), len(_COLUMNS) - 1
        self._break_margins(False)
        names, *others = self._wanted()
        narrow = names + sum(others) > room
        if narrow is not self.isColumnHidden(last):
            self.setColumnHidden(last, narrow)
        if narrow:
            self._break_margins(_NAMES + sum(others[:-1]) > room)
        for column in range(1, last + 1):
            self.resizeColumnToContents(column)
        self.setColumnWidth(0, max(_NAMES, room - sum(self.columnWidth(column) for column in range(1, last + 1))))
        self.resizeRowsToContents()
        self.setMinimumHeight(self.horizontalHeader().height() + self.verticalHeader().length() + 2)

    def _wanted(self) -> list[int]:
        words = self.horizontalHeader().fontMetrics()
        return [max(self.sizeHintForColumn(c), words.horizontalAdvance(t) + _MARGIN) for c, t in enumerate(_COLUMNS)]

    def _break_margins(self, broken: bool) -> None:
        old, new = ("  (", "\n(") if broken else ("\n(", "  (")
        for row in range(self.rowCount()):
            item = self.item(row, 2)
            if item is not None and old in item.text():
                item.setText(item.text().replace(old, new))

    def show_rows(self, rows: list[dict[str, Any]], percent: bool) -> None:
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            cells = (
                str(row["title"]),
                "–" if row.get("value") is None else shown(row["value"], percent),
                _margin(row),
                f"{row['won']} : {row['lost']}" if "won" in row else "",
            )
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                kind = _KINDS.get(str(row.get("kind")), "")
                item.setToolTip(_interval(row, percent) if column == 1 else f"{text}: {kind}" if not column else kind)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if row.get("kind") == "model":
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
                self.setItem(number, column, item)
        self._fit()


def _interval(row: dict[str, Any], percent: bool) -> str:
    low, high = row.get("value_low"), row.get("value_high")
    if low is None or high is None:
        return ""
    return f"between {shown(low, percent)} and {shown(high, percent)} with a probability of 95 %"


def _margin(row: dict[str, Any]) -> str:
    if "difference" not in row:
        return ""
    return f"{100 * row['difference']:+.1f}  ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"


def about(values: dict[str, Any], count: int) -> list[str]:
    """Sentences about flips, faithfulness and gates."""
    said = [
        f"In {values.get('flips', 0)} of {count} items the answer from the region is another than that of the target "
        "network, which led it there."
    ]
    areas = values.get("faithfulness") or {}
    if {"deletion", "insertion", "deletion_elsewhere", "insertion_elsewhere"} <= areas.keys():
        faithful = areas["deletion"] < areas["deletion_elsewhere"] and areas["insertion"] > areas["insertion_elsewhere"]
        said.append(
            f"Taking the region away first leaves the answer {areas['deletion']:.2f} of its probability on average, "
            f"taking away as much elsewhere {areas['deletion_elsewhere']:.2f} (less is better); showing the region "
            f"first gives it {areas['insertion']:.2f}, elsewhere {areas['insertion_elsewhere']:.2f} (more is better). "
            + (
                "Both speak for the region."
                if faithful
                else "So the region is not shown to be what the answer rests on."
            )
        )
    for name, top in list((values.get("gates") or {}).items())[:12]:
        channels = ", ".join(f"{int(channel)} (×{gate:.2f})" for channel, gate in top[:5])
        said.append(f"Opened widest for {name}: channels {channels}.")
    return said
