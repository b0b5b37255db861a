"""Holds the pages: makes each on its first visit, asks for a project where one is needed."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from tlstudio.gui import page_table
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.page import Page
from tlstudio.gui.widgets.surfaces import EmptyState


class PageHost(QStackedWidget):
    """``current_changed`` says which page came to the front."""

    current_changed = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("content")
        self._session = session
        self._pages: dict[str, Page] = {}
        self.current_id = ""
        self._no_project = EmptyState(
            "folder",
            "No project is open",
            "A project is a folder that holds your data sets, runs and models together.",
            "Go to Start",
        )
        self._no_project.triggered.connect(self._on_start_asked)
        self.addWidget(self._no_project)
        session.project_changed.connect(self._on_project_changed)

    def page(self, page_id: str) -> Page:
        """The page itself, made now if it has not been visited."""
        if page_id not in self._pages:
            made = page_table.row(page_id).make(self._session)
            made.command_line_changed.connect(self._on_command_line_changed)
            self._pages[page_id] = made
            self.addWidget(made)
        return self._pages[page_id]

    def made(self) -> list[str]:
        """Ids of the pages that have been visited."""
        return list(self._pages)

    def show_page(self, page_id: str) -> None:
        self.current_id = page_id
        if page_table.row(page_id).needs_project and self._session.project is None:
            self.setCurrentWidget(self._no_project)
            self._session.set_command_line("")
        else:
            page = self.page(page_id)
            self.setCurrentWidget(page)
            page.shown()
            self._session.set_command_line(page.command_line)
        self.current_changed.emit(page_id)

    def help_text(self) -> str:
        current = self.currentWidget()
        return current.help_text if isinstance(current, Page) else "Open a project on the Start page first."

    @Slot()
    def _on_project_changed(self) -> None:
        if self.current_id:
            self.show_page(self.current_id)

    @Slot()
    def _on_start_asked(self) -> None:
        self._session.show_page("start")

    @Slot(str)
    def _on_command_line_changed(self, text: str) -> None:
        if self.sender() is self.currentWidget():
            self._session.set_command_line(text)
