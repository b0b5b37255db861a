"""A data set with its splits, written out for other programs."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QRadioButton, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.data_fields import add_row, form_layout, mark
from tlstudio.gui.pages.data_job import DataJobView
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, button, muted_label, primary_button, small_label

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo


class ExportDataView(DataJobView):
    """By the job ``export-data``. ``exported`` carries the folder."""

    exported = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._out = ""
        self._choices: dict[str, QRadioButton] = {}
        self.banner.triggered.connect(self._on_open)
        formats = Card("In which form")
        self._formats = QVBoxLayout()
        self._formats.setSpacing(4)
        formats.body.addLayout(self._formats)
        self.column.addWidget(formats)
        target = Card("Where to")
        self.folder = QLineEdit()
        self.folder.setAccessibleName("Folder to write into")
        self.folder.setPlaceholderText("a folder that is empty, or not there yet")
        self.folder.textChanged.connect(self._update)
        browse = button("Folder…", "folder")
        browse.clicked.connect(self._on_browse)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.folder, 1)
        row.addWidget(browse)
        form = form_layout()
        add_row(form, "Folder", row)
        self.problem = small_label()
        self.problem.setObjectName("error")
        form.addRow("", self.problem)
        target.body.addLayout(form)
        self.what = muted_label()
        target.body.addWidget(self.what)
        self.go = primary_button("Export data")
        self.go.clicked.connect(self.begin)
        last = QHBoxLayout()
        last.addStretch(1)
        last.addWidget(self.go)
        target.body.addLayout(last)
        self.column.addWidget(target)
        self.add_job("Writing", "Stopped. What was written so far is in the folder.")

    # ---- from outside

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        super().show_dataset(dataset)
        if self.is_another(dataset):
            self._fill(dataset)
            if self.session.project is not None:
                self.folder.setText(str(self.session.project.path.parent / f"{dataset.name}-export"))
        self._update()

    @property
    def format(self) -> str:
        return next((name for name, made in self._choices.items() if made.isChecked()), "")

    def command(self) -> str:
        if self.dataset is None or not self.format:
            return ""
        return shlex.join(
            ["tlstudio", "data", "export", self.project_path, self.dataset.name, self.folder.text().strip(), "--format",
             self.format]
        )  # fmt: skip

    @Slot()
    def begin(self) -> None:
        if self.dataset is None or self.job.busy or not self.format:
            return
        self._out = self.folder.text().strip()
        arguments = {"project": self.project_path, "dataset": self.dataset.name, "format": self.format,
                     "out": self._out}  # fmt: skip
        self.start("export-data", f"Writing {self.dataset.name}", arguments)

    # ---- inside

    def _fill(self, dataset: "DatasetInfo") -> None:
        """What can be written comes first; the rest is grey, with its reason."""
        chosen = self.format
        while (entry := self._formats.takeAt(0)) is not None:
            if widget := entry.widget():
                widget.hide()
                widget.deleteLater()
        self._choices = {}
        rows = []
        for descriptor in self.session.registry.formats():
            reason = ""
            if not descriptor.writes:
                continue
            if dataset.task not in descriptor.writes:
                reason = f"It cannot hold data for {dataset.task}."
            elif dataset.modality not in descriptor.modalities:
                reason = f"It cannot hold {dataset.modality}."
            rows.append((bool(reason), descriptor, reason))
        for _, descriptor, reason in sorted(rows, key=lambda row: row[0]):
            made = QRadioButton(descriptor.title)
            made.setEnabled(not reason)
            made.setToolTip(reason or descriptor.description)
            made.toggled.connect(self._update)
            about = QWidget()
            inside = QVBoxLayout(about)
            inside.setContentsMargins(26, 0, 0, 6)
            inside.addWidget(small_label(reason or descriptor.description))
            about.setEnabled(not reason)
            self._formats.addWidget(made)
            self._formats.addWidget(about)
            self._choices[descriptor.id] = made
        able = [name for name, made in self._choices.items() if made.isEnabled()]
        if not self._choices:
            self._formats.addWidget(muted_label("No plugin that is switched on writes data sets."))
        if able:
            self._choices[chosen if chosen in able else able[0]].setChecked(True)

    @Slot()
    def _update(self, *_changed: object) -> None:
        if self.dataset is None:
            return
        problem = self._problem()
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        mark(self.folder, bool(problem))
        self.go.setEnabled(not problem and bool(self.format) and not self.job.busy)
        count = text.plural(sum(self.dataset.split_counts.values()), "item")
        out = " Excluded items stay out." if self.dataset.excluded else ""
        self.what.setText(f"{count} of revision {self.dataset.revision} are copied, with their labels and splits.{out}")
        self.command_changed.emit(self.command())

    def _problem(self) -> str:
        name = self.folder.text().strip()
        if not name:
            return "Choose a folder."
        folder = Path(name).expanduser()
        if folder.is_file():
            return f"{folder.name} is a file. Choose a folder."
        try:
            if folder.is_dir() and next(folder.iterdir(), None) is not None:
                return f"{folder.name} is not empty. Choose an empty folder, or one that is not there yet."
        except OSError as error:
            return f"{folder} cannot be read: {error.strerror}."
        return ""

    @Slot()
    def _on_browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder to write into", self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    def done(self, result: dict[str, Any]) -> None:
        count = text.plural(int(result.get("items", 0)), "item")
        self.banner.set(f"{count} were written to {self._out}.", "ok", "Open the folder")
        self.problem.hide()
        mark(self.folder, False)
        self.exported.emit(self._out)

    @Slot()
    def _on_open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._out))
