"""The import of a data set as the Data page sees it: the form, then the job, then what came of it."""

from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.data_import import ImportForm
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel


class Importing(QObject):
    """``view_asked`` carries the widget that is to be shown; ``done`` the name and the job's result."""

    view_asked = Signal(object)
    done = Signal(str, dict)

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.name = ""
        self.form = ImportForm(session)
        self.form.accepted.connect(self._on_accepted)
        self.job = JobPanel("Importing")
        self.job.finished.connect(self._on_finished)
        self.job.stopped.connect(self._on_stopped)
        self.job.failed.connect(self._on_failed)
        self.job_view = QWidget()
        column = QVBoxLayout(self.job_view)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.job)
        column.addStretch(1)

    def begin(self, source: str) -> None:
        """The form; where an import is going on, its progress."""
        if self.job.busy:
            self.view_asked.emit(self.job_view)
            return
        self.view_asked.emit(self.form)
        self.form.begin(source)

    @Slot(dict)
    def _on_accepted(self, arguments: dict[str, Any]) -> None:
        self.name = arguments["name"]
        self.job.begin(f"Importing {self.name}")
        self.view_asked.emit(self.job_view)
        self.job.follow(self._session.start_job("import-data", arguments, self.job.on_event))
        self._session.set_status(f"Importing {self.name}")

    @Slot(dict)
    def _on_finished(self, result: dict[str, Any]) -> None:
        self._session.set_status("")
        self.done.emit(self.name, result)

    @Slot()
    def _on_stopped(self) -> None:
        self._session.set_status("")
        self.view_asked.emit(self.form)
        self.form.error.set("The import was stopped; nothing of it was kept.", "neutral")

    @Slot(str)
    def _on_failed(self, sentence: str) -> None:
        self._session.set_status("")
        self.view_asked.emit(self.form)
        self.form.show_error(sentence)

    def summary(self, result: dict[str, Any]) -> str:
        """One sentence about what was imported."""
        modality = str(result.get("modality", "image"))
        known = [one for one in self._session.registry.modalities() if one.id == modality]
        items = text.plural(result.get("items", 0), *(known[0].noun if known else ("item", "items")))
        skipped = result.get("skipped", 0)
        left_out = f"; {text.plural(skipped, 'file')} left out, with reasons under Findings" if skipped else ""
        return f"{self.name} is imported: {items}{left_out}."
