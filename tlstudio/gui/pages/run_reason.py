"""What happened to a run that did not simply finish: its reason, its log, and the way on."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.api.events import Failed
from tlstudio.gui.pages.run_log import tail
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Banner, button

_TONES = {"failed": "error", "parked": "neutral", "stopped": "neutral", "waiting": "neutral"}


class WhatHappened(QWidget):
    """A sentence with two buttons beside it; the log or the traceback unfolds below, which ``folded`` says.

    ``insisted``: the user wants to resume although something differs.
    """

    folded = Signal()
    insisted = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._trace = ""
        self._log = Path()
        self._refused = ""
        self.banner = Banner("error")
        self.banner.triggered.connect(self.insisted)
        self.show_log = button("Show log", tip="The last part of the worker's log")
        self.show_trace = button("Show traceback")
        self.details = QPlainTextEdit()
        self.details.setObjectName("mono")
        self.details.setReadOnly(True)
        self.details.setFixedHeight(150)
        self.details.setAccessibleName("Log or traceback of the run")
        self.details.hide()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.banner, 1)
        row.addWidget(self.show_log)
        row.addWidget(self.show_trace)
        column.addLayout(row)
        column.addWidget(self.details)
        self.show_log.clicked.connect(self._on_show_log)
        self.show_trace.clicked.connect(self._on_show_trace)
        self.hide()

    @property
    def unfolded(self) -> bool:
        return not (self.isHidden() or self.details.isHidden())

    def clear(self) -> None:
        self._refused = ""
        self.details.hide()
        self.hide()

    def refuse(self, sentence: str, *, insist: bool) -> None:
        """The run cannot be resumed as it is; ``insist``: it can if the user wants it all the same."""
        self._refused = sentence
        self.banner.set(sentence, "error", "Resume all the same" if insist else "")
        self.show()

    def show_state(self, state: str, sentence: str, folder: Path, ended: Failed | None) -> None:
        """``sentence`` is the run's reason; nothing is shown of states that need none."""
        if self._refused:
            return
        shown = bool(sentence) and state in _TONES
        self.setVisible(shown)
        if not shown:
            self.details.hide()
            return
        if self.banner.label.text() != sentence:
            self.banner.set(sentence)
        tone = "warning" if state == "parked" and "full" in sentence else _TONES[state]
        self.banner.set_tone(tone)
        self._log, self._trace = folder / "log.txt", ended.traceback if ended else ""
        self.show_log.setVisible(state == "failed")
        self.show_trace.setVisible(state == "failed")
        self.show_trace.setEnabled(bool(self._trace))
        self.show_trace.setToolTip(
            "" if self._trace else "This failure has no traceback: the worker ended without one."
        )

    @Slot()
    def _on_show_log(self) -> None:
        path = self._log
        self._session.background.submit(lambda: tail(path), self._show_details)

    @Slot()
    def _on_show_trace(self) -> None:
        self._show_details(self._trace)

    def _show_details(self, text: str) -> None:
        same = self.details.isVisible() and self.details.toPlainText() == text
        self.details.setPlainText(text)
        self.details.setVisible(not same)
        self.folded.emit()
