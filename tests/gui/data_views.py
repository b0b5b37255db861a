"""What tests of the Data page's tools do with any of its views."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tlstudio.gui.pages.data_view import DataView
from tlstudio.gui.session import Session

JOB = 60_000  # milliseconds that a worker may take on a busy machine


def press(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def fresh(session: Session, qtbot: QtBot, view: DataView) -> None:
    """What the page does when there is a new revision."""
    with qtbot.waitSignal(session.datasets_changed):
        session.refresh_datasets()
    dataset = session.dataset("shapes")
    assert dataset is not None
    view.show_dataset(dataset)
