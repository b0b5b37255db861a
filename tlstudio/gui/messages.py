"""Sentences above the page, with details to unfold; and the one place where unexpected errors end."""

import logging
import sys
import threading
import traceback
from types import TracebackType

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from tlstudio.api.errors import StudioError
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.controls import icon_button
from tlstudio.gui.widgets.surfaces import Banner

log = logging.getLogger(__name__)


class MessagePanel(QWidget):
    """Shows the latest message of the session until it is put away or the next one comes."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.banner = Banner()
        self.banner.triggered.connect(self._toggle_details)
        self._close = icon_button("close", "Put this message away")
        self._close.clicked.connect(self.dismiss)
        row.addWidget(self.banner, 1)
        row.addWidget(self._close)
        column.addLayout(row)
        self.details = QPlainTextEdit()
        self.details.setObjectName("mono")
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details of the message")
        self.details.setMaximumHeight(220)
        self.details.setVisible(False)
        column.addWidget(self.details)
        self.setVisible(False)
        session.message.connect(self.show_message)
        session.project_changed.connect(self._on_project_changed)

    @Slot(str, str, str)
    def show_message(self, tone: str, text: str, details: str = "") -> None:
        self._tone = tone
        self.banner.set(text, tone, "Details" if details else "")
        self.details.setPlainText(details)
        self.details.setVisible(False)
        self.setVisible(True)

    @Slot()
    def dismiss(self) -> None:
        self.setVisible(False)

    @Slot()
    def _on_project_changed(self) -> None:
        """What went well belongs to the project that was open; what did not stands until it was read."""
        if self._tone == "ok":
            self.dismiss()

    @Slot()
    def _toggle_details(self) -> None:
        self.details.setVisible(self.details.isHidden())


class ExceptionHook:
    """Installed as ``sys.excepthook`` and ``threading.excepthook``: logs, and shows a sentence."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def install(self) -> None:
        sys.excepthook = self.report
        threading.excepthook = self._report_thread

    def report(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        if isinstance(error, StudioError):
            self._session.say("error", str(error))
            return
        log.critical("Unexpected error", exc_info=(kind, error, trace))
        sentence = f"Something went wrong that should not have: {kind.__name__}: {error}. Your project is safe."
        self._session.say("error", sentence, "".join(traceback.format_exception(kind, error, trace)))

    def _report_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self.report(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
