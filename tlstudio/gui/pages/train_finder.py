"""The learning rate and the batch size for what stands on the Train page, found before anything is trained."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from tlstudio.gui.options_form import OptionsForm
from tlstudio.gui.pages.train_finder_chart import FinderChart
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import Banner, Card, button, link_button, muted_label, primary_button, small_label

Request = Callable[[], dict[str, Any] | None]


class FinderDoor(QObject):
    """The link in the card of the options. ``request``: what the page would train, ``None`` where it cannot yet."""

    def __init__(self, session: Session, page: QWidget, form: OptionsForm, request: Request, card: Card) -> None:
        super().__init__(page)
        self._session, self._page, self._form, self._request = session, page, form, request
        self.dialog: FinderDialog | None = None
        self.link = link_button("Find…")
        self.link.setToolTip("Proposes a learning rate and a batch size, by trying some on a copy that is thrown away")
        self.link.clicked.connect(self.open)
        card.header.insertWidget(max(0, card.header.count() - 2), self.link)

    @Slot()
    def open(self) -> None:
        self.dialog = FinderDialog(self._session, self._wanted(), self._page)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.wanted.connect(self._on_wanted)
        self.dialog.open()

    def _wanted(self) -> dict[str, Any] | None:
        """The arguments of the jobs."""
        request, project = self._request(), self._session.project
        if request is None or project is None:
            return None
        seeds = request.pop("seeds", None) or [0]
        request |= {
            "seed": seeds[0],
            "options": self._form.values() if request["recipe"] else self._form.changed_values(),
            "runtime": request["runtime"].model_dump(mode="json"),
        }
        return {"project": str(project.path), "request": request}

    @Slot(str, object)
    def _on_wanted(self, option: str, value: object) -> None:
        self._form.set_values({**self._form.values(), option: value})
        self._form.changed.emit()


class FinderDialog(QDialog):
    """``wanted`` carries an option of the method and the value to set it to."""

    wanted = Signal(str, object)

    def __init__(self, session: Session, arguments: dict[str, Any] | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._arguments = session, arguments
        self._found: dict[str, Any] = {}
        self.setWindowTitle("Find a learning rate, or a batch size")
        self.setMinimumSize(620, 520)
        self.rate, self.batch = button("Learning rate"), button("Batch size")
        self.panel = JobPanel("Trying")
        self.panel.hide()
        self.chart = FinderChart()
        self.caption, self.sentence, self.note = small_label(), muted_label(), small_label()
        self.banner = Banner()
        self.use, self.close_button = primary_button("Use it"), button("Close")
        self._lay_out()
        self.rate.clicked.connect(self.find_rate)
        self.batch.clicked.connect(self.find_batch)
        self.use.clicked.connect(self._on_use)
        self.close_button.clicked.connect(self.reject)
        self.panel.finished.connect(self._on_found)
        self.panel.stopped.connect(self._on_ended)
        self.panel.failed.connect(self._on_ended)
        self.finished.connect(self.panel.stop)
        self._on_ended()
        if arguments is None:
            self.banner.set("Choose data, a backbone and a method first, with options that can be used.", "error")

    def _lay_out(self) -> None:
        top, bottom = QHBoxLayout(), QHBoxLayout()
        for widget in (self.rate, self.batch):
            top.addWidget(widget)
        top.addStretch(1)
        bottom.addWidget(self.sentence, 1)
        bottom.addWidget(self.close_button)
        bottom.addWidget(self.use)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(
            muted_label(
                "Some steps are made on a copy of the run that you are about to make, and thrown away: at rising "
                "learning rates until the loss runs away, or with larger and larger batches until nothing is gained."
            )
        )
        layout.addLayout(top)
        layout.addWidget(self.banner)
        layout.addWidget(self.panel)
        layout.addWidget(self.caption)
        layout.addWidget(self.chart, 1)
        layout.addWidget(self.note)
        layout.addLayout(bottom)

    @Slot()
    def find_rate(self) -> None:
        self._begin("find-rate", "Trying learning rates")

    @Slot()
    def find_batch(self) -> None:
        self._begin("find-batch", "Trying batch sizes")

    def _begin(self, job: str, title: str) -> None:
        if self._arguments is None or self.panel.busy:
            return
        self._found = {}
        self._set_enabled(False)
        self.sentence.setText("")
        self.note.setText("")
        self.panel.begin(title)
        self.panel.follow(self._session.start_job(job, self._arguments, self.panel.on_event))

    @Slot(dict)
    def _on_found(self, result: dict[str, Any]) -> None:
        self.panel.hide()
        self._found = result
        if "sizes" in result:
            self.chart.show_batch(result)
            self.caption.setText("Samples a second over the batch size")
        else:
            self.chart.show_rate(result)
            self.caption.setText("The loss, and its average over ten steps, over the learning rate")
        value = result["value"]
        if value is not None:
            self.sentence.setText(f"{result['phase']}: {value:g} is proposed, {result['now']:g} is set.")
        elif result["suggestion"] is not None:
            self.sentence.setText(f"{result['phase']}: {result['suggestion']:.2g}; this method has no option for it.")
        else:
            self.sentence.setText("Nothing can be proposed.")
        self.note.setText(result["note"])
        self._on_ended()

    @Slot()
    def _on_ended(self, _sentence: str = "") -> None:
        self._set_enabled(self._arguments is not None)

    def _set_enabled(self, ready: bool) -> None:
        self.rate.setEnabled(ready)
        self.batch.setEnabled(ready)
        self.use.setEnabled(ready and self._found.get("value") is not None)

    @Slot()
    def _on_use(self) -> None:
        self.wanted.emit(self._found["option"], self._found["value"])
        self.accept()
