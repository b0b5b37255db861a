"""A sweep: one option of the method in several values, a run for each."""

import re
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QWidget

from tlstudio.api.errors import OptionsError
from tlstudio.api.options import NoOptions, Options, matters, parse_options
from tlstudio.gui.pages.train_grid import in_line
from tlstudio.gui.widgets.kit import small_label

MOST = 50


class SweepForm(QWidget):
    """``changed`` after every edit; ``problem`` is a sentence where the values cannot be used."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: type[Options] = NoOptions
        self._parsed: list[Any] = []
        self.problem = ""
        self.option = QComboBox()
        self.option.setAccessibleName("Option to sweep")
        self.option.setToolTip("An option that is tried in several values: one run for each, and for each seed.")
        self.option.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.option.setMinimumContentsLength(6)
        self.option.setMinimumWidth(80)
        self.values_text = QLineEdit()
        self.values_text.setAccessibleName("Values of the sweep")
        self.values_text.setPlaceholderText("values, such as 1e-4, 1e-3")
        self.values_text.setMinimumWidth(80)
        self._hint = small_label()
        label = QLabel("Sweep")
        label.setBuddy(self.option)
        grid = in_line(self, spacing=6)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.option, 0, 1)
        grid.addWidget(self.values_text, 1, 1)
        grid.addWidget(self._hint, 2, 1)
        self.option.currentIndexChanged.connect(self._on_option)
        self.values_text.textEdited.connect(self._on_edited)
        self._show()

    @property
    def name(self) -> str:
        """The option that is swept; empty where none is."""
        return str(self.option.currentData() or "")

    def set_model(self, model: type[Options]) -> None:
        """Offers the options of a method; what was chosen stays where it has such an option too."""
        kept, self._model = self.name, model
        self.option.blockSignals(True)
        self.option.clear()
        self.option.addItem("nothing", "")
        for name, info in model.model_fields.items():
            self.option.addItem(info.title or name.replace("_", " "), name)
        self.option.setCurrentIndex(max(0, self.option.findData(kept)))
        self.option.blockSignals(False)
        self.setVisible(bool(model.model_fields))
        self._show()

    def check(self, values: dict[str, Any]) -> None:
        """Reads the values beside ``values``, the other options as they stand in the form."""
        self._parsed, self.problem = [], ""
        name = self.name
        if name:
            self.problem = self._problem(name, values)
        count = len(self._parsed)
        self._say(self.problem or (f"{count} values, one run for each and for each seed." if count else ""))

    def choices(self, base: dict[str, Any]) -> list[dict[str, Any]]:
        """``base`` with each value of the sweep; ``base`` alone where nothing is swept."""
        return [{**base, self.name: value} for value in self._parsed] if self.name else [base]

    def flags(self) -> list[str]:
        """As the command line is told of it."""
        return ["--sweep", f"{self.name}={','.join(self._words())}"] if self.name and self._parsed else []

    def _words(self) -> list[str]:
        return [word for word in re.split(r"[,;\s]+", self.values_text.text().strip()) if word]

    def _problem(self, name: str, values: dict[str, Any]) -> str:
        if not matters(self._model, name, values):
            return "This option has no meaning with the others as they are."
        words = self._words()
        if not words:
            return "Write the values with commas between them."
        if len(words) > MOST:
            return f"These are {len(words)} values; at most {MOST} are possible."
        for word in words:
            try:
                parsed = getattr(parse_options(self._model, {**values, name: word}), name)
            except OptionsError as error:
                return f"{word}: {error.problems.get(name, str(error)).partition(': ')[2] or error}"
            if parsed not in self._parsed:
                self._parsed.append(parsed)
        return ""

    def _say(self, sentence: str) -> None:
        self._hint.setText(sentence)
        self._hint.setVisible(bool(sentence))
        name = "error" if self.problem else "small"
        if self._hint.objectName() != name:
            self._hint.setObjectName(name)
            self.values_text.setProperty("invalid", "true" if self.problem else "false")
            for widget in (self._hint, self.values_text):
                widget.style().unpolish(widget)
                widget.style().polish(widget)

    def _show(self) -> None:
        self.values_text.setVisible(bool(self.name))
        self._hint.setVisible(bool(self.name) and bool(self._hint.text()))

    @Slot(int)
    def _on_option(self, _index: int) -> None:
        self._show()
        if self.name:
            self.values_text.setFocus()
        self.changed.emit()

    @Slot(str)
    def _on_edited(self, _text: str) -> None:
        self.changed.emit()
