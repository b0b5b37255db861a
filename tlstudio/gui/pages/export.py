"""A model as a file for elsewhere, verified before it is called done."""

import re
import shlex
from pathlib import Path

from PySide6.QtCore import QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QHBoxLayout, QLineEdit, QRadioButton, QVBoxLayout, QWidget

from tlstudio.api.events import Event, Failed, Finished
from tlstudio.api.exporter import ExporterDescriptor
from tlstudio.gui.pages.export_report import ExportReport
from tlstudio.gui.pages.run_chooser import RunChooser, with_model
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import (
    Banner,
    Card,
    EmptyState,
    Page,
    PageHeader,
    button,
    primary_button,
    scrolled,
    small_label,
)

_EXAMPLES = {"image": "PICTURE.jpg", "audio": "SOUND.wav", "text": '--text "..."', "video": "FILM.mp4"}


class ExportPage(Page):
    page_id = "export"
    title = "Export"
    help_text = (
        "Writes the model of a run as a file for elsewhere, with its class names and everything that has to be done "
        "to a sample first. The file is then read back in a process of its own and compared with the model on real "
        "data. If it does not do the same, the export fails and leaves nothing behind."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._replace: Path | None = None  # the file that the user agreed to replace
        self._typed = False
        self._written, self._example = "", "FILE"
        self.header = PageHeader("Export", "a file for elsewhere, verified")
        self.runs = RunChooser(session, with_model)
        self.go = primary_button("Export", "export")
        self.header.add_action(self.runs)
        self.header.add_action(self.go)
        self.empty = EmptyState("export", "No model yet", "A finished run leaves a model to export.", "Go to Train")
        self._formats = QButtonGroup(self)
        self.format_buttons: dict[str, QRadioButton] = {}
        self.target = QLineEdit()
        self.target.setAccessibleName("File to write")
        self.browse = button("Browse…")
        self.exists = Banner("warning")
        self.panel = JobPanel("Exporting")
        self.report = ExportReport()
        self.show_folder = button("Show in folder", "folder")
        self.copy_command = button("Copy predict command", "copy")
        self._lay_out()
        self._connect()
        self._on_registry_changed()
        self._on_run_chosen(0)

    def _lay_out(self) -> None:
        self.layout_.addWidget(self.header)
        self.layout_.addWidget(self.empty, 1)
        self.area, column = scrolled()
        self._format_card = Card("Format")
        column.addWidget(self._format_card)
        where = Card("File")
        row = QHBoxLayout()
        row.addWidget(self.target, 1)
        row.addWidget(self.browse)
        where.body.addLayout(row)
        where.body.addWidget(self.exists)
        self.exists.hide()
        column.addWidget(where)
        self.panel.hide()
        column.addWidget(self.panel)
        self._after = QWidget()
        buttons = QHBoxLayout(self._after)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addWidget(self.show_folder)
        buttons.addWidget(self.copy_command)
        buttons.addStretch(1)
        self.report.body.addWidget(self._after)
        column.addWidget(self.report)
        column.addStretch(1)
        self.layout_.addWidget(self.area, 1)

    def _connect(self) -> None:
        self.session.registry_changed.connect(self._on_registry_changed)
        self.runs.run_chosen.connect(self._on_run_chosen)
        self._formats.buttonClicked.connect(self._on_format_chosen)
        self.target.textEdited.connect(self._on_target_edited)
        self.browse.clicked.connect(self._on_browse)
        self.exists.triggered.connect(self._on_replace)
        self.go.clicked.connect(self.start)
        self.show_folder.clicked.connect(self._on_show_folder)
        self.copy_command.clicked.connect(self._on_copy)
        self.empty.triggered.connect(self._on_train)

    def shown(self) -> None:
        self.runs.refresh()
        self._refresh()

    # --- choices -------------------------------------------------------------------------------------------

    @property
    def format(self) -> ExporterDescriptor | None:
        chosen = self._formats.checkedButton()
        return self.session.registry.exporter(str(chosen.property("format"))) if chosen else None

    @Slot()
    def _on_registry_changed(self) -> None:
        kept = self._formats.checkedButton()
        name = str(kept.property("format")) if kept else ""
        while self._format_card.body.count():
            item = self._format_card.body.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        for old in self._formats.buttons():
            self._formats.removeButton(old)
        self.format_buttons = {}
        for exporter in self.session.registry.exporters():
            self._format_card.body.addWidget(self._format_row(exporter))
        target = self.format_buttons.get(name) or next(iter(self.format_buttons.values()), None)
        if target is not None:
            target.setChecked(True)
        if not self.format_buttons:
            self._format_card.body.addWidget(small_label("No plugin offers a format to export to."))
        self._suggest()

    def _format_row(self, exporter: ExporterDescriptor) -> QWidget:
        row = QWidget()
        layout = QVBoxLayout(row)
        layout.setContentsMargins(0, 2, 0, 4)
        layout.setSpacing(1)
        made = QRadioButton(f"{exporter.title} ({exporter.suffix})")
        made.setProperty("format", exporter.id)
        made.setAccessibleDescription(exporter.description)
        needs = "" if exporter.predict_needs_torch else " Predicting with it needs no PyTorch."
        words = small_label(f"{exporter.description}{'' if 'torch' in exporter.description.lower() else needs}")
        words.setContentsMargins(24, 0, 0, 0)
        layout.addWidget(made)
        layout.addWidget(words)
        self._formats.addButton(made)
        self.format_buttons[exporter.id] = made
        return row

    @Slot(int)
    def _on_run_chosen(self, run_id: int) -> None:
        self.empty.setVisible(not run_id)
        for widget in (self.area, self.runs, self.go):
            widget.setVisible(bool(run_id))
        self.report.hide()
        if not self.panel.busy:
            self.panel.hide()
        self._typed = False
        self._suggest()

    @Slot(object)
    def _on_format_chosen(self, _button: object) -> None:
        self.report.hide()
        self._suggest()

    def _suggest(self) -> None:
        """A name inside the project, unless the user wrote one: that keeps its place and gets the new suffix."""
        chosen, run, project = self.format, self.runs.run, self.session.project
        if chosen is None or run is None or project is None:
            return
        if self._typed and self.target.text().strip():
            known = {e.suffix for e in self.session.registry.exporters()}
            path = Path(self.target.text().strip())
            if path.suffix in known:
                self.target.setText(str(path.with_suffix(chosen.suffix)))
        else:
            stem = re.sub(r"[^\w.-]+", "-", f"{run.dataset}-{run.backbone}-run{run.id}")
            self.target.setText(str(project.path / "exports" / f"{stem}{chosen.suffix}"))
        self._refresh()

    @Slot(str)
    def _on_target_edited(self, _text: str) -> None:
        self._typed = True
        self._refresh()

    @Slot()
    def _on_browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Export to", self.target.text(), options=QFileDialog.Option.DontConfirmOverwrite
        )
        if name:
            self._typed = True
            self.target.setText(name)
            self._refresh()

    def _path(self) -> Path:
        return Path(self.target.text().strip()).expanduser()

    def _refresh(self) -> None:
        run, chosen, project, path = self.runs.run, self.format, self.session.project, self._path()
        text = self.target.text().strip()
        there = bool(text) and path.exists()
        agreed = self._replace == path
        if there and path.is_dir():
            self.exists.set("This is a folder; write the name of a file in it.", "warning")
        elif there and not self.panel.busy and str(path) != self._written:
            self.exists.set(
                "It will be replaced." if agreed else "This file is there already.",
                "warning",
                "" if agreed else "Replace it",
            )
        else:
            self.exists.set("")
        free = not there or (agreed and not path.is_dir())
        self.go.setEnabled(run is not None and chosen is not None and bool(text) and free and not self.panel.busy)
        if run is not None and chosen is not None and project is not None:
            more = ["--overwrite"] if agreed else []
            words = [
                "tlstudio",
                "export",
                str(project.path),
                str(run.id),
                "--format",
                chosen.id,
                "--out",
                str(path),
                *more,
            ]
            self.command_line = shlex.join(words)

    @Slot()
    def _on_replace(self) -> None:
        self._replace = self._path()
        self._refresh()

    # --- doing it ------------------------------------------------------------------------------------------

    @Slot()
    def start(self) -> None:
        run, chosen, project = self.runs.run, self.format, self.session.project
        if run is None or chosen is None or project is None or self.panel.busy:
            return
        path = self._path()
        arguments = {"project": str(project.path), "run": run.id, "format": chosen.id, "out": str(path)}
        if path.exists():
            arguments["overwrite"] = True
        self.report.hide()
        self._written = ""
        self.panel.begin(f"Exporting run {run.id} to {path.name}")
        self.panel.follow(self.session.start_job("export", arguments, self.on_event))
        self._refresh()

    @Slot(object)
    def on_event(self, event: Event) -> None:
        self.panel.on_event(event)
        match event:
            case Finished(status="finished", result=result):
                self._written = str(result.get("path") or self._path())
                self._example = _EXAMPLES.get(str(result.get("modality")), "FILE")
                self._replace = None
                self.panel.hide()
                self.report.show_result(result, self.session.registry)
                self._after.show()
                QTimer.singleShot(50, self._show_report)
            case Failed(sentence=sentence, traceback=trace):
                if not trace:
                    self.panel.hide()
                self._after.hide()
                self.report.show_failure(sentence)
                self._replace = None
        if event.terminal:
            self._refresh()

    @Slot()
    def _show_report(self) -> None:
        self.area.ensureWidgetVisible(self._after)

    @Slot()
    def _on_show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._written).parent)))

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{shlex.join(['tlstudio', 'predict', self._written])} {self._example}")
        self.session.set_status("The command was copied.")

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")
