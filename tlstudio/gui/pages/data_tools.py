"""The tools of the Data page beside the browser: findings, map, revisions; augmentation, new splits, export."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QStackedWidget, QWidget

from tlstudio.gui.pages.data_augment import AugmentView
from tlstudio.gui.pages.data_doctor import DoctorView
from tlstudio.gui.pages.data_export import ExportDataView
from tlstudio.gui.pages.data_map import MapView
from tlstudio.gui.pages.data_resplit import ResplitView
from tlstudio.gui.pages.data_revisions import RevisionsView
from tlstudio.gui.pages.data_view import DataView
from tlstudio.gui.pages.data_words import Kind
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import icon_button
from tlstudio.gui.widgets.segments import Segments
from tlstudio.project import ItemFilter

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo

_VIEWS: dict[str, type[DataView]] = {
    "findings": DoctorView, "map": MapView, "revisions": RevisionsView,
    "augment": AugmentView, "resplit": ResplitView, "export": ExportDataView,
}  # fmt: skip
_MORE = (("augment", "Augmentation…"), ("resplit", "Split anew…"), ("export", "Write the data set out…"))


class DataTools(QObject):
    """Each view is made on its first visit. ``view_asked`` carries the widget to be shown, ``None`` for the browser."""

    view_asked = Signal(object)
    items_asked = Signal(object, str)
    command_changed = Signal()
    examined = Signal()  # the doctor has a new report

    def __init__(self, session: Session, stack: QStackedWidget, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._stack = session, stack
        self._dataset: DatasetInfo | None = None
        self._views: dict[str, DataView] = {}
        self.segments = Segments("What is shown of the data set", self._choices(Kind()))
        self.segments.picked.connect(self.show)
        self.more = icon_button("more", "Augmentation, new splits, writing it out")
        self.more.clicked.connect(self._open_more)
        self._menu = QMenu(self.more)
        for identifier, words in _MORE:
            action = QAction(words, self._menu)
            action.setData(identifier)
            action.triggered.connect(self._on_more)
            self._menu.addAction(action)

    @staticmethod
    def _choices(kind: Kind) -> list[tuple[str, str]]:
        items = kind.noun[1].capitalize()
        return [("items", items), ("findings", "Findings"), ("map", "Map"), ("revisions", "Revisions")]

    def set_dataset(self, dataset: "DatasetInfo", kind: Kind) -> None:
        self._dataset = dataset
        self.segments.set_choices(self._choices(kind))

    def view(self, identifier: str) -> DataView:
        """The tool itself, made now if it has not been visited."""
        if identifier not in self._views:
            made = _VIEWS[identifier](self._session)
            made.items_asked.connect(self.items_asked)
            made.item_asked.connect(self.open_item)
            made.command_changed.connect(self.command_changed)
            if isinstance(made, DoctorView):
                made.examined.connect(self.examined)
            self._views[identifier] = made
            self._stack.addWidget(made)
        return self._views[identifier]

    @Slot(str)
    def show(self, identifier: str) -> None:
        if identifier == "items":
            self.view_asked.emit(None)
            return
        made = self.view(identifier)
        if self._dataset is not None:
            made.show_dataset(self._dataset)
        self.view_asked.emit(made)

    def refresh(self) -> None:
        """A new revision: the view that is shown reads it, the others when they are shown again."""
        shown = self._shown()
        if shown is not None and self._dataset is not None:
            shown.show_dataset(self._dataset)

    def show_current(self, view: QWidget) -> None:
        """Which segment is marked."""
        known = next((name for name, made in self._views.items() if made is view), "items")
        self.segments.set_value(known if known in ("findings", "map", "revisions") else "items")

    def command(self) -> str:
        shown = self._shown()
        return shown.command() if shown is not None else ""

    def _shown(self) -> DataView | None:
        shown = self._stack.currentWidget()
        return shown if isinstance(shown, DataView) else None

    @Slot()
    def check(self) -> None:
        self.show("findings")

    @Slot(int)
    def augment(self, item_id: int) -> None:
        """What training makes of an item."""
        self.show("augment")
        made = self.view("augment")
        if isinstance(made, AugmentView):
            made.show_items([item_id])

    @Slot(int)
    def open_item(self, item_id: int) -> None:
        """One item that a tool has named, in the browser."""
        self.items_asked.emit(ItemFilter(ids=(item_id,)), "the item that you opened")

    @Slot()
    def _open_more(self) -> None:
        self._menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    @Slot()
    def _on_more(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.show(str(action.data()))
