"""The form for a new project, in the page: a name and a place; what is wrong stands beside it."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QWidget

from tlstudio.gui.widgets.kit import Banner, Card, button, primary_button, small_label

SUFFIX = ".tlproj"


class NewProjectCard(Card):
    """``accepted`` carries the project's folder; ``source`` is what to import into it, or empty."""

    accepted = Signal(str, str)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("New project", parent)
        self._source = ""
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the project")
        self.name.setPlaceholderText("such as flowers")
        self.place = QLineEdit(str(Path.home()))
        self.place.setAccessibleName("Folder in which the project is made")
        browse = button("Browse…")
        browse.clicked.connect(self._on_browse)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.place, 1)
        row.addWidget(browse)
        self.source = QLabel()
        form.addRow("Name", self.name)
        form.addRow("In the folder", row)
        form.addRow("Then import", self.source)
        self._form = form
        self.body.addLayout(form)
        self.will_be = small_label()
        self.body.addWidget(self.will_be)
        self.error = Banner("error")
        self.body.addWidget(self.error)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        cancel = button("Cancel")
        cancel.clicked.connect(self.cancelled)
        self.create_button = primary_button("Create project")
        self.create_button.clicked.connect(self._on_create)
        buttons.addWidget(cancel)
        buttons.addWidget(self.create_button)
        self.body.addLayout(buttons)
        self.name.textChanged.connect(self._update)
        self.place.textChanged.connect(self._update)
        for field in (self.name, self.place):
            field.returnPressed.connect(self._on_create)
        self._update()

    def begin(self, name: str = "", source: str = "") -> None:
        self._source = source
        self.name.setText(name)
        self.source.setText(source)
        self._form.setRowVisible(self.source, bool(source))
        self.error.set("")
        self.setVisible(True)
        self.name.setFocus()
        self.name.selectAll()

    def show_error(self, sentence: str) -> None:
        self.error.set(sentence)

    def folder(self) -> Path:
        name = self.name.text().strip().removesuffix(SUFFIX)
        return Path(self.place.text().strip()).expanduser() / f"{name}{SUFFIX}"

    @Slot()
    def _update(self) -> None:
        named = bool(self.name.text().strip().removesuffix(SUFFIX))
        self.create_button.setEnabled(named)
        self.will_be.setText(
            f"Makes {self.folder()}. It can be moved and zipped; your pictures stay where they are."
            if named
            else "Give the project a name."
        )

    @Slot()
    def _on_browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the project", self.place.text())
        if chosen:
            self.place.setText(chosen)

    @Slot()
    def _on_create(self) -> None:
        if self.create_button.isEnabled():
            self.accepted.emit(str(self.folder()), self._source)
