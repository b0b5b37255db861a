"""The window: puts rail, top bar, pages and status bar together. Composition only."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QByteArray, QSize, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from tlstudio.api.events import Event
from tlstudio.gui import actions, frame_status, page_table
from tlstudio.gui.close_choice import CloseChoice
from tlstudio.gui.interrupted import InterruptedPanel
from tlstudio.gui.messages import MessagePanel
from tlstudio.gui.page_host import PageHost
from tlstudio.gui.room_watch import RoomWatch
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.palette_popup import PalettePopup
from tlstudio.gui.widgets.rail import Rail
from tlstudio.gui.widgets.statusbar import StatusBar
from tlstudio.gui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from tlstudio.gui.pages.start import StartPage

_USUAL = QSize(1440, 900)
_FRAME = QSize(2, 40)  # what a window manager puts around it


class MainWindow(QMainWindow):
    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.setWindowTitle("Transfer Learning Studio")
        self.setMinimumSize(1024, 700)
        self.setAcceptDrops(True)
        self.rail = Rail()
        self.topbar = TopBar(session)
        self.statusbar = StatusBar(session)
        self.messages = MessagePanel(session)
        self.interrupted = InterruptedPanel(session)
        self.pages = PageHost(session)
        self._compose()
        self.actions_by_id = actions.install(self)
        self.room = RoomWatch(session, self)
        self.choice: CloseChoice | None = None
        self._close_confirmed = self._choice_made = False
        self.topbar.page_asked.connect(self.show_page)
        self.rail.chosen.connect(self.show_page)
        self.pages.current_changed.connect(self._on_page_changed)
        session.page_requested.connect(self.show_page)
        session.project_changed.connect(self._on_project_changed)
        session.datasets_changed.connect(self._update_badges)
        session.queue_changed.connect(self._update_badges)
        session.registry_changed.connect(self._update_badges)
        session.run_event.connect(self._on_run_event)
        self._restore()

    def _compose(self) -> None:
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.messages)
        right.addWidget(self.interrupted)
        right.addWidget(self.pages, 1)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self.rail)
        middle.addLayout(right, 1)
        body = QWidget()
        whole = QVBoxLayout(body)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.topbar)
        whole.addLayout(middle, 1)
        whole.addWidget(self.statusbar)
        self.setCentralWidget(body)

    # ---- what the actions do

    @Slot(str)
    def show_page(self, page_id: str) -> None:
        self.pages.show_page(page_id)

    def new_project(self) -> None:
        self.show_page("start")
        self._start_page().begin_new()

    def open_project(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open project", str(Path.home()))
        if name:
            self.show_page("start")
            self._start_page().open_path(name)

    def start_demo(self, project: Path) -> None:
        self.show_page("start")
        self._start_page().start_demo_in(project)

    def close_project(self) -> None:
        """Where something trains, a dialog asks what is to become of it."""
        if self.session.active.running:
            self._ask("Close the project").accepted.connect(self._on_project_left)
        else:
            self._on_project_left()

    def show_palette(self) -> None:
        PalettePopup(list(self.actions_by_id.values()), self).popup_over_window()

    def show_help(self) -> None:
        self.session.say("neutral", self.pages.help_text())

    def refresh(self) -> None:
        self.session.refresh()

    def copy_command(self) -> None:
        self.statusbar.copy_command()

    def _ask(self, what: str) -> CloseChoice:
        self.choice = CloseChoice(self.session, what, self)
        self.choice.finished.connect(self._on_choice_gone)
        self.choice.open()
        return self.choice

    @Slot()
    def _on_choice_gone(self) -> None:
        self.choice = None

    @Slot()
    def _on_project_left(self) -> None:
        self.session.leave_project()
        self.show_page("start")

    @Slot()
    def _on_choice_made(self) -> None:
        self._choice_made = True
        self.close()

    def _start_page(self) -> "StartPage":
        return cast("StartPage", self.pages.page("start"))

    # ---- what the session says

    @Slot()
    def _on_project_changed(self) -> None:
        project = self.session.project
        self.setWindowTitle(f"{project.name} – Transfer Learning Studio" if project else "Transfer Learning Studio")
        self.session.settings.last_project = str(project.path) if project else ""
        self._update_badges()

    @Slot(int, object)
    def _on_run_event(self, run_id: int, event: Event) -> None:
        text = frame_status.sentence(run_id, event)
        if text:
            self.session.set_status(text)

    @Slot()
    def _update_badges(self) -> None:
        self._close_confirmed = False
        frame_status.update_badges(self.rail, self.session)

    @Slot(str)
    def _on_page_changed(self, page_id: str) -> None:
        self.rail.show_current(page_id)
        if page_table.row(page_id).place in ("top", "bottom"):
            self.session.settings.page = page_id

    # ---- Qt

    def _restore(self) -> None:
        geometry = QByteArray.fromBase64(self.session.settings.geometry.encode())
        if geometry.isEmpty() or not self.restoreGeometry(geometry):
            self.resize(_USUAL.boundedTo(self.screen().availableSize() - _FRAME))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A project opens; anything else goes to Start, which knows what to offer."""
        path = Path(event.mimeData().urls()[0].toLocalFile())
        event.acceptProposedAction()
        self.show_page("start")
        self._start_page().accept_path(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        """While a run trains a dialog asks what is to become of it; other work is stopped by the second close."""
        if self.session.active.running and not self._choice_made:
            event.ignore()
            if self.choice is None:
                self._ask("Close the window").accepted.connect(self._on_choice_made)
            return
        asked = frame_status.before_closing(self.session)
        if asked and not self._close_confirmed:
            self._close_confirmed = True
            self.session.say("warning", asked)
            event.ignore()
            return
        self.session.settings.geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        self.session.save_settings()
        self.session.shutdown()
        event.accept()
