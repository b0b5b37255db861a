"""A job as one card: what it does, how far it is, how long it still takes, and a way to stop it."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QProgressBar, QWidget

from tlstudio.api.events import EpochDone, Event, Failed, Finished, Message, PhaseStarted, Progress, StepDone
from tlstudio.gui import text
from tlstudio.gui.run_thread import RunThread
from tlstudio.gui.widgets.controls import ElidedLabel, button, small_label
from tlstudio.gui.widgets.surfaces import Banner, Card

_LINES = 200


class JobPanel(Card):
    """Give :meth:`on_event` to ``Session.start_job`` and the thread to :meth:`follow`."""

    finished = Signal(dict)  # the job's result
    stopped = Signal()
    failed = Signal(str)

    def __init__(self, title: str, parent: QWidget | None = None, *, log: bool = False) -> None:
        super().__init__(title, parent)
        self._thread: RunThread | None = None
        self.stop_button = button("Stop")
        self.stop_button.clicked.connect(self.stop)
        self.header.addWidget(self.stop_button)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(f"Progress of: {title}")
        self.body.addWidget(self.bar)
        self.what = ElidedLabel()
        self.body.addWidget(self.what)
        row = QHBoxLayout()
        self.amount = ElidedLabel()
        self.amount.setObjectName("small")
        self.left = QLabel()
        self.left.setObjectName("small")
        self.left.setMinimumWidth(130)  # so that nothing jumps when the time arrives
        self.left.setAlignment(Qt.AlignmentFlag.AlignRight)
        row.addWidget(self.amount, 1)
        row.addWidget(self.left)
        self.body.addLayout(row)
        self.notes = QPlainTextEdit()
        self.notes.setReadOnly(True)
        self.notes.setMaximumBlockCount(_LINES)
        self.notes.setAccessibleName("What happened so far")
        self.notes.setVisible(log)
        self.notes.setTabChangesFocus(True)
        self.body.addWidget(self.notes)
        self.banner = Banner()
        self.banner.triggered.connect(self._show_details)
        self.body.addWidget(self.banner)
        self.details = QPlainTextEdit()
        self.details.setObjectName("mono")
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details of the error")
        self.details.setVisible(False)
        self.body.addWidget(self.details)
        self.hint = small_label()
        self.hint.setVisible(False)
        self.body.addWidget(self.hint)

    def begin(self, title: str = "") -> None:
        """Back to nothing done, busy."""
        if title:
            self.set_title(title)
        self.bar.setRange(0, 0)
        self.bar.setVisible(True)
        self.what.setText("Starting…")
        self.left.clear()
        self.amount.setText("")
        self.notes.clear()
        self.banner.set("")
        self.details.setVisible(False)
        self.stop_button.setVisible(True)
        self.stop_button.setEnabled(True)
        self.setVisible(True)

    def follow(self, thread: RunThread) -> None:
        self._thread = thread

    @property
    def busy(self) -> bool:
        return self._thread is not None

    @Slot()
    def stop(self) -> None:
        if self._thread is not None:
            self._thread.send("stop")
            self.stop_button.setEnabled(False)
            self.what.setText("Stopping…")

    @Slot(object)
    def on_event(self, event: Event) -> None:
        match event:
            case Progress(done=done, total=total, unit=unit, eta=eta):
                self._advance(done, total)
                amount = f"{done:,} of {total:,} {unit}" if total else f"{done:,} {unit}"
                self.what.setText(event.text or amount)
                self.amount.setText(amount if unit and event.text else "")
                self.left.setText(f"{text.duration(eta)} left" if eta >= 0 else "")
            case PhaseStarted(title=title):
                self._note(title)
                self.what.setText(title)
            case StepDone(progress=progress, eta=eta):
                self._advance(round(progress * 1000), 1000)
                self.amount.setText("")  # of what came before
                self.left.setText(f"{text.duration(eta)} left" if eta >= 0 else "")
            case EpochDone(epoch=epoch):
                self.what.setText(f"Epoch {epoch} done")
            case Message(text=sentence):
                self._note(sentence)
                self.what.setText(sentence)
                if self.bar.value() == self.bar.maximum() > 0:  # what was counted is done; something else begins
                    self.bar.setRange(0, 0)
                    self.amount.setText("")
                    self.left.clear()
            case Finished(status=status, result=result):
                self._end()
                self.what.setText("Done" if status == "finished" else "Stopped")
                if status == "stopped":
                    self.stopped.emit()
                else:
                    self.finished.emit(result)
            case Failed(sentence=sentence, traceback=trace):
                self._end()
                self.what.setText("Failed")
                self.bar.setVisible(False)
                self.banner.set(sentence, "error", "Details" if trace else "")
                self.details.setPlainText(trace)
                self.failed.emit(sentence)
            case _:
                pass

    def _advance(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(min(done, total))

    def _note(self, sentence: str) -> None:
        self.notes.appendPlainText(sentence)

    def _end(self) -> None:
        self._thread = None
        self.bar.setRange(0, 1)
        self.bar.setValue(1)
        self.left.clear()
        self.amount.setText("")
        self.stop_button.setVisible(False)

    @Slot()
    def _show_details(self) -> None:
        self.details.setVisible(self.details.isHidden())
