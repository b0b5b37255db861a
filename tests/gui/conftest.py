"""The real window on a real project, without a screen."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tlstudio import locks
from tlstudio.api.events import Finished
from tlstudio.control import Control
from tlstudio.gui import app
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.data_view import DataView
from tlstudio.gui.session import Session
from tlstudio.project import Change, Project
from tlstudio.settings import Settings
from tlstudio.worker import events_of

PATIENCE_MS = 60_000  # a machine that does much else; a wait ends as soon as there is nothing to wait for
COLORS = {"blue": "#2060c0", "green": "#209050", "red": "#c03030"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The platform without a screen complains that it has no window manager to tell of sizes."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


@pytest.fixture(scope="session", autouse=True)
def prepared(qapp: QApplication) -> Iterator[None]:
    """Font, style sheet and palette, once."""
    follower = app.prepare(qapp, "light")
    yield
    follower.deleteLater()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes with 12 pictures each, which differ, in a folder for each class."""
    root = tmp_path_factory.mktemp("shapes")
    for label, color in COLORS.items():
        (root / label).mkdir()
        for number in range(12):
            image = QImage(120, 90, QImage.Format.Format_RGB32)
            image.fill(QColor("#f4f1ea"))
            painter = QPainter(image)
            painter.setBrush(QColor(color))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(4 * number, 10, 60, 60)
            painter.end()
            assert image.save(str(root / label / f"{label}_{number:02}.png"))
    (root / "red" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")
    return root


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A project into which the pictures were imported as ``shapes``; copy it, don't change it."""
    path = tmp_path_factory.mktemp("projects") / "colours.tlproj"
    Project.create(path).close()
    arguments = {"project": str(path), "source": str(pictures), "name": "shapes"}
    last = list(events_of("import-data", arguments, Control()))[-1]
    assert isinstance(last, Finished), last
    return path


@pytest.fixture
def project_path(tmp_path: Path, imported: Path) -> Path:
    """A project with one data set, ``shapes``: 36 pictures, one file left out."""
    path = tmp_path / "colours.tlproj"
    shutil.copytree(imported, path)
    return path


class PatientBot(QtBot):
    """No wait ends because the machine is busy, whatever the test asked for."""

    def waitUntil(self, callback: Callable[[], Any], *, timeout: int = 0) -> None:
        super().waitUntil(callback, timeout=max(timeout, PATIENCE_MS))

    def waitSignal(self, signal: Any, *, timeout: int = 0, **more: Any) -> Any:
        return super().waitSignal(signal, timeout=max(timeout, PATIENCE_MS), **more)

    def waitSignals(self, signals: Any, *, timeout: int = 0, **more: Any) -> Any:
        return super().waitSignals(signals, timeout=max(timeout, PATIENCE_MS), **more)


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    qtbot.__class__ = PatientBot
    return qtbot


@pytest.fixture
def session(qtbot: QtBot) -> Iterator[Session]:
    made = Session(Settings())
    yield made
    end(made, qtbot)


def end(session: Session, qtbot: QtBot) -> None:
    """With all that it runs, also after a test that has failed."""
    try:
        stop_all(session, qtbot)
    finally:
        session.shutdown()
        session.deleteLater()


def stop_all(session: Session, qtbot: QtBot) -> None:
    """Runs go on without their window: those of a test must not."""
    session.active.paused = True
    for run_id in session.active.running_ids:
        session.active.send(run_id, "stop")
    try:
        qtbot.waitUntil(lambda: not session.active.busy)
    except BaseException:
        for run_id in session.active.running_ids:
            folder = session.project.run_dir(run_id) if session.project else None
            pid = ((locks.holder(folder / "worker.lock") if folder else None) or {}).get("pid", 0)
            if pid and pid != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        raise


@pytest.fixture
def window(session: Session, qtbot: QtBot) -> MainWindow:
    """The whole window, shown, without a project."""
    return shown(session, qtbot)


@pytest.fixture
def next_window(qtbot: QtBot) -> Iterator[Callable[[], MainWindow]]:
    """Makes a further window with a session of its own, as if the application were started again."""
    sessions: list[Session] = []

    def make() -> MainWindow:
        sessions.append(Session(Settings()))
        return shown(sessions[-1], qtbot)

    yield make
    for made in sessions:
        end(made, qtbot)


def shown(session: Session, qtbot: QtBot) -> MainWindow:
    made = app.build_window(session)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    with qtbot.waitExposed(made):
        made.show()
    return made


@pytest.fixture
def opened(window: MainWindow, project_path: Path, qtbot: QtBot) -> MainWindow:
    """The window with the project open and its data sets read."""
    with qtbot.waitSignal(window.session.datasets_changed):
        window.session.open_project(project_path)
    return window


@pytest.fixture
def edited(session: Session, project_path: Path, qtbot: QtBot) -> Project:
    """The project ``colours`` with the data set ``shapes`` at revision 3: two relabelled, one excluded."""
    with qtbot.waitSignal(session.datasets_changed):
        session.open_project(project_path)
    project = session.project
    assert project is not None
    items = project.view("shapes").page(0, 36)
    project.edit("shapes", [Change(items[0].id, value="red"), Change(items[1].id, value="red")], "two relabelled")
    project.edit("shapes", [Change(items[5].id, split="excluded")], "one is blurred", "exclude")
    with qtbot.waitSignal(session.datasets_changed):
        session.refresh_datasets()
    return project


@pytest.fixture
def shown_view(edited: Project, session: Session, qtbot: QtBot) -> Callable[[type[Any]], Any]:
    """Makes a tool of the Data page and shows it with the data set of ``edited``."""

    def make(view: type[DataView]) -> DataView:
        made = view(session)
        qtbot.addWidget(made)
        made.resize(1100, 760)
        with qtbot.waitExposed(made):
            made.show()
        dataset = session.dataset("shapes")
        assert dataset is not None
        made.show_dataset(dataset)
        return made

    return make
