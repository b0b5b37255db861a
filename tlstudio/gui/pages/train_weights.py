"""Weights of the user's own, from the Train page: by its link, or dropped onto it."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from tlstudio.gui.pages.train_import import ImportWeightsDialog, weights_in
from tlstudio.gui.session import Session


class WeightsDoor(QObject):
    """``imported`` carries what the list of backbones calls them. ``backbone`` says which one is offered first."""

    imported = Signal(str)

    def __init__(self, session: Session, page: QWidget, backbone: Callable[[], str]) -> None:
        super().__init__(page)
        self._session, self._page, self._backbone = session, page, backbone
        self.dialog: ImportWeightsDialog | None = None
        page.setAcceptDrops(True)
        page.installEventFilter(self)

    @Slot()
    def ask(self) -> None:
        self.open()

    def open(self, path: str = "") -> None:
        self.dialog = ImportWeightsDialog(self._session, self._backbone(), self._page)
        self.dialog.imported.connect(self._on_imported)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if path:
            self.dialog.set_file(path)
        self.dialog.open()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDragEnterEvent):
            if weights_in(event) is not None:
                event.acceptProposedAction()
            return True
        if isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            if (path := weights_in(event)) is not None:
                self.open(path)
                event.acceptProposedAction()
            return True
        return super().eventFilter(watched, event)

    @Slot(str, str)
    def _on_imported(self, backbone: str, name: str) -> None:
        self.imported.emit(f"{backbone}:{name}")
