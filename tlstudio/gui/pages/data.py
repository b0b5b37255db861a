"""Data: what is in the project, importing more, and a close look at it."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.data_browser import DataBrowser
from tlstudio.gui.pages.data_detail import DetailView
from tlstudio.gui.pages.data_import import ImportForm
from tlstudio.gui.pages.data_problems import LIMIT, ProblemsView
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import Banner, EmptyState, Page, PageHeader, button, primary_button

if TYPE_CHECKING:
    from tlstudio.project import SkippedFile


class DataPage(Page):
    page_id = "data"
    title = "Data"
    help_text = (
        "A data set is a folder of pictures with one subfolder for each class, folders train, val and test, or a "
        "CSV file. Importing reads every file once, leaves out what cannot be used and says why, and splits the "
        "rest so that the same picture never stands in two parts. Nothing is copied and nothing is ever deleted."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self._imported = ""
        self._seen: tuple[object, ...] = ()  # project, data set and revision that the views show
        self.header = PageHeader("Data")
        self.import_button = button("Import…", "plus")
        self.import_button.clicked.connect(self.begin_import)
        self.train_button = primary_button("Train on it")
        self.train_button.clicked.connect(self._on_train)
        self.header.add_action(self.import_button)
        self.header.add_action(self.train_button)
        self.notice = Banner()
        self.empty = EmptyState(
            "data",
            "No data set yet",
            "Choose a folder with one subfolder of pictures for each class, folders train, val and test, or a CSV "
            "file. You can also drop it here.",
            "Import…",
        )
        self.empty.triggered.connect(self.begin_import)
        self.form = ImportForm(session)
        self.form.accepted.connect(self._on_import_accepted)
        self.form.cancelled.connect(self._show_default)
        self.form.command_changed.connect(self._on_command)
        self.header.add_action(self.form.cancel)
        self.header.add_action(self.form.import_button)
        self.job = JobPanel("Importing")
        self.job.finished.connect(self._on_imported)
        self.job.stopped.connect(self._on_import_stopped)
        self.job.failed.connect(self._on_import_failed)
        self._job_view = QWidget()
        column = QVBoxLayout(self._job_view)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.job)
        column.addStretch(1)
        self.browser = DataBrowser(session)
        self.browser.item_activated.connect(self.show_item)
        self.browser.problems_asked.connect(self._on_problems_asked)
        self.detail = DetailView(session.background)
        self.detail.closed.connect(self._on_detail_closed)
        self.detail.step_asked.connect(self._on_step)
        self.problems = ProblemsView()
        self.problems.closed.connect(self._show_default)
        self.stack = QStackedWidget()
        for view in (self.empty, self.form, self._job_view, self.browser, self.detail, self.problems):
            self.stack.addWidget(view)
        self.layout_.addWidget(self.header)
        self.layout_.addWidget(self.notice)
        self.layout_.addWidget(self.stack, 1)
        session.datasets_changed.connect(self._on_dataset)
        session.selected_dataset_changed.connect(self._on_dataset)
        session.project_changed.connect(self._on_project_changed)
        self._on_dataset()

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
            if dataset.root_found:
                self.notice.set(
                    self.notice.label.text() if self.notice.isVisible() and self._imported == dataset.name else ""
                )
            else:
                self.notice.set(
                    f"The pictures were in {dataset.root}, and that folder is not there. Put it back, or beside "
                    "the project.",
                    "warning",
                )
        project = self.session.project
        seen = (project.path, dataset.id, dataset.revision) if project is not None and dataset is not None else ()
        if seen == self._seen:
            return
        self._seen = seen
        if dataset is not None:
            self.browser.show_dataset(dataset)
        if self.stack.currentWidget() in (self.empty, self.browser, self.detail, self.problems):
            self._show_default()

    @Slot()
    def _show_default(self) -> None:
        self._show(self.browser if self.session.dataset() is not None else self.empty)

    def _show(self, view: QWidget) -> None:
        self.stack.setCurrentWidget(view)
        dataset = self.session.dataset()
        browsing = view not in (self.form, self._job_view, self.empty) and dataset is not None
        self.import_button.setVisible(browsing)
        self.train_button.setVisible(browsing)
        self.form.cancel.setVisible(view is self.form)
        self.form.import_button.setVisible(view is self.form)
        if browsing and dataset is not None:
            pictures = text.plural(sum(dataset.class_counts.values()), "picture")
            classes = text.plural(len(dataset.class_names), "class", "classes")
            self.header.set_title(dataset.name, f"{pictures} · {classes} · revision {dataset.revision}")
            project = self.session.project
            self.command_line = (
                shlex.join(["tlstudio", "data", "show", str(project.path), dataset.name]) if project else ""
            )
        else:
            self.header.set_title("Import a data set" if view in (self.form, self._job_view) else "Data")
            self.command_line = self.form.command() if view in (self.form, self._job_view) else ""

    @Slot(str)
    def _on_command(self, command: str) -> None:
        if self.stack.currentWidget() is self.form:
            self.command_line = command

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")

    # ---- importing

    @Slot()
    def begin_import(self, source: str | bool = "") -> None:
        if self.job.busy:
            self._show(self._job_view)
            return
        self.notice.set("")
        self._show(self.form)
        self.form.begin(source if isinstance(source, str) else "")

    @Slot(dict)
    def _on_import_accepted(self, arguments: dict[str, Any]) -> None:
        self._imported = arguments["name"]
        self.job.begin(f"Importing {arguments['name']}")
        self._show(self._job_view)
        self.job.follow(self.session.start_job("import-data", arguments, self.job.on_event))
        self.session.set_status(f"Importing {arguments['name']}")

    @Slot(dict)
    def _on_imported(self, result: dict[str, Any]) -> None:
        self.session.set_status("")
        self.session.select_dataset(self._imported)
        self._show(self.browser)
        self.notice.set(summary(self._imported, result), "ok")
        self.session.refresh_datasets()

    @Slot()
    def _on_import_stopped(self) -> None:
        self.session.set_status("")
        self._show(self.form)
        self.form.error.set("The import was stopped; nothing of it was kept.", "neutral")

    @Slot(str)
    def _on_import_failed(self, sentence: str) -> None:
        self.session.set_status("")
        self._show(self.form)
        self.form.show_error(sentence)

    # ---- one picture, and what was left out

    @Slot(int)
    def show_item(self, index: int) -> None:
        item = self.browser.model.item(index)
        dataset = self.session.dataset()
        if item is None or dataset is None:
            return
        self.detail.show_item(item, Path(dataset.root), index, self.browser.model.count)
        self._show(self.detail)
        self.detail.setFocus()

    @Slot(int)
    def _on_step(self, step: int) -> None:
        self.browser.gallery.set_current(self.browser.gallery.current + step)
        self.show_item(self.browser.gallery.current)

    @Slot()
    def _on_detail_closed(self) -> None:
        self._show(self.browser)
        self.browser.gallery.setFocus()

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


def summary(name: str, result: dict[str, Any]) -> str:
    """One sentence about a finished import."""
    pictures = result.get("items", 0)
    skipped = result.get("skipped", 0)
    left_out = f"; {text.plural(skipped, 'file')} left out, with reasons under Findings" if skipped else ""
    return f"{name} is imported: {text.plural(pictures, 'picture')}{left_out}."
