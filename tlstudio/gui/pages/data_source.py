"""What is to be imported: a folder, a file or a well-known data set; and what it is to be called."""

import re
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QWidget

from tlstudio.data import builtin_sets
from tlstudio.gui.pages.data_fields import add_row, form_layout, mark
from tlstudio.gui.pages.data_sniff import SCHEME
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, button, small_label
from tlstudio.gui.widgets.pill_menu import PillMenu

_NEW = ""
_SUFFIXES = frozenset(
    (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")
)
_SAYS_NOTHING = frozenset(
    ("labels", "label", "data", "dataset", "annotations", "annotation", "metadata", "index", "train", "items", "images")
)
_FILES = "Tables and archives (*.csv *.tsv *.jsonl *.json *.parquet *.zip *.tar *.tar.gz *.tgz *.gz);;All files (*)"


class SourceCard(Card):
    """``source_changed`` carries the source; ``changed`` when the name or the target is another."""

    source_changed = Signal(str)
    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("What to import", parent)
        self._session = session
        self._named_by_hand = False
        self.source = QLineEdit()
        self.source.setAccessibleName("Folder, file or archive to import")
        self.source.setPlaceholderText("A folder, a table (CSV, TSV, JSONL, Parquet) or an archive (zip, tar)")
        self.source.textChanged.connect(self._on_source)
        folder = button("Folder…", "folder")
        folder.clicked.connect(self._on_folder)
        file = button("File…", "file")
        file.setAccessibleName("Table or archive to import")
        file.clicked.connect(self._on_file)
        self.known = PillMenu("Well-known data sets")
        self.known.setText("Well-known data sets…")
        self.known.picked.connect(self._on_known)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.source, 1)
        for made in (folder, file, self.known):
            row.addWidget(made)
        self.target = QComboBox()
        self.target.setAccessibleName("Make a new data set, or add to one that is there")
        self.target.currentIndexChanged.connect(self._on_target)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the data set")
        self.name.setPlaceholderText("its name in the project")
        self.name.textEdited.connect(self._on_named)
        self.name.textChanged.connect(self.changed)
        names = QHBoxLayout()
        names.setSpacing(8)
        names.addWidget(self.name, 3)
        names.addWidget(self.target, 2)
        self.name_error = small_label()
        self.name_error.setObjectName("error")
        self.name_error.hide()
        form = form_layout()
        add_row(form, "Source", row)
        add_row(form, "Name", names)
        form.addRow("", self.name_error)
        self.body.addLayout(form)

    def begin(self, source: str) -> None:
        """Fresh, for a source that was dropped or chosen elsewhere."""
        self._named_by_hand = False
        self.name_error.hide()
        self.target.blockSignals(True)
        self.target.clear()
        self.target.addItem("A new data set", _NEW)
        for dataset in self._session.datasets:
            self.target.addItem(f"Add to {dataset.name}", dataset.name)
        self.target.setVisible(self.target.count() > 1)
        self.target.blockSignals(False)
        self.name.setEnabled(True)
        sets = [(f"{SCHEME}{one.name}", f"{one.title} · {one.megabytes:,} MB") for one in builtin_sets.catalog()]
        self.known.set_choices(sets, "")
        self.known.setVisible(bool(sets))
        if self.source.text() == source:
            self._on_source(source)
        self.source.setText(source)
        self.source.setFocus()

    @property
    def adds(self) -> bool:
        """Whether the items join a data set that is there."""
        return bool(self.target.currentData())

    def taken(self) -> str:
        """Why the name cannot be had; empty where it can."""
        name = self.name.text().strip()
        if not self.adds and any(dataset.name == name for dataset in self._session.datasets):
            return f"There is a data set {name} already. Choose another name, or “Add to {name}” beside it."
        return ""

    def show_problem(self, sentence: str) -> None:
        """Of the name, below it."""
        self.name_error.setText(sentence)
        self.name_error.setVisible(bool(sentence))
        mark(self.name, bool(sentence))

    @Slot(str)
    def _on_source(self, source: str) -> None:
        if not self._named_by_hand and not self.adds:
            self.name.setText(name_from(source))
        self.source_changed.emit(source)

    @Slot()
    def _on_named(self) -> None:
        self._named_by_hand = True

    @Slot(int)
    def _on_target(self, _index: int) -> None:
        self.name.setEnabled(not self.adds)
        if self.adds:
            self.name.setText(self.target.currentData())
        elif not self._named_by_hand:
            self.name.setText(name_from(self.source.text()))
        self.changed.emit()

    @Slot()
    def _on_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder to import", self.source.text())
        if chosen:
            self.source.setText(chosen)

    @Slot()
    def _on_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Table or archive to import", self.source.text(), _FILES)
        if chosen:
            self.source.setText(chosen)

    @Slot(str)
    def _on_known(self, source: str) -> None:
        self.source.setText(source)


def name_from(source: str) -> str:
    """A name for a data set from its folder's: letters, digits, dot, hyphen and underscore."""
    path = Path(source.strip().removeprefix(SCHEME))
    stem = path.name
    for suffix in reversed(path.suffixes):
        stem = stem.removesuffix(suffix) if suffix.lower() in _SUFFIXES else stem
    if stem.lower() in _SAYS_NOTHING and path.parent.name:
        stem = path.parent.name
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.")
