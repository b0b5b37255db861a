"""What every page is."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from tlstudio.gui.session import Session


class Page(QWidget):
    """A page of the window; made on its first visit.

    Subclasses set ``page_id``, ``title`` and ``help_text`` (what F1 shows) and fill ``layout_``.
    ``command_line`` is what would do the same in a terminal; setting it updates the status bar.
    """

    page_id = ""
    title = ""
    help_text = ""

    command_line_changed = Signal(str)

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._command_line = ""
        self.setObjectName("page")
        self.setAccessibleName(self.title)
        self.layout_ = QVBoxLayout(self)
        self.layout_.setContentsMargins(24, 20, 24, 20)
        self.layout_.setSpacing(14)

    @property
    def command_line(self) -> str:
        return self._command_line

    @command_line.setter
    def command_line(self, text: str) -> None:
        if text != self._command_line:
            self._command_line = text
            self.command_line_changed.emit(text)

    def shown(self) -> None:
        """Called each time the page comes to the front."""
