"""Fields that the forms for data share, and what a pattern finds in file names."""

import re
from pathlib import PurePosixPath

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.widgets.kit import padded

SHOWN = 4  # groups in the preview of a pattern
_PARTS = {"label": "classes", "group": "groups", "split": "parts"}
_FIELD, _READABLE = 34, 720  # pixels


def found_in(pattern: str, names: list[str]) -> str:
    """What a pattern with one group finds in ``names``, in a sentence."""
    if pattern_problem(pattern):
        return "The part of the file's path in parentheses names the group, such as patient_(\\d+)."
    if not names:
        return "Choose a source, and what the pattern finds is shown here."
    expression = re.compile(pattern)
    found: dict[str, int] = {}
    for name in names:
        hit = expression.search(name)
        if hit is not None and hit.group(1):
            found[hit.group(1)] = found.get(hit.group(1), 0) + 1
    if not found:
        return f"It finds nothing in the names, such as {names[0]}."
    few = _some(list(found))
    hits, groups = sum(found.values()), text.plural(len(found), "group")
    return f"{hits:,} of the first {text.plural(len(names), 'name')} belong to {groups}: {few}"


def parts_found(pattern: str, names: list[str]) -> str:
    """What a pattern with named groups (label, group, split) finds in the names of files without their endings."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        return f"This is no pattern: {error}."
    hits, found = 0, {part: dict[str, int]() for part in expression.groupindex}
    for name in names:
        hit = expression.search(PurePosixPath(name).stem)
        hits += hit is not None
        for part, value in (hit.groupdict() if hit else {}).items():
            if value:
                found[part][value] = found[part].get(value, 0) + 1
    if not hits:
        return f"It finds nothing in the names, such as {names[0]}." if names else ""
    said = [f"{_PARTS.get(part, part)}: {_some(list(values))}" for part, values in found.items() if values]
    return f"{hits:,} of the first {text.plural(len(names), 'name')}. {'; '.join(said)}"


def _some(values: list[str]) -> str:
    return ", ".join(values[:SHOWN]) + (f" and {len(values) - SHOWN} more" if len(values) > SHOWN else "")


def pattern_problem(pattern: str) -> str:
    if not pattern:
        return "Write a pattern with one pair of parentheses."
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        return f"This is no pattern: {error}."
    return "" if groups == 1 else "The pattern needs exactly one pair of parentheses, around what names the group."


def mark(field: QWidget, invalid: bool) -> None:
    """Puts the red frame of a wrong entry around a field, or takes it away."""
    wanted = "true" if invalid else "false"
    if (field.property("invalid") or "false") != wanted:
        field.setProperty("invalid", wanted)
        field.style().unpolish(field)
        field.style().polish(field)


def form_layout() -> QFormLayout:
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(8)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form


def add_row(form: QFormLayout, words: str, field: QWidget | QHBoxLayout) -> None:
    """A row whose label stands in the middle of its field's height."""
    label = QLabel(words)
    label.setMinimumHeight(_FIELD)
    if isinstance(field, QWidget):
        label.setBuddy(field)
    form.addRow(label, field)


def row_host() -> tuple[QWidget, QHBoxLayout]:
    host = QWidget()
    row = QHBoxLayout(host)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    return host, row


def narrow(column: QVBoxLayout) -> QVBoxLayout:
    """A column within ``column`` whose lines do not become too long to be read, on a wide screen."""
    host, row = QWidget(), QHBoxLayout()
    host.setMaximumWidth(_READABLE)
    inside = QVBoxLayout(host)
    inside.setContentsMargins(0, 0, 0, 0)
    inside.setSpacing(14)
    row.addWidget(host, 1)
    row.addStretch(0)  # a row, since in a column wrapped labels are measured for its whole width
    column.addLayout(row)
    return inside


def column_box(name: str, hint: str) -> QComboBox:
    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setAccessibleName(name)
    field = box.lineEdit()
    if field is not None:
        field.setPlaceholderText(hint)
        field.setAccessibleName(name)
    return box


def share_box(name: str, value: float) -> QDoubleSpinBox:
    share = QDoubleSpinBox()
    share.setRange(0, 100)
    share.setDecimals(1)
    share.setValue(value)
    share.setSuffix(" %")
    share.setFixedWidth(92)
    padded(share)
    share.setAccessibleName(f"{name} part in percent")
    return share
