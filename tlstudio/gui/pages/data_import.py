"""The form for importing a data set, in the page; it keeps what was typed when something is wrong."""

import re
import shlex
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui.pages.data_sniff import Sniffed, sniff
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Banner, Card, button, muted_label, padded, primary_button, scrolled, small_label

AUTO = "auto"


class ImportForm(QWidget):
    """``accepted`` carries the arguments of the job ``import-data``.

    The buttons ``cancel`` and ``import_button`` are placed by the page, in its header.
    """

    accepted = Signal(dict)
    cancelled = Signal()
    command_changed = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._named_by_hand = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(250)
        self._timer.timeout.connect(self._sniff)
        area, column = scrolled()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
        column.addWidget(self._source_card())
        column.addWidget(self._split_card())
        self.error = Banner("error")
        column.addWidget(self.error)
        column.addWidget(small_label("The pictures stay where they are; the project remembers where."))
        self.cancel = button("Cancel")
        self.cancel.clicked.connect(self.cancelled)
        self.import_button = primary_button("Import")
        self.import_button.clicked.connect(self._on_import)
        column.addStretch(1)
        self._update()

    def _source_card(self) -> Card:
        card = Card("What to import")
        self.source = QLineEdit()
        self.source.setAccessibleName("Folder or CSV file to import")
        self.source.setPlaceholderText("A folder with one subfolder for each class, or a CSV file")
        self.source.textChanged.connect(self._on_source)
        folder = button("Folder…", "folder")
        folder.clicked.connect(self._on_folder)
        table = button("CSV…", "file")
        table.clicked.connect(self._on_table)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.source, 1)
        row.addWidget(folder)
        row.addWidget(table)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the data set")
        self.name.textEdited.connect(self._on_named)
        self.name.textChanged.connect(self._update)
        self.format = QComboBox()
        self.format.setAccessibleName("Format")
        self.format.currentIndexChanged.connect(self._update)
        self.looks = small_label("Choose a folder: its layout is recognised by itself.")
        self.looks.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        form = _form()
        form.addRow("Source", row)
        form.addRow("Name", self.name)
        form.addRow("Format", self.format)
        form.addRow("", self.looks)
        card.body.addLayout(form)
        return card

    def _split_card(self) -> Card:
        card = Card("How to split")
        card.body.addWidget(
            muted_label(
                "A model learns from the training pictures, is chosen by the validation pictures, and is judged "
                "once, at the end, by the test pictures."
            )
        )
        self.by_share = QRadioButton("Split for me, with the same mix of classes in each part")
        self.by_folder = QRadioButton("As the source says (folders train, val, test, or a column)")
        self.by_share.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.by_share)
        group.addButton(self.by_folder)
        self.shares = [_share(name, value) for name, value in (("Training", 70), ("Validation", 15), ("Test", 15))]
        row = QHBoxLayout()
        row.setSpacing(8)
        for name, share in zip(("training", "validation", "test"), self.shares, strict=True):
            row.addWidget(share)
            row.addWidget(muted_label(name, wrap=False))
            row.addSpacing(8)
            share.valueChanged.connect(self._update)
        row.addStretch(1)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setAccessibleName("Seed of the split")
        self.seed.setToolTip("The same seed gives the same split.")
        self.seed.setFixedWidth(120)
        padded(self.seed)
        self.seed.valueChanged.connect(self._update)
        self.group_by = QLineEdit()
        self.group_by.setAccessibleName("Keep together: a column, or a pattern in the file name")
        self.group_by.setPlaceholderText("optional: a column of the CSV, or a pattern such as patient_(\\d+)")
        self.group_by.textChanged.connect(self._update)
        self.by_share.toggled.connect(self._update)
        card.body.addWidget(self.by_share)
        card.body.addLayout(row)
        card.body.addWidget(self.by_folder)
        form = _form()
        form.addRow("Seed", self.seed)
        form.addRow("Keep together", self.group_by)
        card.body.addLayout(form)
        return card

    # ---- from outside

    def begin(self, source: str = "") -> None:
        """Shows the form, fresh, or for a source that was dropped."""
        self._named_by_hand = False
        self.error.set("")
        self.source.setText(source)
        self._fill_formats()
        self.source.setFocus()

    def show_error(self, sentence: str) -> None:
        self.error.set(sentence, "error")

    def arguments(self) -> dict[str, Any]:
        """What the job ``import-data`` gets."""
        project = self._session.project
        shares = ",".join(f"{share.value() / 100:g}" for share in self.shares)
        return {
            "project": str(project.path) if project else "",
            "source": self.source.text().strip(),
            "name": self.name.text().strip(),
            "format": self.format.currentData() or AUTO,
            "splits": "folders" if self.by_folder.isChecked() else shares,
            "group_by": self.group_by.text().strip(),
            "seed": self.seed.value(),
        }

    def command(self) -> str:
        """The command line that imports the same."""
        chosen = self.arguments()
        if not chosen["source"]:
            return ""
        parts = ["tlstudio", "data", "import", chosen["project"], chosen["source"], "--name", chosen["name"]]
        if chosen["format"] != AUTO:
            parts += ["--format", chosen["format"]]
        parts += ["--splits", chosen["splits"]]
        if chosen["group_by"]:
            parts += ["--group-by", chosen["group_by"]]
        return shlex.join([*parts, "--seed", str(chosen["seed"])])

    # ---- inside

    def _fill_formats(self) -> None:
        self.format.clear()
        self.format.addItem("Recognise it", AUTO)
        for descriptor in self._session.registry.formats():
            self.format.addItem(descriptor.title, descriptor.id)

    @Slot(str)
    def _on_source(self, source: str) -> None:
        if not self._named_by_hand:
            self.name.setText(name_from(source))
        self.looks.setText("Looking at it…" if source.strip() else "Choose a folder: its layout is recognised.")
        self._timer.start()
        self._update()

    @Slot()
    def _on_named(self) -> None:
        self._named_by_hand = True

    @Slot()
    def _sniff(self) -> None:
        source = self.source.text().strip()
        if source:
            formats = list(self._session.registry.formats())
            self._session.background.submit(lambda: (source, sniff(formats, Path(source))), self._on_sniffed)

    def _on_sniffed(self, answer: tuple[str, Sniffed]) -> None:
        source, found = answer
        if source != self.source.text().strip():
            return
        self.looks.setText(found.sentence)
        if found.has_splits:
            self.by_folder.setChecked(True)

    @Slot()
    def _update(self) -> None:
        by_share = self.by_share.isChecked()
        for share in self.shares:
            share.setEnabled(by_share)
        self.seed.setEnabled(by_share)
        total = sum(share.value() for share in self.shares)
        reason = ""
        if not self.source.text().strip():
            reason = "Choose what to import."
        elif not self.name.text().strip():
            reason = "Give the data set a name."
        elif by_share and abs(total - 100) > 0.01:
            reason = f"The three parts add up to {total:g} %; they must add up to 100 %."
            self.error.set(reason, "warning")
        if not reason.startswith("The three"):
            self.error.set("")
        self.import_button.setEnabled(not reason)
        self.import_button.setToolTip(reason)
        self.command_changed.emit(self.command())

    @Slot()
    def _on_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder to import", self.source.text())
        if chosen:
            self.source.setText(chosen)

    @Slot()
    def _on_table(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "CSV file to import", self.source.text(), "CSV (*.csv *.tsv)")
        if chosen:
            self.source.setText(chosen)

    @Slot()
    def _on_import(self) -> None:
        self.accepted.emit(self.arguments())


def name_from(source: str) -> str:
    """A name for a data set from its folder's: letters, digits, dot, hyphen and underscore."""
    stem = Path(source.strip()).stem
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.")


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(10)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form


def _share(name: str, value: float) -> QDoubleSpinBox:
    share = QDoubleSpinBox()
    share.setRange(0, 100)
    share.setDecimals(1)
    share.setValue(value)
    share.setSuffix(" %")
    share.setFixedWidth(100)
    padded(share)
    share.setAccessibleName(f"{name} part in percent")
    return share
