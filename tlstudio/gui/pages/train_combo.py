"""A list to choose one of, in which what cannot be chosen is grey with its reason."""

from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox

from tlstudio.gui.pages.train_choices import Choice


def combo(name: str, tip: str) -> QComboBox:
    """``name`` is for screen readers."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    box.setMinimumWidth(80)
    return box


def offer(box: QComboBox, needed: bool, found: list[Choice]) -> None:
    """Fills the list, an empty choice first; what was chosen stays where it is still possible."""
    if (needed, found) == box.property("offered") and box.count():
        return  # an open list stays open
    box.setProperty("offered", (needed, found))
    kept = box.currentData()
    box.blockSignals(True)
    box.clear()
    box.addItem("choose…" if needed else "none", "")
    model = box.model()
    assert isinstance(model, QStandardItemModel)
    for choice in found:
        box.addItem(choice.text, choice.value)
        item = model.item(box.count() - 1)
        item.setToolTip(choice.reason or choice.text)
        item.setEnabled(not choice.reason)
        if choice.reason:
            item.setText(f"{choice.value}: {choice.reason}")
    place = box.findData(kept) if kept else 0
    possible = place > 0 and model.item(place).isEnabled()
    box.setCurrentIndex(place if possible else 0)
    box.blockSignals(False)
