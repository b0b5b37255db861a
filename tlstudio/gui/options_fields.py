"""One editor for each kind of option: a number, a switch, a choice, a line of text.

Every editor keeps what was typed, right or wrong; ``value()`` hands it on as it stands, and the options model judges.
"""

import contextlib
import math
import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QLineEdit, QWidget

NOTHING = "none"


class NumberField(QAbstractSpinBox):
    """A number with arrows. Small numbers step by 1, 2, 5 and are written 1e-4; empty means none where allowed."""

    edited = Signal()

    def __init__(self, field: FieldInfo, *, whole: bool, optional: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole, self._optional = whole, optional
        self._low, self._high = bounds(field)
        self._multiple = next((m.multiple_of for m in field.metadata if hasattr(m, "multiple_of")), None)
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.UpDownArrows)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(7, 0, 0, 0)
        if optional:
            self.lineEdit().setPlaceholderText(NOTHING)
        self.lineEdit().textEdited.connect(self._on_edited)

    def value(self) -> Any:
        """The number; ``None`` for an empty optional; the text itself where it is no number."""
        text = self.lineEdit().text().strip().replace(",", ".")
        if self._optional and text.lower() in ("", NOTHING):
            return None
        with contextlib.suppress(ValueError):
            return int(text) if self._whole else float(text)
        return self.lineEdit().text()

    def set_value(self, value: Any) -> None:
        self.lineEdit().setText("" if value is None else spell(value))

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        return QValidator.State.Acceptable, text, position

    def fixup(self, text: str) -> str:
        return text

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        return QAbstractSpinBox.StepEnabledFlag.StepUpEnabled | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled

    def stepBy(self, steps: int) -> None:
        value = self.value()
        number = float(value) if isinstance(value, int | float) else (self._low or 0.0)
        for _ in range(abs(steps)):
            number = self._next(number, 1 if steps > 0 else -1)
        number = min(max(number, self._low if self._low is not None else -math.inf), self._high or math.inf)
        self.set_value(round(number) if self._whole else float(f"{number:.6g}"))
        self.selectAll()
        self._on_edited()

    def _next(self, number: float, sign: int) -> float:
        if self._whole:
            return number + sign * (self._multiple or 1)
        if self._high is not None and self._high <= 1.0 and (number >= 0.05 or number == 0):
            return round(number + sign * 0.05, 6)
        if number <= 0:
            return 1e-4 if sign > 0 and self._low is not None else number + sign * 0.1
        power = 10.0 ** math.floor(math.log10(number) + 1e-9)
        ladder = [step * power for step in (0.5, 1.0, 2.0, 5.0, 10.0)]
        if sign > 0:
            return next(step for step in ladder if step > number * 1.0001)
        return next(step for step in reversed(ladder) if step < number * 0.9999)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """A wheel that scrolls the page must not change a number that happens to be under it."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    @Slot()
    def _on_edited(self, _text: str = "") -> None:
        self.edited.emit()


class ChoiceField(QComboBox):
    """One of a few values."""

    edited = Signal()

    def __init__(self, choices: list[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for choice in choices:
            self.addItem(NOTHING if choice is None else str(choice).replace("_", " "), choice)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.currentIndexChanged.connect(self._on_changed)

    def value(self) -> Any:
        return self.currentData()

    def set_value(self, value: Any) -> None:
        for index in range(self.count()):
            if self.itemData(index) == value:
                self.setCurrentIndex(index)
                return

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    @Slot(int)
    def _on_changed(self, _index: int) -> None:
        self.edited.emit()


class SwitchField(QCheckBox):
    """On or off."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.toggled.connect(self._on_toggled)

    def value(self) -> bool:
        return self.isChecked()

    def set_value(self, value: Any) -> None:
        self.setChecked(bool(value))

    @Slot(bool)
    def _on_toggled(self, _on: bool) -> None:
        self.edited.emit()


class TextField(QLineEdit):
    """A line of text; several values, where the option takes several, stand between commas."""

    edited = Signal()

    def __init__(self, *, several: bool, optional: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._several, self._optional = several, optional
        if optional:
            self.setPlaceholderText(NOTHING)
        self.textEdited.connect(self._on_edited)

    def value(self) -> Any:
        text = self.text()
        if self._optional and not text.strip():
            return None
        return [part.strip() for part in text.split(",") if part.strip()] if self._several else text

    def set_value(self, value: Any) -> None:
        several = isinstance(value, list | tuple)
        self.setText("" if value is None else ", ".join(map(str, value)) if several else str(value))

    @Slot(str)
    def _on_edited(self, _text: str) -> None:
        self.edited.emit()


Field = NumberField | ChoiceField | SwitchField | TextField


def make_field(field: FieldInfo) -> Field:
    """The editor that suits the option's type."""
    kind, optional = _plain_type(field.annotation)
    if get_origin(kind) is Literal:
        return ChoiceField([*([None] if optional else []), *get_args(kind)])
    if kind is bool and not optional:
        return SwitchField()
    if kind is bool:
        return ChoiceField([None, True, False])
    if kind in (int, float):
        return NumberField(field, whole=kind is int, optional=optional)
    return TextField(several=get_origin(kind) in (list, tuple, set), optional=optional)


def bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Lowest and highest value that the option's declaration allows."""
    low = high = None
    for limit in field.metadata:
        low = getattr(limit, "ge", getattr(limit, "gt", low))
        high = getattr(limit, "le", getattr(limit, "lt", high))
    return low, high


def spell(value: Any) -> str:
    """A number as people write it in a form: 0.001, 1e-4, 20."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.10g}"
    mantissa, exponent = f"{value:.6e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _plain_type(annotation: Any) -> tuple[Any, bool]:
    """The type without ``None``, and whether ``None`` was among its members."""
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return (members[0] if len(members) == 1 else str), len(members) < len(get_args(annotation))
    return annotation, False
