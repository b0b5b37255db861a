"""The window's observable state. Widgets listen to it and never call each other."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from tlstudio import settings as settings_module
from tlstudio.api.errors import ProjectError, StudioError, UsageError
from tlstudio.api.events import Event, RuntimeChosen
from tlstudio.gui.active_runs import ActiveRuns
from tlstudio.gui.background import Background
from tlstudio.gui.named_jobs import NamedJobs
from tlstudio.gui.opening import discover, open_locked
from tlstudio.gui.project_watch import Look, ProjectWatch
from tlstudio.gui.run_thread import RunThread
from tlstudio.settings import Settings

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Project, Run
    from tlstudio.registry import Registry


class Session(QObject):
    """The open project, what is selected in it, and the work that goes on. Signals say what happened."""

    project_changed = Signal()
    datasets_changed = Signal()  # ``datasets`` is fresh
    runs_changed = Signal()  # ``runs`` is fresh
    registry_changed = Signal()
    settings_changed = Signal()
    run_event = Signal(int, object)  # run id, event
    queue_changed = Signal()  # a run started, ended or was queued
    runtime_changed = Signal()  # ``runtime`` is fresh
    selected_run_changed = Signal(int)  # 0: none
    selected_dataset_changed = Signal(str)
    status_changed = Signal(str)  # what is going on, for the status bar
    command_line_changed = Signal(str)
    page_requested = Signal(str)  # a page id
    message = Signal(str, str, str)  # tone, sentence, details

    def __init__(self, settings: Settings | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings if settings is not None else settings_module.load()
        self.background = Background(self)
        self.background.failed.connect(self._on_background_failed)
        self.project: Project | None = None
        self.datasets: list[DatasetInfo] = []
        self.runs: list[Run] = []
        self.runtime: RuntimeChosen | None = None
        self.selected_dataset = ""
        self.selected_run = 0
        self.command_line = self.status = ""
        self.pending_import = ""  # a folder or table that the Data page is to offer for import
        self.pending_plugin = ""  # likewise the Plugins page
        self.pending_comparison: tuple[int, ...] = ()  # runs that the Compare page is to show
        self._registry: Registry | None = None
        self._jobs = NamedJobs(self)
        self._runs_asked = False
        self.watch = ProjectWatch(self)
        self.watch.looked.connect(self._on_looked)
        self.watch.failed.connect(self._on_read_failed)
        self.active = ActiveRuns(self.watch, lambda: self.registry, self)
        self.active.happened.connect(self._on_run_event)
        self.active.changed.connect(self.queue_changed)
        self.active.problem.connect(self.say_error)

    # ---- plugins

    @property
    def registry(self) -> "Registry":
        """Everything that the plugins contribute; found now if that has not been done yet."""
        if self._registry is None:
            self._registry = discover(self.settings.disabled_plugins)
        return self._registry

    @property
    def registry_is_loaded(self) -> bool:
        return self._registry is not None

    def load_registry(self) -> None:
        """Finds the plugins in the background; ``registry_changed`` follows."""
        disabled = list(self.settings.disabled_plugins)
        self.background.submit(lambda: discover(disabled), self._on_registry)

    def _on_registry(self, registry: "Registry") -> None:
        self._registry = registry
        self.registry_changed.emit()

    # ---- the project

    def open_project(self, path: Path | str) -> None:
        """Raises :class:`ProjectError` where there is none, it is open in another window, or a run is training."""
        if self.project is None or self.project.path != Path(path):
            self._refuse_while_training()
            self._set_project(open_locked(Path(path), create=False))

    def create_project(self, path: Path | str) -> None:
        """Raises :class:`ProjectError` where none can be made, or a run of the open one is still training."""
        self._refuse_while_training()
        self._set_project(open_locked(Path(path), create=True))

    def request_open(
        self,
        path: Path | str,
        done: Callable[[], None] | None = None,
        failed: Callable[[str], None] | None = None,
        *,
        create: bool = False,
    ) -> None:
        """Opens, or makes, a project in the background. What goes wrong becomes a message, or goes to ``failed``."""
        failed = failed or self._on_background_failed
        if self.project is not None and self.project.path == Path(path) and not create:
            if done is not None:
                done()
            return
        try:
            self._refuse_while_training()
        except ProjectError as error:
            failed(str(error))
            return

        def opened(project: "Project") -> None:
            self._set_project(project)
            if done is not None:
                done()

        self.background.submit(lambda: open_locked(Path(path), create=create), opened, failed)

    def close_project(self) -> None:
        """Raises :class:`ProjectError` while a run is still training."""
        if self.project is not None:
            self._refuse_while_training()
            self._set_project(None)

    def leave_project(self) -> None:
        """Closes the project; what trains goes on in the background."""
        self._set_project(None)

    def _refuse_while_training(self) -> None:
        if self.project is not None and self.active.running:
            raise ProjectError(
                f"Run {self.active.running} of {self.project.name} is still training. Close the project first: you "
                "can then let it train on, park it, or stop it."
            )

    def _set_project(self, project: "Project | None") -> None:
        previous, self.project = self.project, project
        self.datasets, self.runs = [], []
        self.selected_dataset, self.selected_run = "", 0
        if project is not None:
            self.settings.remember(project.path)
            self.save_settings()
        self.active.begin(project)
        self.set_status("")
        self.project_changed.emit()
        self.selected_dataset_changed.emit("")
        self.selected_run_changed.emit(0)
        self._runs_asked = True
        self.watch.follow(project)
        self.refresh_datasets()
        if project is None:
            self.runs_changed.emit()
        elif project.notices:
            self.say("warning", project.notices[0], "\n".join(project.notices[1:]))
        if previous is not None:
            self.watch.retire(previous)

    def refresh(self) -> None:
        """Reads data sets and runs again."""
        self.refresh_datasets()
        self.refresh_runs()

    def refresh_datasets(self) -> None:
        """In the background; ``datasets_changed`` follows."""
        project = self.project
        if project is None:
            self.datasets_changed.emit()
            return
        self.background.submit(lambda: (project, project.datasets()), self._on_datasets, self._on_read_failed)

    def refresh_runs(self) -> None:
        """In the background; ``runs_changed`` follows."""
        if self.project is None:
            self.runs_changed.emit()
            return
        self._runs_asked = True
        self.watch.look()

    def _on_datasets(self, answer: "tuple[Project, list[DatasetInfo]]") -> None:
        project, datasets = answer
        if project is not self.project:
            return
        self.datasets = datasets
        names = [dataset.name for dataset in datasets]
        self.datasets_changed.emit()
        if self.selected_dataset not in names:
            self.select_dataset(names[0] if names else "")

    @Slot(object)
    def _on_looked(self, look: Look) -> None:
        if look.project is self.project and (self._runs_asked or look.runs != self.runs):
            self._runs_asked = False
            self.runs = look.runs
            self.runs_changed.emit()

    def dataset(self, name: str = "") -> "DatasetInfo | None":
        """The named, or the selected, data set as it was last read."""
        wanted = name or self.selected_dataset
        return next((dataset for dataset in self.datasets if dataset.name == wanted), None)

    def run(self, run_id: int = 0) -> "Run | None":
        """The given, or the selected, run as it was last read."""
        wanted = run_id or self.selected_run
        return next((run for run in self.runs if run.id == wanted), None)

    def select_dataset(self, name: str) -> None:
        if name != self.selected_dataset:
            self.selected_dataset = name
            self.selected_dataset_changed.emit(name)

    def select_run(self, run_id: int) -> None:
        if run_id != self.selected_run:
            self.selected_run = run_id
            self.selected_run_changed.emit(run_id)

    # ---- work

    def start_run(self, run_id: int) -> None:
        """Trains now, or after the runs that wait before it. Its events come by ``run_event``."""
        if self.project is None:
            raise UsageError("Open a project before you start a run.")
        self.active.start([run_id])

    def start_job(
        self, name: str, arguments: dict[str, Any], on_event: Callable[[Event], None] | None = None
    ) -> RunThread:
        """Starts a job of the worker's table. ``on_event`` is a ``@Slot(object)`` of a widget."""
        return self._jobs.start(name, arguments, on_event)

    @property
    def jobs_running(self) -> int:
        return self._jobs.running

    def shutdown(self) -> None:
        """Stops jobs, turns away from runs, which go on, and closes the project. Of no use afterwards."""
        self.active.shutdown()
        self.watch.close(self.project)
        self._jobs.shutdown()
        self.background.close()
        if self.project is not None:
            self.project.close()
            self.project = None

    # ---- what the frame shows

    def set_status(self, text: str) -> None:
        if text != self.status:
            self.status = text
            self.status_changed.emit(text)

    def set_command_line(self, text: str) -> None:
        if text != self.command_line:
            self.command_line = text
            self.command_line_changed.emit(text)

    def show_page(self, page_id: str) -> None:
        self.page_requested.emit(page_id)

    def say(self, tone: str, text: str, details: str = "") -> None:
        """Shows a sentence above the page: neutral, ok, warning or error."""
        self.message.emit(tone, text, details)

    def say_error(self, sentence: str) -> None:
        self.say("error", sentence)

    def save_settings(self) -> None:
        try:
            settings_module.save(self.settings)
        except StudioError as error:
            self.say("warning", str(error))
        self.settings_changed.emit()

    @Slot(str)
    def _on_background_failed(self, sentence: str) -> None:
        self.say("error", sentence)

    @Slot(str)
    def _on_read_failed(self, sentence: str) -> None:
        if self.project is not None:
            self.say("error", sentence)

    @Slot(int, object)
    def _on_run_event(self, run_id: int, event: Event) -> None:
        if isinstance(event, RuntimeChosen):
            self.runtime = event
            self.runtime_changed.emit()
        self.run_event.emit(run_id, event)
