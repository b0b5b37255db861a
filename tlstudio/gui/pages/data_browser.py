"""Gallery and table over the same items, with their filters, what can be done to them, and the column beside."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from tlstudio.gui.models.items import ItemsModel
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.pages.data_actions import ItemActions
from tlstudio.gui.pages.data_editing import DataEditing
from tlstudio.gui.pages.data_filters import FilterBar
from tlstudio.gui.pages.data_footer import DataFooter
from tlstudio.gui.pages.data_menu import ItemMenu
from tlstudio.gui.pages.data_report import Report, report_of
from tlstudio.gui.pages.data_side import DataSide
from tlstudio.gui.pages.data_table import columns_of
from tlstudio.gui.pages.data_words import Kind, Previewer, kind_of
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.gallery import Gallery
from tlstudio.gui.widgets.gallery_base import ItemsView
from tlstudio.gui.widgets.gallery_cell import Look
from tlstudio.gui.widgets.gallery_selection import Cursor
from tlstudio.gui.widgets.gallery_table import ItemsTable
from tlstudio.gui.widgets.kit import EmptyState
from tlstudio.project import ItemFilter

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo

_STABLE = ("label", "split", "finding", "predicted")  # without them a change moves nothing


class DataBrowser(QWidget):
    """``item_activated`` carries the index of an item to be shown large."""

    item_activated = Signal(int)
    problems_asked = Signal()
    check_asked = Signal()
    augment_asked = Signal(int)  # an item's id
    report_read = Signal(str)  # what the newest revision changed
    refreshed = Signal()  # after a change: the items are fresh

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._dataset: DatasetInfo | None = None
        self.kind = Kind()
        self.report = Report()
        self.model = ItemsModel(session.background, self)
        self.thumbnails = Thumbnails(None, self)
        self.cursor_ = Cursor(self)
        self.editing = DataEditing(session.background, self)
        self.actions_ = ItemActions(self.model, self.cursor_, self.editing, self)
        self.filters = FilterBar()
        self.gallery = Gallery(self.model, self.thumbnails, self.cursor_)
        self.table = ItemsTable(self.model, self.thumbnails, self.cursor_)
        self.side = DataSide()
        self.footer = DataFooter()
        self.menu = ItemMenu(self)
        self.nothing = EmptyState(
            "search", "Nothing fits", "Take a filter away to see more of the data set.", "Clear the filters"
        )
        self._compose()
        self._connect()

    def _compose(self) -> None:
        self.stack = QStackedWidget()
        for view in (self.gallery, self.table, self.nothing):
            self.stack.addWidget(view)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(10)
        column.addWidget(self.filters)
        column.addWidget(self.stack, 1)
        column.addWidget(self.footer)
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

    def _connect(self) -> None:
        self.nothing.triggered.connect(self.filters.clear)
        self.filters.changed.connect(self._apply)
        self.filters.view_picked.connect(self.show_view)
        self.table.sort_asked.connect(self.filters.sort_by)
        self.table.layout_changed.connect(self._on_columns)
        self.model.reset.connect(self._on_reset)
        self.model.anchored.connect(self._on_anchored)
        self.model.refreshed.connect(self._on_refreshed)
        self.model.arrived.connect(self._describe)
        self.model.failed.connect(self._on_failed)
        self.cursor_.moved.connect(self._describe)
        for view in (self.gallery, self.table):
            view.activated.connect(self.item_activated)
            view.typed.connect(self.actions_.type_key)
            view.delete_pressed.connect(self.actions_.exclude)
            view.menu_requested.connect(self.menu.popup)
        self.actions_.said.connect(self.footer.show_note)
        self.actions_.advance.connect(self.go_to)
        self.editing.changed.connect(self._on_editing)
        self.editing.settled.connect(self._on_settled)
        self.editing.failed.connect(self._on_failed)
        self.footer.relabel_asked.connect(self.menu.open_classes)
        self.footer.move_asked.connect(self.actions_.move)
        self.footer.exclude_asked.connect(self.actions_.exclude)
        self.footer.undo_asked.connect(self.editing.undo)
        self.footer.redo_asked.connect(self.editing.redo)
        self.side.class_picked.connect(self.filters.pick_class)
        self.side.items_asked.connect(self.show_items)
        self.side.problems_asked.connect(self.problems_asked)
        self.side.check_asked.connect(self.check_asked)
        self._session.runs_changed.connect(self._on_runs)
        for keys, slot in (("Ctrl+L", self.menu.open_classes), ("Ctrl+F", self._on_find)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)

    @property
    def current_view(self) -> ItemsView:
        return self.table if self.filters.view.value == "table" else self.gallery

    # ---- what is shown

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        project = self._session.project
        if project is None:
            return
        before = (self._dataset.id, self.model.dataset, self.model.project) if self._dataset is not None else ()
        same = before == (dataset.id, dataset.name, project)
        kept = same and self._dataset is not None and self._dataset.revision == dataset.revision
        self._dataset, self.kind = dataset, kind_of(self._session.registry, dataset)
        self.thumbnails.set_folder(project.path / "cache" / "thumbnails")
        self.thumbnails.set_preview(Previewer(dataset.modality, self._session.registry))
        for view in (self.gallery, self.table):
            view.root = str(dataset.root)
            view.noun = self.kind.noun
            view.setAccessibleName(f"{view.__class__.__name__.removeprefix('Items')}: {self.kind.noun[1]}")
        self.table.icon = self.kind.icon
        self.actions_.set_dataset(project, self._session.registry, dataset, self.kind)
        self.editing.follow(project, dataset)
        self.footer.set_kind(self.kind, len(dataset.class_names))
        self.footer.show_editing(self.editing)
        self.side.show_dataset(dataset, self.kind)
        self.side.bars.set_chosen(self.filters.label.value if same else "")
        self.filters.show_dataset(dataset, self.kind, same=same)
        self._on_runs()
        if not same:
            self._show_report(Report(dataset.name))
            self._apply()
        elif not kept and not self.editing.busy:
            self.refresh()
        self.read_report()

    def clear(self) -> None:
        """No project, or no data set in it."""
        self._dataset = None
        self.model.show(None, "")
        self.editing.follow(None, None)

    @Slot()
    def _on_runs(self) -> None:
        name = self._dataset.name if self._dataset is not None else ""
        self.filters.set_runs([run for run in self._session.runs if run.dataset == name and run.state == "finished"])

    @Slot()
    def read_report(self) -> None:
        project, dataset = self._session.project, self._dataset
        if project is not None and dataset is not None:
            name, numbers = dataset.name, dataset.task == "regression"
            self._session.background.submit(
                lambda: report_of(project, name, numbers), self._show_report, self._session.say_error
            )

    def _show_report(self, report: Report) -> None:
        if self._dataset is None or report.dataset != self._dataset.name:
            return
        self.report = report
        self.report_read.emit(report.latest)
        self.side.show_report(report)
        self.filters.set_findings([(f.kind, f.words, f.count) for f in report.findings])
        self.gallery.look = Look(self.kind.icon, self.kind.task != "segmentation", report.marks)
        self.table.set_columns(
            columns_of(self.kind, report),
            self._session.settings.splitters.get(f"data-columns-{self.kind.modality}", ()),
        )
        self.table.show_order(self.model.filter.order, self.model.filter.descending)
        self.gallery.viewport().update()

    def show_items(self, wanted: ItemFilter, reason: str) -> None:
        """What a tool of the page has found; a chip says why, and takes it away."""
        self.filters.take(wanted, reason)

    @Slot()
    def _apply(self) -> None:
        if self._dataset is None:
            return
        wanted = self.filters.wanted
        self.side.bars.set_chosen(wanted.label)
        self.table.show_order(wanted.order, wanted.descending)
        self.model.show(self._session.project, self._dataset.name, wanted)
        self.footer.show_count(self.model.count, 0, self.model.loading)

    @Slot(str)
    def show_view(self, name: str) -> None:
        self.filters.view.set_value(name)
        if self.stack.currentWidget() is not self.nothing:
            self.stack.setCurrentWidget(self.current_view)
            self.current_view.ensure_visible(self.cursor_.current)
            self.current_view.setFocus()

    def refresh(self) -> None:
        """Reads again after a change; the place stays."""
        index = self.cursor_.current
        around = [*self.current_view.visible_range(), index]
        self.model.refresh(around, self.model.peek(index), index, max(1, self.actions_.touched))
        self.actions_.touched = 0

    # ---- the model and the cursor

    @Slot()
    def _on_reset(self) -> None:
        empty = not self.model.count and not self.model.loading
        self.stack.setCurrentWidget(self.nothing if empty else self.current_view)
        self._describe()

    @Slot(int)
    def _on_anchored(self, index: int) -> None:
        wanted = self.model.filter
        moved = any(getattr(wanted, name) for name in _STABLE) or wanted.order in ("label", "split")
        place = index if index >= 0 else max(0, min(self.cursor_.current, self.model.count - 1))
        if place != self.cursor_.current or moved:
            self.cursor_.to(place)

    @Slot()
    def _on_refreshed(self) -> None:
        self._on_reset()
        self.refreshed.emit()

    @Slot(int)
    def go_to(self, index: int) -> None:
        self.current_view.set_current(index)

    @Slot()
    def _describe(self) -> None:
        selected = len(self.cursor_.selection)
        self.footer.show_count(self.model.count, selected, self.model.loading)
        item = self.model.peek(self.cursor_.current)
        self.filters.group = item.group if item is not None else ""
        self.footer.show_excluded(item is not None and item.split == "excluded")

    @Slot(str)
    def _on_failed(self, sentence: str) -> None:
        """The model could not be read, or a change not be made."""
        self.model.unpatch()
        self.footer.show_note(sentence, error=True)

    # ---- changes

    @Slot()
    def _on_editing(self) -> None:
        self.footer.show_editing(self.editing)

    @Slot()
    def _on_settled(self) -> None:
        """:meth:`show_dataset` follows where there is a new revision."""
        dataset, view = self._session.dataset(), self.model.view
        if dataset is not None and dataset.revision == self.editing.revision and view is not None:
            if view.revision != dataset.revision:
                self.refresh()
        else:
            self._session.refresh_datasets()

    @Slot()
    def _on_find(self) -> None:
        self.filters.search.setFocus()
        self.filters.search.selectAll()

    # ---- what is remembered

    @Slot()
    def _on_moved(self) -> None:
        self._session.settings.splitters["data"] = self.panes.sizes()

    @Slot()
    def _on_columns(self) -> None:
        self._session.settings.splitters[f"data-columns-{self.kind.modality}"] = self.table.widths()
