"""Weights of the user's own: choose the network they belong to, the file and a name; then they are checked."""

import re
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from tlstudio.api.events import Event, Failed, Finished
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import button, muted_label, primary_button

SUFFIXES = (".pth", ".pt", ".th", ".bin", ".ckpt", ".safetensors")


class ImportWeightsDialog(QDialog):
    """``imported`` carries the backbone's id and the name of the weights."""

    imported = Signal(str, str)

    def __init__(self, session: Session, backbone: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle("Import weights")
        self.setMinimumWidth(560)
        self.setAcceptDrops(True)
        self.backbone = QComboBox()
        self.backbone.setEditable(True)
        self.backbone.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        for descriptor in session.registry.backbones():
            self.backbone.addItem(f"{descriptor.title} ({descriptor.id})", descriptor.id)
        completer = self.backbone.completer()
        if completer is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.backbone.setCurrentIndex(max(0, self.backbone.findData(backbone)))
        self.backbone.setAccessibleName("Backbone that the weights belong to")
        self.file = QLineEdit()
        self.file.setPlaceholderText("a .pth, .th, .pt or .safetensors file; or drop it here")
        self.file.setAccessibleName("File with the weights")
        self.file.textChanged.connect(self._on_file_changed)
        browse = button("Browse…")
        browse.clicked.connect(self._on_browse)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name for these weights")
        self.panel = JobPanel("Checking the weights")
        self.panel.hide()
        self.report = QPlainTextEdit()
        self.report.setObjectName("mono")
        self.report.setReadOnly(True)
        self.report.setMinimumHeight(160)
        self.report.setAccessibleName("What did not match")
        self.report.hide()
        self.go = primary_button("Import")
        self.go.clicked.connect(self.start)
        self.close_button = button("Close")
        self.close_button.clicked.connect(self.reject)
        self._lay_out(browse)
        self._on_file_changed("")

    def _lay_out(self, browse: QWidget) -> None:
        row = QHBoxLayout()
        row.addWidget(self.file, 1)
        row.addWidget(browse)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setSpacing(10)
        form.addRow(_label("Backbone", self.backbone), self.backbone)
        form.addRow(_label("File", self.file), row)
        form.addRow(_label("Name", self.name), self.name)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.go)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(14)
        layout.addWidget(
            muted_label(
                "The file must hold every weight of the chosen network, under its own names; prefixes such as "
                "“module.” and another classifier are all right. Anything else is refused with a list."
            )
        )
        layout.addLayout(form)
        layout.addWidget(self.panel)
        layout.addWidget(self.report, 1)
        layout.addLayout(buttons)

    def set_file(self, path: str) -> None:
        self.file.setText(path)
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(path).stem).strip("-.").lower()
        self.name.setText(stem)
        hits = [i for i in range(self.backbone.count()) if str(self.backbone.itemData(i)) in stem.replace("-", "_")]
        if hits:
            self.backbone.setCurrentIndex(max(hits, key=lambda i: len(str(self.backbone.itemData(i)))))

    @Slot()
    def start(self) -> None:
        arguments = {
            "backbone": str(self.backbone.currentData()),
            "file": self.file.text().strip(),
            "name": self.name.text().strip(),
        }
        self.report.hide()
        self.go.setEnabled(False)
        self.panel.begin()
        self.panel.follow(self._session.start_job("import-weights", arguments, self.on_event))

    @Slot(object)
    def on_event(self, event: Event) -> None:
        self.panel.on_event(event)
        match event:
            case Finished(status="finished", result=result):
                self.imported.emit(result["backbone"], result["name"])
                left_out = result.get("ignored_head") or []
                note = f" Its own classifier was left out: {', '.join(left_out)}." if left_out else ""
                self.panel.banner.set(f"All {result['matched']} weights match by name.{note}", "ok")
                self.close_button.setText("Done")
            case Failed(sentence=sentence):
                first, _, rest = sentence.partition("\n")
                self.panel.banner.set(first, "error")
                self.report.setPlainText(rest)
                self.report.setVisible(bool(rest))
                self.go.setEnabled(True)
            case Finished():
                self.go.setEnabled(True)

    def reject(self) -> None:
        self.panel.stop()
        super().reject()

    @Slot()
    def _on_browse(self) -> None:
        pattern = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        name, _ = QFileDialog.getOpenFileName(self, "Weights", "", f"Weights ({pattern});;All files (*)")
        if name:
            self.set_file(name)

    @Slot(str)
    def _on_file_changed(self, text: str) -> None:
        self.go.setEnabled(bool(text.strip()))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if weights_in(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = weights_in(event)
        if path is not None:
            self.set_file(path)
            event.acceptProposedAction()


def weights_in(event: QDropEvent) -> str | None:
    """The file with weights that is dragged; ``None`` where it is something else."""
    for url in event.mimeData().urls():
        if url.isLocalFile() and url.toLocalFile().lower().endswith(SUFFIXES):
            return url.toLocalFile()
    return None


def _label(text: str, buddy: QWidget) -> QLabel:
    label = QLabel(text)
    label.setBuddy(buddy)
    return label
