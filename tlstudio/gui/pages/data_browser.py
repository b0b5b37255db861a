"""The gallery with its filters, and the column beside it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.models.items import ItemsModel
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.pages.data_side import DataSide
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.gallery import Gallery
from tlstudio.gui.widgets.kit import EmptyState, small_label
from tlstudio.gui.widgets.pill_menu import PillMenu
from tlstudio.gui.widgets.split_bar import NAMES

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo


class DataBrowser(QWidget):
    """``item_activated`` carries the index of a picture to be shown large."""

    item_activated = Signal(int)
    problems_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._dataset: DatasetInfo | None = None
        self.model = ItemsModel(session.background, self)
        self.thumbnails = Thumbnails(None, self)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search by file name…")
        self.search.setAccessibleName("Search by file name")
        self.search.setClearButtonEnabled(True)
        self.split = PillMenu("Split")
        self.label = PillMenu("Class")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(200)
        self._timer.timeout.connect(self._apply)
        self.search.textChanged.connect(self._timer.start)
        self.split.picked.connect(self._apply)
        self.label.picked.connect(self.pick_class)
        self.gallery = Gallery(self.model, self.thumbnails)
        self.gallery.activated.connect(self.item_activated)
        self.gallery.selection_changed.connect(self._on_selection)
        self.model.reset.connect(self._on_reset)
        self.side = DataSide()
        self.side.class_picked.connect(self.pick_class)
        self.side.problems_asked.connect(self.problems_asked)
        self.count = small_label(wrap=False)
        self.nothing = EmptyState(
            "search", "No picture fits", "Take a filter away to see more of the data set.", "Clear the filters"
        )
        self.nothing.triggered.connect(self.clear_filters)
        self._compose()

    def _compose(self) -> None:
        filters = QHBoxLayout()
        filters.setSpacing(8)
        filters.addWidget(self.search, 1)
        filters.addWidget(self.split)
        filters.addWidget(self.label)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.gallery)
        self.stack.addWidget(self.nothing)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(10)
        column.addLayout(filters)
        column.addWidget(self.stack, 1)
        column.addWidget(self.count)
        self.panes = QSplitter(Qt.Orientation.Horizontal)
        self.panes.addWidget(left)
        self.panes.addWidget(self.side)
        self.panes.setStretchFactor(0, 1)
        self.panes.setChildrenCollapsible(False)
        self.panes.setHandleWidth(8)
        self.panes.setSizes(self._session.settings.splitters.get("data", [760, 290]))
        self.panes.splitterMoved.connect(self._on_moved)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.panes)

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        project = self._session.project
        if project is None:
            return
        same = self._dataset is not None and (self._dataset.id, self._dataset.revision) == (
            dataset.id,
            dataset.revision,
        )
        self._dataset = dataset
        self.gallery.root = str(dataset.root)
        self.thumbnails.set_folder(project.path / "cache" / "thumbnails")
        self.side.show_dataset(dataset)
        if not same:
            self.search.clear()
            self.split.value = self.label.value = ""
        self._apply()
        name = dataset.name
        self._session.background.submit(
            lambda: (name, project.warnings(name)), self._on_warnings, self._session.say_error
        )

    def _on_warnings(self, answer: tuple[str, list[str]]) -> None:
        if self._dataset is not None and answer[0] == self._dataset.name:
            self.side.show_findings(self._dataset.skipped, answer[1])

    # ---- filters

    @Slot()
    def _apply(self) -> None:
        dataset = self._dataset
        if dataset is None:
            return
        split, label = self.split.value, self.label.value
        self.split.set(NAMES.get(split, "all"), prefix="split:")
        self.split.set_choices([("", "all splits"), *NAMES.items()], split)
        self.label.set(label or "all", prefix="class:")
        self.label.set_choices([("", "all classes"), *((n, n) for n in dataset.class_names[:200])], label)
        self.side.bars.set_chosen(label)
        self.model.show(
            self._session.project, dataset.name, split=split, label=label, search=self.search.text().strip()
        )

    @Slot(str)
    def pick_class(self, label: str) -> None:
        self.label.value = label
        self._apply()

    @Slot()
    def clear_filters(self) -> None:
        self.search.clear()
        self.split.value = self.label.value = ""
        self._apply()

    # ---- the gallery

    @Slot()
    def _on_reset(self) -> None:
        self.stack.setCurrentWidget(self.gallery if self.model.count or self.model.loading else self.nothing)
        self._on_selection(0)

    @Slot(int)
    def _on_selection(self, selected: int) -> None:
        shown = text.plural(self.model.count, "picture")
        chosen = f"{selected:,} selected of {shown}" if selected > 1 else shown
        self.count.setText(f"{chosen}   ·   Enter opens one, Shift and Ctrl select several")

    @Slot()
    def _on_moved(self) -> None:
        self._session.settings.splitters["data"] = self.panes.sizes()
