"""A list of runs to choose one from; it follows the session's selected run."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from tlstudio.gui.pages import run_words
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.elided_combo import ElidedCombo
from tlstudio.project import Run


def with_results(run: Run) -> bool:
    return run.state in ("finished", "stopped") and bool(run.metrics)


def with_model(run: Run) -> bool:
    return bool(run.model)


class RunChooser(ElidedCombo):
    """``run_chosen`` carries the id of the run that is to be shown now; 0 where there is none."""

    run_chosen = Signal(int)

    def __init__(self, session: Session, wanted: Callable[[Run], bool], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._wanted = session, wanted
        self._shown = -1
        self.setAccessibleName("Run")
        self.setMinimumWidth(160)
        self.setMaximumWidth(420)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(28)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.activated.connect(self._on_activated)
        session.runs_changed.connect(self.refresh)
        session.selected_run_changed.connect(self.refresh)
        session.project_changed.connect(self._on_project_changed)

    @property
    def run_id(self) -> int:
        return int(self.currentData() or 0)

    @property
    def run(self) -> Run | None:
        return self._session.run(self.run_id) if self.run_id else None

    @Slot()
    def refresh(self, _run_id: int = 0) -> None:
        """Lists the runs again, newest first; shows the selected one, or else stays, or else takes the newest."""
        runs = [run for run in reversed(self._session.runs) if self._wanted(run)]
        ids = [run.id for run in runs]
        kept = self.run_id
        if ids != [self.itemData(i) for i in range(self.count())]:
            self.clear()
            for run in runs:
                self.addItem(run_words.short(self._session.registry, run), run.id)
        selected = self._session.selected_run
        target = next((run_id for run_id in (selected, kept) if run_id in ids), ids[0] if ids else 0)
        self.setCurrentIndex(ids.index(target) if target else -1)
        self._explain()
        self._tell()

    def _explain(self) -> None:
        run = self.run
        self.setToolTip(run_words.about(self._session.registry, run) if run else "")

    def _tell(self) -> None:
        if self.run_id != self._shown:
            self._shown = self.run_id
            self.run_chosen.emit(self.run_id)

    @Slot(int)
    def _on_activated(self, _index: int) -> None:
        self._explain()
        self._session.select_run(self.run_id)
        self._tell()

    @Slot()
    def _on_project_changed(self) -> None:
        self._shown = -1
        self.clear()
