"""What sets the selected runs apart."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from tlstudio import recipes
from tlstudio.gui.options_fields import spell
from tlstudio.gui.pages import run_words
from tlstudio.project import Run
from tlstudio.registry import Registry


def differences(registry: Registry, runs: list[Run]) -> list[tuple[str, list[str]]]:
    """Settings that are not the same in all ``runs``: a title, and the value in each."""
    rows: list[tuple[str, list[str]]] = [
        ("Data", [f"{run.dataset} · r{run.revision}" for run in runs]),
        ("Backbone", [run_words.backbone_title(registry, run) for run in runs]),
        ("Weights", [run.weights or "–" for run in runs]),
        ("Method", [run_words.method_title(registry, run.method) for run in runs]),
        ("Seed", [str(run.seed) for run in runs]),
        ("Recipe", [_recipe(run) for run in runs]),
    ]
    names: dict[str, str] = {}
    for run in runs:
        known = {m.id: m for m in registry.methods()}.get(run.method)
        for name in run.options:
            field = known.options.model_fields.get(name) if known else None
            names.setdefault(name, (field.title if field else None) or name.replace("_", " "))
    for name, title in names.items():
        rows.append((title, [spell(run.options[name]) if name in run.options else "–" for run in runs]))
    return [(title, values) for title, values in rows if len(set(values)) > 1]


def _recipe(run: Run) -> str:
    """What its options began with."""
    chosen = recipes.of_run(run)
    return chosen.title if chosen else "–"


class DifferencesTable(QTableWidget):
    """One row for each setting that differs, one column for each run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Differences between the selected runs")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(32)

    def show_runs(self, registry: Registry, runs: list[Run]) -> int:
        """Returns how many settings differ."""
        found = differences(registry, runs)
        self.clear()
        self.setRowCount(len(found))
        self.setColumnCount(len(runs) + 1)
        self.setHorizontalHeaderLabels(["", *(f"run {run.id}" for run in runs)])
        for row, (title, values) in enumerate(found):
            for column, text in enumerate([title, *values]):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.setItem(row, column, item)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(96)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(0, 128)
        return len(found)
