"""A tool of the Data page that asks a few things, then has a job do the work."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QPushButton, QWidget

from tlstudio.gui.pages.data_fields import narrow
from tlstudio.gui.pages.data_view import DataView
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import Banner, scrolled

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo


class DataJobView(DataView):
    """A banner, a column of cards in which :attr:`go` starts the job, and the job's panel below them."""

    go: QPushButton

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._seen: tuple[object, ...] = ()
        self._stopped = ""
        area, self._whole = scrolled()
        self.layout_.addWidget(area)
        self.column = narrow(self._whole)
        self.banner = Banner()
        self.column.addWidget(self.banner)

    def add_job(self, title: str, stopped: str) -> None:
        """The last thing in the column. ``stopped``: what is said when the job was stopped."""
        self._stopped = stopped
        self.job = JobPanel(title)
        self.job.finished.connect(self._on_finished)
        self.job.stopped.connect(self._on_stopped)
        self.job.failed.connect(self._on_failed)
        self.job.hide()
        self.column.addWidget(self.job)
        self._whole.addStretch(1)

    def is_another(self, dataset: "DatasetInfo") -> bool:
        """Whether another one was shown last; then what was said of that one is gone."""
        seen = (self.project_path, dataset.id)
        if seen == self._seen:
            return False
        self._seen = seen
        self.banner.set("")
        if not self.job.busy:
            self.job.hide()
        return True

    def start(self, name: str, title: str, arguments: dict[str, Any]) -> None:
        self.banner.set("")
        self.go.setEnabled(False)
        self.job.begin(title)
        self.job.follow(self.session.start_job(name, arguments, self.job.on_event))

    def done(self, result: dict[str, Any]) -> None:
        """Says what came of the job."""
        raise NotImplementedError

    @Slot()
    def _update(self, *_changed: object) -> None:
        """The form as it is now: what is wrong with it, and whether the job can start."""
        raise NotImplementedError

    @Slot(dict)
    def _on_finished(self, result: dict[str, Any]) -> None:
        self.job.hide()
        self._update()
        self.done(result)

    @Slot()
    def _on_stopped(self) -> None:
        self.job.hide()
        self._update()
        self.banner.set(self._stopped, "neutral")

    @Slot(str)
    def _on_failed(self, sentence: str) -> None:
        self.job.hide()
        self._update()
        self.banner.set(sentence, "error")
