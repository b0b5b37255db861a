"""What the doctor is asked to look at, by whose eyes, and how long that takes."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.data_backbone import BackboneBox
from tlstudio.gui.pages.data_view import duration_of, rough
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, muted_label, primary_button

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo


class AskCard(Card):
    """``changed`` after every choice; the button ``examine`` is the view's to connect."""

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Have the data examined", parent)
        self._session = session
        self._count = 0
        self.what = muted_label()
        self.body.addWidget(self.what)
        self.backbone = BackboneBox(session, "Backbone that looks at the data")
        self.backbone.currentIndexChanged.connect(self._on_chosen)
        self.against = QComboBox()
        self.against.setAccessibleName("Data set to compare with")
        self.against.setToolTip("Tells whether the two differ so much that a model of one may fail on the other.")
        self.against.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.against.setMinimumContentsLength(13)
        self.against.currentIndexChanged.connect(self._on_chosen)
        self.quick = QCheckBox("Quick: without a backbone")
        self.quick.setToolTip("Files, copies, classes and sizes only; no probable label errors, outliers or shift.")
        self.quick.toggled.connect(self._on_chosen)
        self.examine = primary_button("Examine")
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.backbone, 3)
        row.addWidget(self.against, 2)
        row.addWidget(self.quick)
        row.addStretch(1)
        row.addWidget(self.examine)
        self.body.addLayout(row)

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        self.backbone.show_dataset(dataset)
        chosen = self.against.currentData()
        self.against.blockSignals(True)
        self.against.clear()
        self.against.addItem("No comparison", "")
        for other in self._session.datasets:
            if other.name != dataset.name and other.modality == dataset.modality:
                self.against.addItem(f"Compare with {other.name}", other.name)
        self.against.setCurrentIndex(max(0, self.against.findData(chosen)))
        self.against.blockSignals(False)
        self._count = sum(dataset.split_counts.values())
        self._on_chosen()

    @property
    def other(self) -> str:
        """The data set to compare with; empty for none."""
        return str(self.against.currentData() or "") if not self.quick.isChecked() else ""

    def arguments(self) -> dict[str, Any]:
        """Of the job ``doctor``, beside the data set; what is as usual is left out."""
        chosen: dict[str, Any] = {}
        if self.quick.isChecked():
            chosen["quick"] = True
        elif self.backbone.backbone:
            chosen |= {"backbone": self.backbone.backbone, "weights": self.backbone.weights}
        return chosen | ({"against": self.other} if self.other else {})

    def flags(self) -> list[str]:
        """The same as options of the command line."""
        if self.quick.isChecked():
            return ["--quick"]
        flags = ["--backbone", self.backbone.spelled] if self.backbone.backbone else []
        return [*flags, *(["--against", self.other] if self.other else [])]

    @Slot()
    def _on_chosen(self, *_chosen: object) -> None:
        quick = self.quick.isChecked()
        self.backbone.setEnabled(not quick)
        self.against.setEnabled(not quick and self.against.count() > 1)
        seconds = duration_of(self._count, 0.0 if quick else self.backbone.gflops)
        looks = "files that cannot be read, copies, near duplicates, leaks between the parts, classes and odd sizes"
        if not quick:
            looks += "; then, by the features of a backbone, probable label errors, outliers and shift"
        self.what.setText(
            f"It looks for {looks}. {text.plural(self._count, 'item')}, roughly {rough(seconds)}. Nothing is changed "
            f"or deleted: you decide about every finding."
        )
        self.changed.emit()
