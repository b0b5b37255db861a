"""Closing while something trains: whether it goes on, is parked, or is stopped."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from tlstudio.gui.session import Session
from tlstudio.gui.text import listed, plural
from tlstudio.gui.widgets.controls import button, muted_label, primary_button

_KEEP, _PARK, _STOP = "keep", "park", "stop"


class CloseChoice(QDialog):
    """Accepted once the window may close: nothing trains any more, or it trains on without the window.

    Nothing waits: after Park or Stop the dialog shows that until the runs have ended.
    """

    def __init__(self, session: Session, what: str = "Close the window", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._ending = False
        self.setWindowTitle("Training is going on")
        self.setMinimumWidth(680)
        self.setModal(True)
        running, waiting = session.active.running_ids, session.active.waiting
        names = listed([str(run_id) for run_id in running])
        several = len(running) > 1
        self.title = QLabel(f"{'Runs' if several else 'Run'} {names} {'are' if several else 'is'} training")
        self.title.setObjectName("title")
        queue = f" {plural(len(waiting), 'more run')} {'waits' if len(waiting) == 1 else 'wait'} in the queue."
        self.sentence = muted_label(
            f"What is to become of {'them' if several else 'it'}? Nothing is lost either way.{queue if waiting else ''}"
        )
        self.keep = primary_button("Keep training in the background")
        self.park, self.stop, self.cancel = button("Park"), button("Stop and keep best"), button("Keep the window open")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 22, 24, 20)
        column.setSpacing(10)
        column.addWidget(self.title)
        column.addWidget(self.sentence)
        column.addSpacing(6)
        rest = " The queue goes on as well." if waiting else ""
        stays = " The queue stays as it is." if waiting else ""
        choices = QGridLayout()
        choices.setHorizontalSpacing(16)
        choices.setVerticalSpacing(14)
        choices.setColumnStretch(1, 1)
        for row, (made, choice, says) in enumerate(
            (
                (self.keep, _KEEP, f"Open the project again at any time to see how it went.{rest}"),
                (self.park, _PARK, f"Writes everything down and frees the machine. Resume goes on from there.{stays}"),
                (self.stop, _STOP, f"Ends the training; the best model so far can be used.{stays}"),
            )
        ):
            made.setProperty("choice", choice)
            made.clicked.connect(self._on_chosen)
            made.setAccessibleDescription(says)
            choices.addWidget(made, row, 0)
            choices.addWidget(muted_label(says), row, 1)
        column.addLayout(choices)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setAccessibleName("Waiting for the runs to end")
        self.busy.hide()
        column.addWidget(self.busy)
        last = QHBoxLayout()
        last.addStretch(1)
        last.addWidget(self.cancel)
        column.addSpacing(6)
        column.addLayout(last)
        self.cancel.clicked.connect(self.reject)
        self.keep.setDefault(True)
        self.setAccessibleName(what)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        session.active.changed.connect(self._on_changed)

    @Slot()
    def _on_chosen(self) -> None:
        source = self.sender()
        choice = str(source.property("choice")) if source is not None else ""
        active = self._session.active
        if choice == _KEEP:
            self._keep()
            return
        self._ending = True
        active.paused = True
        for run_id in active.running_ids:
            active.send(run_id, choice)
        for made in (self.keep, self.park, self.stop):
            made.setEnabled(False)
        word = "Parking: the step is finished and written down" if choice == _PARK else "Stopping: the step is finished"
        self.sentence.setText(f"{word}. This takes a moment.")
        self.busy.show()
        self._on_changed()

    def _keep(self) -> None:
        """The workers go on by themselves; for the queue another process takes over."""
        project, active = self._session.project, self._session.active
        if project is not None and active.waiting and not active.paused and not active.elsewhere:
            path, release = project.path, project.queue_lock.release

            def hand_over() -> None:
                from tlstudio import run_queue

                release()
                run_queue.start_background(path)

            active.hand_over()
            self._session.watch.edit(hand_over, self._on_handed_over, self._on_not_handed_over)
            self.keep.setEnabled(False)
        else:
            self.accept()

    def _on_handed_over(self, _result: object) -> None:
        self.accept()

    def _on_not_handed_over(self, sentence: str) -> None:
        self.keep.setEnabled(True)
        self.sentence.setText(f"The queue could not be handed over: {sentence} Choose something else, or cancel.")

    @Slot()
    def _on_changed(self) -> None:
        active = self._session.active
        if not active.busy and (self._ending or not active.waiting):
            self.accept()
