"""What an item is labelled as, and how to change that: a key or a click for a class, a number to be typed."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFormLayout, QLineEdit, QPushButton, QWidget

from tlstudio.gui.pages.data_words import KEYS, Kind, labels_in, numbers_in
from tlstudio.gui.plots.flow import Flow
from tlstudio.gui.widgets.kit import Card, link_button, pill_button, small_label
from tlstudio.gui.widgets.mask_panel import MaskPanel

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Item

NO_MASKS = "A mask cannot be changed here: draw it in another program, then import the data set again."
_PILLS = 24


class NumberField(QLineEdit):
    """Escape gives back what it was; Enter is heard by the card."""

    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class LabelCard(Card):
    """``picked`` carries a class, ``numbers_given`` a tuple of floats."""

    picked = Signal(str)
    menu_asked = Signal()
    numbers_given = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Class", parent)
        self._kind = Kind()
        self._names: tuple[str, ...] = ()
        self._item: Item | None = None
        self._pills: list[QPushButton] = []
        self._holder = QWidget()
        self._flow = Flow(self._holder, 6)
        self.fields: list[NumberField] = []
        self._numbers = QWidget()
        self._form = QFormLayout(self._numbers)
        self._form.setContentsMargins(0, 0, 0, 0)
        self.note = small_label()
        self.more = link_button("Other…")
        self.more.clicked.connect(self.menu_asked)
        self.masks = MaskPanel()
        self.header.addWidget(self.more)
        for one in (self._holder, self._numbers, self.masks, self.note):
            self.body.addWidget(one)

    def set_dataset(self, dataset: "DatasetInfo", kind: Kind) -> None:
        self._kind = kind
        words = "Masks" if kind.task == "segmentation" else kind.label.capitalize()
        self.set_title(words)
        self._holder.setVisible(kind.keyed)
        self.more.setVisible(kind.keyed)
        self._numbers.setVisible(kind.task == "regression")
        self.masks.setVisible(kind.task == "segmentation")
        self.note.setVisible(not kind.keyed)
        if kind.task == "segmentation":
            self.note.setText(NO_MASKS)
            self.masks.set_names(dataset.class_names)
        if dataset.class_names != self._names:
            self._names = dataset.class_names
            self._make_pills()
            self._make_fields(dataset.class_names if kind.task == "regression" else ())

    def show_item(self, item: "Item") -> None:
        self._item = item
        if self._kind.task == "regression":
            self._fill_numbers()
        chosen = labels_in(item.value) if self._kind.task == "multilabel" else (item.label,)
        for pill in self._pills:
            pill.setChecked(str(pill.property("label")) in chosen)

    def _make_pills(self) -> None:
        while (entry := self._flow.takeAt(0)) is not None:
            widget = entry.widget()
            if widget is not None:
                widget.deleteLater()
        self._pills = []
        for place, name in enumerate(self._names[:_PILLS] if self._kind.keyed else ()):
            key = KEYS[place].upper()
            shown = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, 170)
            pill = pill_button(f"{key}  {shown}".replace("&", "&&"), checkable=True)
            pill.setProperty("label", name)
            pill.setToolTip(name)
            pill.setAccessibleName(f"{name}, key {key}")
            pill.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            pill.clicked.connect(self._on_pill)
            self._flow.addWidget(pill)
            pill.show()
            self._pills.append(pill)
        self._holder.updateGeometry()

    def _make_fields(self, names: tuple[str, ...]) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self.fields = []
        for name in names:
            field = NumberField()
            field.setAccessibleName(f"Value of {name}")
            field.returnPressed.connect(self._on_numbers)
            field.left.connect(self._fill_numbers)
            self._form.addRow(name, field)
            self.fields.append(field)

    @Slot()
    def _fill_numbers(self) -> None:
        if self._item is None:
            return
        for field, number in zip(self.fields, numbers_in(self._item.value), strict=False):
            field.setText(f"{number:.10g}")
        self.note.setText("Type a number and press Enter.")
        self._mark(None)

    @Slot()
    def _on_pill(self) -> None:
        pill = self.sender()
        if isinstance(pill, QPushButton):
            name = str(pill.property("label"))
            if self._item is not None:
                self.show_item(self._item)  # what is ticked is what is true
            self.picked.emit(name)

    @Slot()
    def _on_numbers(self) -> None:
        numbers = []
        for field in self.fields:
            try:
                numbers.append(float(field.text().strip().replace(",", ".")))
            except ValueError:
                self.note.setText(f"“{field.text()}” is no number. Write it as 12.5.")
                self._mark(field)
                field.setFocus()
                return
        self._mark(None)
        self.numbers_given.emit(tuple(numbers))

    def _mark(self, wrong: NumberField | None) -> None:
        for field in self.fields:
            field.setProperty("invalid", field is wrong)
            field.style().unpolish(field)
            field.style().polish(field)
