"""The application: QApplication, theme, window; everything slow begins after the first paint."""

import gc
import logging
import logging.handlers
import os
import sys
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from tlstudio import paths
from tlstudio import settings as settings_module
from tlstudio.gui import theme
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.messages import ExceptionHook
from tlstudio.gui.session import Session

log = logging.getLogger("tlstudio")

_LOADED_MS = 5_000  # after which plugins and the first page are there


def build_window(session: Session) -> MainWindow:
    """The whole window on a session, on its Start page, not yet shown."""
    window = MainWindow(session)
    window.show_page("start")
    return window


def prepare(application: QApplication, theme_name: str) -> theme.SystemThemeFollower:
    """Name, icon, font, style and theme. Keep what it returns: it follows the system's theme."""
    application.setApplicationName("tlstudio")
    application.setApplicationDisplayName("Transfer Learning Studio")
    application.setWindowIcon(QIcon(str(paths.resource("icons/app.svg"))))
    application.setStyle("Fusion")
    application.setFont(theme.base_font())
    return theme.SystemThemeFollower(application, theme_name)


class Startup(QObject):
    """What waits for the first paint: plugins, and the project."""

    def __init__(self, session: Session, window: MainWindow, project: str | None, demo: str = "") -> None:
        super().__init__(window)
        self._session, self._window, self._project, self._demo = session, window, project, demo

    @Slot()
    def begin(self) -> None:
        self._session.load_registry()
        settings = self._session.settings
        if self._demo:
            self._window.start_demo(Path(self._demo))
        elif self._project:
            self._session.project_changed.connect(self._on_opened, Qt.ConnectionType.SingleShotConnection)
            self._session.request_open(self._project)
        elif settings.last_project and Path(settings.last_project).is_dir():
            self._session.project_changed.connect(self._on_reopened, Qt.ConnectionType.SingleShotConnection)
            self._page = settings.page
            self._session.request_open(settings.last_project)

    @Slot()
    def _on_opened(self) -> None:
        self._window.show_page("data")

    @Slot()
    def _on_reopened(self) -> None:
        self._window.show_page(self._page)


def main(project: str | None = None, *, safe_mode: bool = False, demo: str = "") -> int:
    """Runs the application until its window is closed; returns the exit status.

    ``project`` is opened at once; ``demo`` is where the demo makes its project, at once as well.
    """
    if safe_mode:
        os.environ["TLSTUDIO_SAFE_MODE"] = "1"  # workers inherit it
    _log_to_file()
    QGuiApplication.setDesktopFileName("tlstudio")
    application = QApplication(sys.argv[:1])
    settings = settings_module.load()
    follower = prepare(application, settings.theme)
    session = Session(settings)
    ExceptionHook(session).install()
    window = build_window(session)
    session.settings_changed.connect(_ThemeSetter(session, follower).apply)
    startup = Startup(session, window, project, demo)
    window.show()
    QTimer.singleShot(0, startup.begin)
    # What is loaded by then stays loaded: looking through it for garbage would stop the window for 60 ms at times.
    QTimer.singleShot(_LOADED_MS, gc.freeze)
    return application.exec()


class _ThemeSetter(QObject):
    def __init__(self, session: Session, follower: theme.SystemThemeFollower) -> None:
        super().__init__(session)
        self._session, self._follower, self._theme = session, follower, session.settings.theme

    @Slot()
    def apply(self) -> None:
        if self._session.settings.theme != self._theme:
            self._theme = self._session.settings.theme
            self._follower.set_theme(self._theme)


def _log_to_file() -> None:
    target = paths.data_dir() / "tlstudio.log"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            target, maxBytes=1_000_000, backupCount=2, encoding="utf-8"
        )
    except OSError:
        handler = logging.StreamHandler()  # a read-only home must not keep the application from starting
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("tlstudio").addHandler(handler)
    logging.getLogger("tlstudio").setLevel(logging.INFO)
