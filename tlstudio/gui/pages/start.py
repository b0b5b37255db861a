"""Start: recent projects, a new one, the demo; and whatever is dropped onto the window."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from tlstudio import paths
from tlstudio.gui.pages import start_look
from tlstudio.gui.pages.start_new import SUFFIX, NewProjectCard
from tlstudio.gui.pages.start_recent import Recent, RecentProjects, look_at
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import (
    Banner,
    Card,
    EmptyState,
    Page,
    PageHeader,
    button,
    muted_label,
    primary_button,
    scrolled,
)


class StartPage(Page):
    page_id = "start"
    title = "Start"
    help_text = (
        "A project is a folder that holds data sets, runs and models together. Open one, make one, or watch "
        "the demo: it makes a project from real handwritten digits, trains two models and verifies an "
        "exported file. You can also drop a project, or a folder of pictures, onto the window."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self._removed = ""
        self._offered = Path()
        self._demo_project = Path()
        header = PageHeader("Start", "open a project, or make one")
        self.open_button = header.add_action(button("Open project…"))
        self.new_button = header.add_action(primary_button("New project…"))
        self.open_button.clicked.connect(self._on_open)  # type: ignore[attr-defined]  # a QPushButton
        self.new_button.clicked.connect(self.begin_new)  # type: ignore[attr-defined]
        self.layout_.addWidget(header)
        self.notice = Banner()
        self.notice.triggered.connect(self._on_notice)
        self.layout_.addWidget(self.notice)
        area, column = scrolled()
        self.layout_.addWidget(area, 1)
        self.new_card = NewProjectCard()
        self.new_card.setVisible(False)
        self.new_card.accepted.connect(self._on_new_accepted)
        self.new_card.cancelled.connect(self.new_card.hide)
        column.addWidget(self.new_card)
        columns = QHBoxLayout()
        columns.setSpacing(14)
        columns.addLayout(self._recent_column(), 3)
        columns.addLayout(self._demo_column(), 2)
        column.addLayout(columns, 1)
        self.command_line = "tlstudio"
        session.project_changed.connect(self.shown)

    def _recent_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        self.recent = RecentProjects()
        self.recent.opened.connect(self.open_path)
        self.recent.removed.connect(self._on_removed)
        self.empty = EmptyState(
            "folder",
            "Your projects will be listed here",
            "A project keeps data sets, runs and models together. Make one, or drop a folder of pictures.",
        )
        column.addWidget(self.recent)
        column.addWidget(self.empty)
        column.addStretch(1)
        self.recent.setVisible(False)
        self.empty.setVisible(False)
        return column

    def _demo_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(14)
        self.demo_card = Card("See it work")
        self.demo_card.body.addWidget(
            muted_label(
                "The demo makes a project from 1,797 real handwritten digits, trains two models from the "
                "small network that comes with the application, and verifies an exported file. It downloads "
                "nothing and takes two to three minutes."
            )
        )
        self.demo_button = button("Try the demo", "demo")
        self.demo_button.clicked.connect(self.start_demo)
        row = QHBoxLayout()
        row.addWidget(self.demo_button)
        row.addStretch(1)
        self.demo_card.body.addLayout(row)
        column.addWidget(self.demo_card)
        self.demo = JobPanel("The demo", log=True)
        self.demo.setVisible(False)
        self.demo.finished.connect(self._on_demo_finished)
        self.demo.stopped.connect(self._on_demo_ended)
        self.demo.failed.connect(self._on_demo_ended)
        column.addWidget(self.demo)
        drop = Card("Drop it here")
        drop.body.addWidget(
            muted_label("A project folder opens. From a folder of pictures a project is made. A plugin is installed.")
        )
        column.addWidget(drop)
        column.addStretch(1)
        return column

    @Slot()
    def shown(self) -> None:
        recent = list(self.session.settings.recent)
        self.session.background.submit(lambda: look_at(recent), self._on_recent)

    def _on_recent(self, recent: list[Recent]) -> None:
        self.recent.show_recent(recent)
        self.recent.setVisible(bool(recent))
        self.empty.setVisible(not recent)

    # ---- projects

    @Slot()
    def begin_new(self) -> None:
        self.new_card.begin()

    @Slot()
    def _on_open(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Open project", str(Path.home()))
        if chosen:
            self.open_path(chosen)

    @Slot(str)
    def open_path(self, path: str) -> None:
        """Opens a project and shows its data; what is wrong stands here."""
        self.notice.set(f"Opening {Path(path).name}…", "neutral")
        self.session.request_open(path, self._on_opened, self._on_open_failed)

    def _on_opened(self) -> None:
        self.notice.set("")
        self.session.show_page("data")

    def _on_open_failed(self, sentence: str) -> None:
        self.notice.set(sentence, "error")

    @Slot(str, str)
    def _on_new_accepted(self, folder: str, source: str) -> None:
        def made() -> None:
            self.new_card.hide()
            self.session.pending_import = source
            self.session.show_page("data")

        self.session.request_open(folder, made, self.new_card.show_error, create=True)

    @Slot(str)
    def _on_removed(self, path: str) -> None:
        self._removed = path
        self.session.settings.forget(path)
        self.session.save_settings()
        self.notice.set(f"{Path(path).name} is off the list; its files were not touched.", "neutral", "Undo")
        self.shown()

    @Slot()
    def _on_notice(self) -> None:
        """Undo of the removal, or yes to the offer."""
        action = self.notice.action.text()
        self.notice.set("")
        if action == "Undo":
            self.session.settings.remember(Path(self._removed))
            self.session.save_settings()
            self.shown()
        elif action == "Import it":
            self.session.pending_import = str(self._offered)
            self.session.show_page("data")

    # ---- drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.accept_path(Path(event.mimeData().urls()[0].toLocalFile()))

    def accept_path(self, path: Path) -> None:
        """Something was dropped: looks what it is and offers what can be done with it."""
        self._offered = path
        self.session.background.submit(lambda: (path, start_look.kind_of(path)), self._on_looked, self._on_look_failed)

    def _on_looked(self, answer: tuple[Path, start_look.Kind]) -> None:
        path, kind = answer
        match kind:
            case "project":
                self.open_path(str(path))
            case "pictures" | "table" if self.session.project is not None:
                name = self.session.project.name
                self.notice.set(f"Import {path.name} into the project {name}?", "accent", "Import it")
            case "pictures" | "table":
                self.new_card.begin(path.stem, str(path))
            case "plugin":
                self.session.pending_plugin = str(path)
                self.session.show_page("plugins")
            case _:
                self._on_look_failed(f"{path} is neither a project nor a folder with pictures, a CSV or a plugin.")

    def _on_look_failed(self, sentence: str) -> None:
        self.notice.set(sentence, "warning")

    # ---- the demo

    @Slot()
    def start_demo(self) -> None:
        self.start_demo_in(_free(paths.data_dir() / "demo"))

    def start_demo_in(self, project: Path) -> None:
        """Runs the demo; its project is made at ``project``, which does not exist yet."""
        if self.demo.busy:
            return
        self._demo_project = project
        self.demo.begin()
        self.demo_button.setEnabled(False)
        self.demo_card.setVisible(False)
        arguments = {"project": str(self._demo_project)}
        self.demo.follow(self.session.start_job("demo", arguments, self.demo.on_event))
        self.session.set_status("The demo is running")

    @Slot(dict)
    def _on_demo_finished(self, result: dict[str, Any]) -> None:
        self._on_demo_ended()
        self.demo.setVisible(False)

        def opened() -> None:
            self.session.say("ok", _summary(result))
            self.session.show_page("runs")

        self.session.request_open(self._demo_project, opened, self._on_open_failed)

    @Slot()
    def _on_demo_ended(self, _sentence: str = "") -> None:
        self.demo_button.setEnabled(True)
        self.demo_card.setVisible(True)
        self.session.set_status("")


def _summary(result: dict[str, Any]) -> str:
    """What the demo reached, in three sentences."""
    export, guess = result["export"], result["prediction"]
    return (
        f"The demo is done: {Path(export['path']).name} was verified in a clean process on {export['images']} pictures "
        f"and takes {Path(guess['file']).name} for a {guess['class']} with {100 * guess['probability']:.0f} %. "
        "Its runs stand on the page Runs; each opens with its results."
    )


def _free(folder: Path) -> Path:
    """The first name for the demo's project that is not taken."""
    number = 1
    while (candidate := folder / f"digits{'' if number == 1 else f'-{number}'}{SUFFIX}").exists():
        number += 1
    return candidate
