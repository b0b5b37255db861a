"""A table of runs: sortable, with states as pills; opened by a double click or Enter."""

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSortFilterProxyModel, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.pages import run_words
from tlstudio.gui.pages.runs_model import RUN, SORT, RunsModel
from tlstudio.gui.session import Session
from tlstudio.project import Run

_WIDTHS = {"": 26, "run": 64, "state": 88, "val": 98, "test": 80, "interval": 122, "time": 66, "seed": 64}
_LEAST = {"method": 112, "backbone": 104, "data": 96}  # these share what is left,
_METHOD = 200  # after the method has so much
_GO_FIRST = ("data", "time", "backbone", "run")  # where the table is narrow


class _Sorted(QSortFilterProxyModel):
    dataset = ""

    def lessThan(self, left: QModelIndex | QPersistentModelIndex, right: QModelIndex | QPersistentModelIndex) -> bool:
        a, b = left.data(SORT), right.data(SORT)
        if a == b:
            return bool(left.data(RUN).id < right.data(RUN).id)
        return bool(a < b)

    def filterAcceptsRow(self, row: int, parent: QModelIndex | QPersistentModelIndex) -> bool:
        model = self.sourceModel()
        return not self.dataset or model.index(row, 0, parent).data(RUN).dataset == self.dataset


class _Pills(QStyledItemDelegate):
    """Paints a state as a pill, and the mark of the run that is open as a dot."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        run: Run = index.data(RUN)
        rect = QRectF(option.rect)
        super().paint(painter, option, QModelIndex())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme.tokens()
        if index.data() == "":
            marked = index.model().sourceModel().marked == run.id  # type: ignore[attr-defined]
            painter.setPen(tokens.color("text"))
            painter.setBrush(tokens.color("text") if marked else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(rect.center(), 4, 4)
        else:
            word = run_words.WORDS.get(run.state, run.state)
            font = theme.scaled_font(12)
            width = QFontMetrics(font).horizontalAdvance(word) + 20
            pill = QRectF(rect.left() + 6, rect.center().y() - 10, width, 21)
            front, back = tokens.tone(run_words.TONES.get(run.state, "neutral"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(back)
            painter.drawRoundedRect(pill, 10.5, 10.5)
            painter.setFont(font)
            painter.setPen(front)
            painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, word)
        painter.restore()


class RunsTable(QTableView):
    """``opened`` carries the id of a run; ``selection_changed`` that others are selected now."""

    opened = Signal(int)
    selection_changed = Signal()

    def __init__(self, session: Session, columns: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._model = RunsModel(session.registry, columns)
        self._proxy = _Sorted(self)
        self._proxy.setSourceModel(self._model)
        self.setModel(self._proxy)
        self.setAccessibleName("Runs")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(38)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._pills = _Pills(self)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        for place, column in enumerate(self._model.columns):
            if column.id in ("", "state"):
                self.setItemDelegateForColumn(place, self._pills)
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(place, _WIDTHS.get(column.id, 100))
        self.setSortingEnabled(True)
        first = next((i for i, c in enumerate(self._model.columns) if c.id in ("run", "")), 0)
        self.sortByColumn(first, Qt.SortOrder.DescendingOrder)
        self.doubleClicked.connect(self._on_double_clicked)
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        session.runs_changed.connect(self._on_runs_changed)
        self._on_runs_changed()

    def selected(self) -> list[Run]:
        """The selected runs, as they stand in the table from top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self._proxy.index(row, 0).data(RUN) for row in rows]

    def select(self, run_ids: set[int]) -> None:
        """Selects these runs and no others."""
        model = self.selectionModel()
        model.clearSelection()
        flags = model.SelectionFlag.Select | model.SelectionFlag.Rows
        for row in range(self._proxy.rowCount()):
            index = self._proxy.index(row, 0)
            if index.data(RUN).id in run_ids:
                model.select(index, flags)

    def set_dataset(self, name: str) -> None:
        """Only the runs on this data set; all of them where it is empty."""
        if name != self._proxy.dataset:
            self._proxy.dataset = name
            self._proxy.invalidate()

    def mark(self, run_id: int) -> None:
        self._model.mark(run_id)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        ids = [column.id for column in self._model.columns]
        shown, room = list(ids), self.viewport().width()
        for name in _GO_FIRST:
            if sum(_WIDTHS.get(i) or _LEAST[i] for i in shown) > room and name in shown:
                shown.remove(name)
        flexible = [name for name in shown if name in _LEAST]
        left = room - sum(_WIDTHS.get(name) or _LEAST[name] for name in shown)
        first = min(max(0, left), _METHOD - _LEAST["method"])
        for place, name in enumerate(ids):
            self.setColumnHidden(place, name not in shown)
            if name in flexible:
                more = first * (name == "method") + max(0, left - first) // len(flexible)
                self.setColumnWidth(place, _LEAST[name] + more)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().data(RUN).id)
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_double_clicked(self, index: QModelIndex) -> None:
        self.opened.emit(index.data(RUN).id)

    @Slot(object, object)
    def _on_selection_changed(self, _now: Any, _before: Any) -> None:
        self.selection_changed.emit()

    @Slot()
    def _on_runs_changed(self) -> None:
        kept = {run.id for run in self.selected()}
        fresh = [run.id for run in self._session.runs] != [run.id for run in self._model.runs]
        self._model.set_runs(list(self._session.runs))
        if fresh:
            self.select(kept)
