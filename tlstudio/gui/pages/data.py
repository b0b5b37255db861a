"""Data: what is in the project, importing more, a close look at it, and everything that can be done to it."""

import shlex
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.data_browser import DataBrowser
from tlstudio.gui.pages.data_importing import Importing
from tlstudio.gui.pages.data_one import OneItem
from tlstudio.gui.pages.data_problems import LIMIT, ProblemsView
from tlstudio.gui.pages.data_tools import DataTools
from tlstudio.gui.pages.data_words import Previewer
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Banner, EmptyState, Page, PageHeader, button, primary_button

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, ItemFilter, SkippedFile


_WIDE = 1080  # pixels from which on title, views and buttons stand in one line


class DataPage(Page):
    page_id = "data"
    title = "Data"
    help_text = (
        "A data set is a folder, a table or an archive of pictures, sounds, texts or films with labels. Importing "
        "reads every file once, leaves out what cannot be used and says why. Select items by click, Shift, Ctrl or "
        "Ctrl+A; the keys 1 to 9, 0 and then letters relabel them; Delete excludes them or brings them back; Ctrl+Z "
        "takes any change back. Each change is a revision, and nothing is ever deleted from disk."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self._seen: tuple[object, ...] = ()  # project, data set and revision that the views show
        self.header = PageHeader("Data")
        self.import_button = button("Import…", "plus")
        self.import_button.clicked.connect(self.begin_import)
        self.train_button = primary_button("Train on it")
        self.train_button.clicked.connect(self._on_train)
        self.notice = Banner()
        self.empty = EmptyState(
            "data",
            "No data set yet",
            "Choose a folder of pictures, sounds, texts or films, a table (CSV, TSV, JSONL, Parquet) or an archive "
            "(zip, tar). You can also drop it here.",
            "Import…",
        )
        self.empty.triggered.connect(self.begin_import)
        self.importing = Importing(session, self)
        self.form, self.job = self.importing.form, self.importing.job
        self._job_view = self.importing.job_view
        self.browser = DataBrowser(session)
        self.problems = ProblemsView()
        self.problems.closed.connect(self._show_default)
        self.stack = QStackedWidget()
        self.one = OneItem(session.background, self.browser, self.stack, self)
        self.detail = self.one.view
        for view in (self.empty, self.form, self._job_view, self.browser, self.detail, self.problems):
            self.stack.addWidget(view)
        self.tools = DataTools(session, self.stack, self)
        self._compose()
        self._connect()
        self._show(self.empty)
        self._on_dataset()

    def _compose(self) -> None:
        self._beside, self._below = QHBoxLayout(self.header.add_action(QWidget())), QHBoxLayout()
        self._beside.setContentsMargins(0, 0, 0, 0)
        self._below.addWidget(self.tools.segments)
        self._below.addStretch(1)
        self.header.add_action(self.tools.more)
        for one in (self.import_button, self.train_button, self.form.cancel, self.form.import_button):
            self.header.add_action(one)
        self.layout_.addWidget(self.header)
        self.layout_.addLayout(self._below)
        self.layout_.addWidget(self.notice)
        self.layout_.addWidget(self.stack, 1)

    def _connect(self) -> None:
        browser = self.browser
        self.form.cancelled.connect(self._show_default)
        self.form.command_changed.connect(self._on_command)
        self.importing.view_asked.connect(self._on_import_view)
        self.importing.done.connect(self._on_imported)
        browser.problems_asked.connect(self._on_problems_asked)
        browser.check_asked.connect(self.tools.check)
        browser.augment_asked.connect(self.tools.augment)
        browser.report_read.connect(self._on_report)
        self.detail.group_asked.connect(self.show_items)
        self.detail.augment_asked.connect(self.tools.augment)
        self.one.view_asked.connect(self._on_view_asked)
        self.tools.examined.connect(browser.read_report)
        self.tools.view_asked.connect(self._on_view_asked)
        self.tools.items_asked.connect(self.show_items)
        self.tools.command_changed.connect(self._word)
        for keys, slot in (("Ctrl+Z", self.undo), ("Ctrl+Shift+Z", self.redo), ("Ctrl+Y", self.redo)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)
        self.session.datasets_changed.connect(self._on_dataset)
        self.session.selected_dataset_changed.connect(self._on_dataset)
        self.session.project_changed.connect(self._on_project_changed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What is shown of the data set is chosen beside its name where there is room, else below."""
        super().resizeEvent(event)
        self.header.title.setMaximumWidth(max(200, self.width() // 3 - 40))
        wanted, other = (self._beside, self._below) if self.width() >= _WIDE else (self._below, self._beside)
        if wanted.indexOf(self.tools.segments) < 0:
            other.removeWidget(self.tools.segments)
            wanted.insertWidget(0, self.tools.segments)

    def shown(self) -> None:
        if self.session.pending_import:
            source, self.session.pending_import = self.session.pending_import, ""
            self.begin_import(source)

    # ---- what is shown

    @Slot()
    def _on_project_changed(self) -> None:
        self.notice.set("")
        self._show(self.empty)
        self._on_dataset()

    @Slot()
    def _on_dataset(self, _name: str = "") -> None:
        dataset = self.session.dataset()
        if dataset is not None:
            self._warn_of_root(dataset)
        project = self.session.project
        seen = (project.path, dataset.id, dataset.revision) if project is not None and dataset is not None else ()
        if seen == self._seen:
            return
        another = seen[:2] != self._seen[:2]
        self._seen = seen
        if dataset is None or project is None:
            self.browser.clear()
        else:
            preview = Previewer(dataset.modality, self.session.registry)
            self.browser.show_dataset(dataset)
            self.detail.set_dataset(project, dataset, self.browser.kind, preview)
            self.tools.set_dataset(dataset, self.browser.kind)
        if self.stack.currentWidget() in (self.form, self._job_view):
            return
        if another or dataset is None or self.stack.currentWidget() is self.empty:
            self._show_default()
        else:
            self._word()
            self.tools.refresh()

    def _warn_of_root(self, dataset: "DatasetInfo") -> None:
        if dataset.root_found:
            kept = self.notice.isVisible() and self.importing.name == dataset.name
            self.notice.set(self.notice.label.text() if kept else "")
        else:
            files = "The pictures were" if dataset.modality == "image" else "The files were"
            sentence = f"{files} in {dataset.root}, and that folder is not there. Put it back, or beside the project."
            self.notice.set(sentence, "warning")

    @Slot()
    def _show_default(self) -> None:
        self._show(self.browser if self.session.dataset() is not None else self.empty)

    def _show(self, view: QWidget) -> None:
        if self.stack.currentWidget() is self.detail and view is not self.detail:
            self.detail.leave()
        self.stack.setCurrentWidget(view)
        browsing = self._browsing and self.session.dataset() is not None
        for one in (self.import_button, self.train_button, self.tools.segments, self.tools.more):
            one.setVisible(browsing)
        self.form.cancel.setVisible(view is self.form)
        self.form.import_button.setVisible(view is self.form)
        self.tools.show_current(view)
        self._word()

    @Slot()
    def _word(self) -> None:
        """Title and command line."""
        view, dataset, project = self.stack.currentWidget(), self.session.dataset(), self.session.project
        if view in (self.form, self._job_view, self.empty) or dataset is None or project is None:
            importing = view in (self.form, self._job_view)
            self.header.set_title("Import a data set" if importing else "Data")
            self.command_line = self.form.command() if importing else ""
            return
        kind = self.browser.kind
        items = kind.count(sum(dataset.split_counts.values()))
        names = text.plural(len(dataset.class_names), *kind.names)
        excluded = f" · {dataset.excluded:,} excluded" if dataset.excluded else ""
        self.header.set_title(dataset.name, f"{items} · {names}{excluded} · revision {dataset.revision}")
        shown = shlex.join(["tlstudio", "data", "show", str(project.path), dataset.name])
        self.command_line = self.tools.command() or shown

    @Slot(str)
    def _on_report(self, note: str) -> None:
        """What the newest revision changed."""
        dataset = self.session.dataset()
        self.header.subtitle.setToolTip(f"Revision {dataset.revision}: {note}" if dataset is not None else "")

    @Slot(str)
    def _on_command(self, command: str) -> None:
        if self.stack.currentWidget() is self.form:
            self.command_line = command

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")

    @Slot(object)
    def _on_view_asked(self, view: object) -> None:
        self._show(view if isinstance(view, QWidget) else self.browser)

    @property
    def _browsing(self) -> bool:
        return self.stack.currentWidget() not in (self.form, self._job_view, self.empty)

    @Slot()
    def undo(self) -> None:
        if self._browsing:
            self.browser.editing.undo()

    @Slot()
    def redo(self) -> None:
        if self._browsing:
            self.browser.editing.redo()

    # ---- importing

    @Slot(object)
    def _on_import_view(self, view: QWidget) -> None:
        self.notice.set("")
        self._show(view)

    @Slot()
    def begin_import(self, source: str | bool = "") -> None:
        self.importing.begin(source if isinstance(source, str) else "")

    @Slot(str, dict)
    def _on_imported(self, name: str, result: dict[str, Any]) -> None:
        self.session.select_dataset(name)
        self._show(self.browser)
        self.notice.set(self.importing.summary(result), "ok")
        self.session.refresh_datasets()

    # ---- items, and what was left out

    @Slot(int)
    def show_item(self, index: int) -> None:
        self.one.show(index)

    @Slot(object, str)
    def show_items(self, wanted: "ItemFilter", reason: str) -> None:
        """The items that a tool has found, with its reason in a chip."""
        self._show(self.browser)
        self.browser.show_items(wanted, reason)
        self.browser.current_view.setFocus()

    @Slot()
    def _on_problems_asked(self) -> None:
        project, dataset = self.session.project, self.session.dataset()
        if project is not None and dataset is not None:
            name = dataset.name
            self.session.background.submit(lambda: project.problems(name, 0, LIMIT), self._on_problems)

    def _on_problems(self, rows: "list[SkippedFile]") -> None:
        dataset = self.session.dataset()
        if dataset is not None:
            self.problems.show_problems(rows, dataset.skipped)
            self._show(self.problems)

    # ---- drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.begin_import(event.mimeData().urls()[0].toLocalFile())
