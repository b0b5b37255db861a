"""Seeds, and what the run computes on."""

from typing import Literal

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QWidget

from tlstudio.gui.pages.train_grid import in_line
from tlstudio.gui.text import numbers
from tlstudio.gui.widgets.kit import small_label
from tlstudio.settings import Settings
from tlstudio.training.spec import RuntimePreferences

DEVICES = (
    ("auto", "automatic"),
    ("cpu", "processor (CPU)"),
    ("cuda", "NVIDIA GPU (CUDA)"),
    ("mps", "Apple GPU (MPS)"),
)
PRECISIONS = (("auto", "automatic"), ("float32", "float32"), ("bfloat16", "bfloat16"))
MOST_SEEDS = 50
Precision = Literal["auto", "float32", "bfloat16"]


class RuntimeForm(QWidget):
    """``changed`` after every edit. Several seeds make several runs."""

    changed = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.seed_text = QLineEdit("0")
        self.seed_text.setAccessibleName("Seeds")
        self.seed_text.setToolTip("Of everything random. Several make several runs: 0, 1, 2 or 0-4.")
        self.seed_text.textEdited.connect(self._on_edited)
        self.device = _combo("Device", DEVICES, settings.device)
        self.device.setToolTip("Automatic takes the fastest that works and says so in the run.")
        self.precision = _combo("Precision", PRECISIONS, settings.precision)
        self.precision.setToolTip("Automatic measures on your network for a second and takes the faster one.")
        self.beside = QCheckBox()
        self.beside.setAccessibleName("Beside others")
        self.beside.setToolTip(
            "Trains at once, also while another run has the device. Both then take longer, and memory may run out."
        )
        self.beside.toggled.connect(self._on_edited)
        for combo in (self.device, self.precision):
            combo.currentIndexChanged.connect(self._on_edited)
        self.seed_text.setMinimumWidth(80)
        self._hint = small_label("One run each: 0, 1, 2 or 0-4.")
        grid = in_line(self, spacing=6)
        rows = (
            ("Seeds", self.seed_text),
            ("Device", self.device),
            ("Precision", self.precision),
            ("Beside others", self.beside),
        )
        for row, (text, widget) in enumerate(rows):
            label = QLabel(text)
            label.setBuddy(widget)
            grid.addWidget(label, row * 2, 0)
            grid.addWidget(widget, row * 2, 1)
        grid.addWidget(self._hint, 1, 1)

    def seeds(self) -> list[int]:
        """The seeds as numbers; empty where the text means none, which stands beside the field then."""
        return numbers(self.seed_text.text(), MOST_SEEDS)

    def preferences(self) -> RuntimePreferences:
        precision: Precision = self.precision.currentData()
        return RuntimePreferences(
            device=str(self.device.currentData()), precision=precision, beside=self.beside.isChecked()
        )

    def flags(self) -> list[str]:
        """What the command line needs to be told of this."""
        chosen = self.preferences()
        flags = [] if chosen.device == "auto" else ["--device", chosen.device]
        flags += ["--beside"] if chosen.beside else []
        return flags if chosen.precision == "auto" else [*flags, "--precision", chosen.precision]

    @Slot()
    def _on_edited(self, *_value: object) -> None:
        count = len(self.seeds())
        good = 0 < count <= MOST_SEEDS
        sentence = f"{count} runs, one after the other." if count > 1 else "One run each: 0, 1, 2 or 0-4."
        if not good:
            sentence = f"Write whole numbers such as 0, 1, 2 or 0-4, at most {MOST_SEEDS} of them."
        self._hint.setText(sentence)
        self._hint.setObjectName("small" if good else "error")
        self.seed_text.setProperty("invalid", "false" if good else "true")
        for widget in (self._hint, self.seed_text):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
        self.changed.emit()


def _combo(name: str, rows: tuple[tuple[str, str], ...], value: str) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(6)
    combo.setMinimumWidth(80)
    for key, text in rows:
        combo.addItem(text, key)
    if combo.findData(value) < 0:
        combo.addItem(value, value)
    combo.setCurrentIndex(combo.findData(value))
    return combo
