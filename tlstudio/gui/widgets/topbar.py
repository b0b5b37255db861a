"""The top bar: the project, its data set, the device with what the runtime chose, and the queue."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from tlstudio.gui.session import Session
from tlstudio.gui.widgets.controls import ElidedLabel, Pill, PillButton
from tlstudio.gui.widgets.pill_menu import PillMenu


class TopBar(QFrame):
    """Listens to the session. ``page_asked`` when a pill leads to a page."""

    page_asked = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topbar")
        self.setFixedHeight(48)
        self._session = session
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        self.project = ElidedLabel("No project")
        self.project.setObjectName("projectname")
        self.dataset = PillMenu("Data set")
        self.dataset.setVisible(False)
        self.device = Pill()
        self.queue = PillButton()
        self.queue.clicked.connect(self._on_queue_clicked)
        row.addWidget(self.project)
        row.addWidget(self.dataset, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addStretch(1)
        row.addWidget(self.device)
        row.addWidget(self.queue)
        session.project_changed.connect(self._on_project_changed)
        session.datasets_changed.connect(self._on_datasets_changed)
        session.selected_dataset_changed.connect(self._on_datasets_changed)
        session.runtime_changed.connect(self._on_runtime_changed)
        session.queue_changed.connect(self._on_queue_changed)
        session.settings_changed.connect(self._on_runtime_changed)
        self.dataset.picked.connect(session.select_dataset)
        self._on_project_changed()
        self._on_runtime_changed()
        self._on_queue_changed()

    @Slot()
    def _on_project_changed(self) -> None:
        project = self._session.project
        self.project.setText(project.name if project else "No project")
        self.project.setToolTip(str(project.path) if project else "Open a project or make one on the Start page.")
        self._on_datasets_changed()

    @Slot()
    @Slot(str)
    def _on_datasets_changed(self, _name: str = "") -> None:
        dataset = self._session.dataset()
        self.dataset.setVisible(dataset is not None)
        if dataset is not None:
            self.dataset.set(f"{dataset.name} · r{dataset.revision}", prefix="Data")
            self.dataset.set_choices([one.name for one in self._session.datasets], dataset.name)

    @Slot()
    def _on_runtime_changed(self) -> None:
        runtime = self._session.runtime
        if runtime is None:
            device = self._session.settings.device
            shown = "chosen when training starts" if device == "auto" else device
            self.device.set(shown, "neutral", prefix="Device")
            self.device.setToolTip("Device and precision are measured on the model itself when a run starts.")
            return
        parts = (runtime.device, runtime.precision, runtime.memory_format)
        self.device.set(" · ".join(part for part in parts if part), "neutral", prefix="Device")
        self.device.setToolTip(runtime.reason)

    @Slot()
    def _on_queue_changed(self) -> None:
        active = self._session.active
        running, waiting = active.running_ids, len(active.waiting)
        behind = f"{waiting} waiting" if waiting else ""
        if running:
            first = f"run {running[0]}" if len(running) == 1 else f"{len(running)} runs"
            self.queue.set(" · ".join(part for part in (first, behind) if part), "accent", prefix="Training")
        else:
            paused = "paused" if waiting and active.paused else ""
            text = " · ".join(part for part in (behind, paused) if part)
            self.queue.set(text or "empty", "warning" if active.held_back else "neutral", prefix="Queue")
        tip = active.held_back or ("Another process works it off. " if active.elsewhere else "")
        self.queue.setToolTip(f"{tip}Runs train one after another. Click to see the queue.")

    @Slot()
    def _on_queue_clicked(self) -> None:
        self.page_asked.emit("runs")
