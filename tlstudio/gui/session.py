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
        self.command_line = ""
        self.status = ""
        self.pending_import = ""  # a folder or table that the Data page is to offer for import
        self.pending_plugin = ""  # likewise the Plugins page
        self._registry: Registry | None = None
        self._jobs: list[RunThread] = []
        self.active = ActiveRuns(self)
        self.active.happened.connect(self._on_run_event)
        self.active.changed.connect(self._on_queue_changed)

    # ---- plugins

    @property
    def registry(self) -> "Registry":
        """Everything that the plugins contribute; found now if that has not been done yet."""
        if self._registry is None:
            self._registry = _discover(self.settings.disabled_plugins)
        return self._registry

    @property
    def registry_is_loaded(self) -> bool:
        return self._registry is not None

    def load_registry(self) -> None:
        """Finds the plugins in the background; ``registry_changed`` follows."""
        disabled = list(self.settings.disabled_plugins)
        self.background.submit(lambda: _discover(disabled), self._on_registry)

    def _on_registry(self, registry: "Registry") -> None:
        self._registry = registry
        self.registry_changed.emit()

    # ---- the project

    def open_project(self, path: Path | str) -> None:
        """Raises :class:`ProjectError` where there is none, or a run of the open one is still training."""
        from tlstudio.project import Project

        self._refuse_while_training()
        self._set_project(Project.open(Path(path)))

    def create_project(self, path: Path | str) -> None:
        """Raises :class:`ProjectError` where none can be made, or a run of the open one is still training."""
        from tlstudio.project import Project

        self._refuse_while_training()
        self._set_project(Project.create(Path(path)))

    def request_open(self, path: Path | str) -> None:
        """Opens in the background; what goes wrong becomes a message."""
        from tlstudio.project import Project

        self.background.submit(lambda: Project.open(Path(path)), self._set_project, self._on_background_failed)

    def close_project(self) -> None:
        """Raises :class:`ProjectError` while a run is still training."""
        if self.project is not None:
            self._refuse_while_training()
            self._set_project(None)

    def _refuse_while_training(self) -> None:
        if self.project is not None and self.active.running:
            raise ProjectError(
                f"Run {self.active.running} of {self.project.name} is still training. Stop it first, or wait for it."
            )

    def _set_project(self, project: "Project | None") -> None:
        previous, self.project = self.project, project
        self.datasets, self.runs = [], []
        self.selected_dataset, self.selected_run = "", 0
        if project is not None:
            self.settings.remember(project.path)
            self.save_settings()
        self.project_changed.emit()
        self.selected_dataset_changed.emit("")
        self.selected_run_changed.emit(0)
        self.refresh()
        if previous is not None:
            previous.close()

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
        project = self.project
        if project is None:
            self.runs_changed.emit()
            return
        self.background.submit(lambda: (project, project.runs()), self._on_runs, self._on_read_failed)

    def _on_datasets(self, answer: "tuple[Project, list[DatasetInfo]]") -> None:
        project, datasets = answer
        if project is not self.project:
            return
        self.datasets = datasets
        names = [dataset.name for dataset in datasets]
        self.datasets_changed.emit()
        if self.selected_dataset not in names:
            self.select_dataset(names[0] if names else "")

    def _on_runs(self, answer: "tuple[Project, list[Run]]") -> None:
        project, runs = answer
        if project is self.project:
            self.runs = runs
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
        self.active.start(self.project, run_id)

    def stop_run(self, run_id: int) -> None:
        """Asks the run to stop and keep its best model; one that waits in the queue leaves it."""
        self.active.stop(run_id)

    def events(self, run_id: int) -> list[Event]:
        """Everything that a run of this session has said so far."""
        return self.active.history(run_id)

    def start_job(
        self, name: str, arguments: dict[str, Any], on_event: Callable[[Event], None] | None = None
    ) -> RunThread:
        """Starts a job of the worker's table. ``on_event`` is a ``@Slot(object)`` of a widget."""

        def open_job() -> Any:
            from tlstudio import jobs

            return jobs.start(name, arguments)

        thread = RunThread(open_job, self)
        if on_event is not None:
            thread.event.connect(on_event)
        self._jobs.append(thread)
        thread.finished.connect(self._on_job_finished)
        thread.start()
        return thread

    @property
    def jobs_running(self) -> int:
        return sum(thread.isRunning() for thread in self._jobs)

    def shutdown(self) -> None:
        """Stops what runs, waits for it, and closes the project. The session is of no use afterwards."""
        self.active.shutdown()
        for thread in self._jobs:
            thread.send("stop")
        for thread in self._jobs:
            thread.wait(10_000)
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

    def _on_read_failed(self, sentence: str) -> None:
        if self.project is not None:
            self.say("error", sentence)

    @Slot(int, object)
    def _on_run_event(self, run_id: int, event: Event) -> None:
        if isinstance(event, RuntimeChosen):
            self.runtime = event
            self.runtime_changed.emit()
        self.run_event.emit(run_id, event)

    @Slot()
    def _on_queue_changed(self) -> None:
        self.queue_changed.emit()
        self.refresh_runs()

    @Slot()
    def _on_job_finished(self) -> None:
        for thread in [job for job in self._jobs if job.isFinished()]:
            self._jobs.remove(thread)
            thread.deleteLater()


def _discover(disabled: list[str]) -> "Registry":
    from tlstudio import installer
    from tlstudio.registry import Registry

    installer.activate()
    return Registry.discover(disabled=disabled)
