"""The runs of a project as a table."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from tlstudio.estimating import clock
from tlstudio.gui.pages import run_words
from tlstudio.gui.plots.curves import is_share, lower_is_better
from tlstudio.project import Run
from tlstudio.registry import Registry

SORT = Qt.ItemDataRole.UserRole
RUN = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex


@dataclasses.dataclass(frozen=True)
class Column:
    """``shown`` and ``sort`` are given the registry and the run. ``numeric``: at the right."""

    id: str
    title: str
    shown: Callable[[Registry, Run], str]
    sort: Callable[[Registry, Run], Any]
    numeric: bool = False
    tip: str = ""


def _order(run: Run, split: str) -> float:
    """Better is larger; runs without a score come last."""
    value = run.score(split)
    if value is None:
        return -math.inf
    return -value if lower_is_better(run.select_by) else value


def seconds_of(run: Run) -> float | None:
    """What the run took, or has taken so far."""
    if run.seconds.get("total"):
        return run.seconds["total"]
    if run.started is None:
        return None
    return (run.ended or time.time()) - run.started


def _interval(_registry: Registry, run: Run) -> str:
    for split in ("test", "val"):
        low, high = run.score(split, "_low"), run.score(split, "_high")
        if low is not None and high is not None:
            if is_share(run.select_by):
                return f"{low * 100:.1f} – {high * 100:.1f}"
            return f"{low:.3g} – {high:.3g}"
    return "–"


def _time(_registry: Registry, run: Run) -> str:
    seconds = seconds_of(run)
    return "–" if seconds is None else clock(seconds)


COLUMNS = {
    column.id: column
    for column in (
        Column("", "", lambda _, run: "", lambda _, run: run.id),
        Column("run", "Run", lambda _, run: str(run.id), lambda _, run: run.id, True),
        Column("state", "State", lambda _, run: run.state, lambda _, run: run.state),
        Column(
            "method",
            "Method",
            run_words.method_with_recipe,
            run_words.method_with_recipe,
        ),
        Column("backbone", "Backbone", run_words.backbone_title, run_words.backbone_title),
        Column(
            "data",
            "Data",
            lambda _, run: f"{run.dataset} · r{run.revision}",
            lambda _, run: (run.dataset, run.revision),
        ),
        Column(
            "val",
            "Validation",
            lambda _, run: run_words.score(run, "val"),
            lambda _, run: _order(run, "val"),
            True,
            "On the validation split: the metric by which the model was chosen",
        ),
        Column(
            "test",
            "Test",
            lambda _, run: run_words.score(run, "test"),
            lambda _, run: _order(run, "test"),
            True,
            "The same on the test split, looked at once",
        ),
        Column(
            "interval",
            "95 % interval",
            _interval,
            lambda _, run: run.score("test", "_low") or run.score("val", "_low") or -1.0,
            True,
            "Where the score lies with a probability of 95 %: of the test split, or of validation before it",
        ),
        Column("time", "Time", _time, lambda _, run: seconds_of(run) or -1.0, True),
        Column("seed", "Seed", lambda _, run: str(run.seed), lambda _, run: run.seed, True),
    )
}


class RunsModel(QAbstractTableModel):
    """Rows are runs; ``marked`` is the id of the one that is open."""

    def __init__(self, registry: Registry, columns: tuple[str, ...]) -> None:
        super().__init__()
        self._registry = registry
        self.columns = [COLUMNS[name] for name in columns]
        self.runs: list[Run] = []
        self.marked = 0

    def set_runs(self, runs: list[Run]) -> None:
        """Keeps rows where they are when the same runs come again with other values."""
        if [run.id for run in runs] == [run.id for run in self.runs]:
            self.runs = runs
            if runs:
                self.dataChanged.emit(self.index(0, 0), self.index(len(runs) - 1, len(self.columns) - 1))
            return
        self.beginResetModel()
        self.runs = runs
        self.endResetModel()

    def mark(self, run_id: int) -> None:
        if run_id != self.marked:
            self.marked = run_id
            if self.runs:
                self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs) - 1, len(self.columns) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return f"{column.title}   " if column.numeric else column.title  # room for the sort mark
            case Qt.ItemDataRole.ToolTipRole:
                return column.tip
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(column)
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        run, column = self.runs[index.row()], self.columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.shown(self._registry, run)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(column)
            case Qt.ItemDataRole.ToolTipRole:
                text = column.shown(self._registry, run)
                if column.id == "method":
                    return run_words.about(self._registry, run)
                return f"{text}\n{run.reason}" if column.id == "state" and run.reason else text
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{column.title}: {column.shown(self._registry, run)}"
            case _ if role == SORT:
                return column.sort(self._registry, run)
            case _ if role == RUN:
                return run
        return None


def _side(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.numeric else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
