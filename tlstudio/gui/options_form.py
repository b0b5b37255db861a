"""A form made from a plugin's options model: labels, help, bounds and checks all come from the model."""

import dataclasses
from typing import Any

from pydantic.fields import FieldInfo
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.api.errors import OptionsError
from tlstudio.api.options import NoOptions, Options, matters, parse_options
from tlstudio.gui.options_fields import Field, bounds, make_field, spell
from tlstudio.gui.widgets.kit import icon_button, muted_label, small_label

LABEL_WIDTH = 106


@dataclasses.dataclass
class _Row:
    name: str
    info: FieldInfo
    field: Field
    label: QLabel
    help: QLabel
    reset: QWidget
    widgets: tuple[QWidget, ...]

    @property
    def extra(self) -> dict[str, Any]:
        return dict(self.info.json_schema_extra) if isinstance(self.info.json_schema_extra, dict) else {}


class OptionsForm(QWidget):
    """``changed`` after every edit; ``is_valid`` and ``problems`` are up to date by then."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: type[Options] = NoOptions
        self._rows: dict[str, _Row] = {}
        self._show_all = self._setting = False
        self._memory: dict[type[Options], dict[str, Any]] = {}
        self.problems: dict[str, str] = {}
        self._body: QWidget | None = None
        self._general = small_label()
        self._general.setObjectName("error")
        self._general.hide()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._general)
        self._layout.addStretch(1)

    # --- the model and its values --------------------------------------------------------------------------

    def set_model(self, model: type[Options], values: dict[str, Any] | None = None) -> None:
        """Builds the form. What was typed for ``model`` before comes back, unless ``values`` are given."""
        if self._rows:
            self._memory[self._model] = self.values()
        self._model = model
        self._build()
        self.set_values(values if values is not None else self._memory.get(model, {}))

    def set_values(self, values: dict[str, Any]) -> None:
        self._setting = True  # the fields that come later are still empty while the first ones say that they changed
        for name, row in self._rows.items():
            row.field.set_value(values.get(name, self.default(name)))
        self._setting = False
        self._refresh()

    def default(self, name: str) -> Any:
        return self._model.model_fields[name].get_default(call_default_factory=True)

    def values(self) -> dict[str, Any]:
        """Every option as it stands in the form, right or wrong."""
        return {name: row.field.value() for name, row in self._rows.items()}

    def changed_values(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        return {name: value for name, value in self.values().items() if not _same(value, self.default(name))}

    @property
    def is_valid(self) -> bool:
        return not self.problems

    @property
    def has_more(self) -> bool:
        """Whether the model has options that the short form leaves out."""
        return any(row.extra.get("level") == "all" for row in self._rows.values())

    def show_problems(self, problems: dict[str, str]) -> None:
        """Puts sentences beside their fields; what belongs to no field stands above the form."""
        self.problems = dict(problems)
        hidden = [n for n, row in self._rows.items() if n in problems and row.extra.get("level") == "all"]
        if hidden and not self._show_all:
            self.set_show_all(True)
        for name, row in self._rows.items():
            self._mark(row, _short(name, row.info, problems.get(name, "")))
        rest = [sentence for name, sentence in problems.items() if name not in self._rows]
        self._general.setText(" ".join(rest))
        self._general.setVisible(bool(rest))

    # --- views ---------------------------------------------------------------------------------------------

    @Slot(bool)
    def set_show_all(self, show_all: bool) -> None:
        self._show_all = show_all
        for row in self._rows.values():
            shown = show_all or row.extra.get("level", "simple") != "all" or row.name in self.problems
            for widget in row.widgets:
                widget.setVisible(shown)
            row.reset.setVisible(shown and not _same(row.field.value(), self.default(row.name)))

    @Slot()
    def reset(self) -> None:
        """Back to the defaults, all of them."""
        self.set_values({})
        self.changed.emit()

    def _build(self) -> None:
        if self._body is not None:
            self._layout.removeWidget(self._body)
            self._body.deleteLater()
        self._rows = {}
        self._body = QWidget()
        self._layout.insertWidget(1, self._body)
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        if not self._model.model_fields:
            grid.addWidget(muted_label("This method has nothing to set."), 0, 0, 1, 2)
        previous: QWidget | None = None
        for index, (name, info) in enumerate(self._model.model_fields.items()):
            row = self._add_row(grid, index * 3, name, info)
            self._rows[name] = row
            if previous is not None:
                QWidget.setTabOrder(previous, row.field)
            QWidget.setTabOrder(row.field, row.reset)
            previous = row.reset
        self.set_show_all(self._show_all)

    def _add_row(self, grid: QGridLayout, at: int, name: str, info: FieldInfo) -> _Row:
        title = info.title or name.replace("_", " ").capitalize()
        field = make_field(info)
        field.setMinimumWidth(56)
        field.setAccessibleName(title)
        field.setAccessibleDescription(info.description or "")
        field.setToolTip(_explanation(info, self.default(name)))
        field.edited.connect(self._on_edited)
        label = QLabel(title)
        label.setWordWrap(True)
        label.setFixedWidth(LABEL_WIDTH)
        label.setBuddy(field)
        label.setToolTip(field.toolTip())
        line = QWidget()
        inside = QHBoxLayout(line)
        inside.setContentsMargins(0, 4, 0, 0)
        inside.setSpacing(6)
        inside.addWidget(field, 1)
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        if extra.get("unit"):
            inside.addWidget(muted_label(str(extra["unit"]), wrap=False))
        reset = icon_button("undo", f"{title}: back to {spell(self.default(name))}", size=14)
        reset.setFixedSize(28, 26)
        keep = reset.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        reset.setSizePolicy(keep)
        reset.setProperty("option", name)
        reset.clicked.connect(self._on_reset)
        inside.addWidget(reset)
        hint = small_label(info.description or "")
        grid.addWidget(label, at, 0)
        grid.addWidget(line, at, 1)
        grid.addWidget(hint, at + 1, 1)
        return _Row(name, info, field, label, hint, reset, (label, line, hint))

    # --- edits ---------------------------------------------------------------------------------------------

    @Slot()
    def _on_edited(self) -> None:
        if self._setting:
            return
        self._refresh()
        self.changed.emit()

    @Slot()
    def _on_reset(self) -> None:
        name = str(self.sender().property("option"))
        self._rows[name].field.set_value(self.default(name))
        self._rows[name].field.setFocus()
        self._on_edited()

    def _refresh(self) -> None:
        values = self.values()
        try:
            parse_options(self._model, values)
            problems: dict[str, str] = {}
        except OptionsError as error:
            problems = error.problems
        for name, row in self._rows.items():
            enabled = matters(self._model, name, values)
            row.field.setEnabled(enabled)
            row.label.setEnabled(enabled)
            row.help.setEnabled(enabled)
        self.show_problems(problems)
        for name, row in self._rows.items():
            row.reset.setVisible(not row.label.isHidden() and not _same(values[name], self.default(name)))

    def _mark(self, row: _Row, sentence: str) -> None:
        name = "error" if sentence else "small"
        row.help.setText(sentence or row.info.description or "")
        row.field.setAccessibleDescription(sentence or row.info.description or "")
        if row.help.objectName() != name:
            row.help.setObjectName(name)
            row.field.setProperty("invalid", "true" if sentence else "false")
            for widget in (row.help, row.field):
                widget.style().unpolish(widget)
                widget.style().polish(widget)


def _same(value: Any, default: Any) -> bool:
    if isinstance(default, tuple) and isinstance(value, list):
        return [str(v) for v in value] == [str(d) for d in default]
    return bool(value == default) and isinstance(value, bool) == isinstance(default, bool)


def _explanation(info: FieldInfo, default: Any) -> str:
    low, high = bounds(info)
    parts = [info.description or ""]
    if low is not None and high is not None:
        parts.append(f"Between {spell(low)} and {spell(high)}.")
    elif low is not None or high is not None:
        parts.append(f"At least {spell(low)}." if low is not None else f"At most {spell(high)}.")
    parts.append(f"Default: {'none' if default is None else spell(default)}.")
    return " ".join(part for part in parts if part)


def _short(name: str, info: FieldInfo, sentence: str) -> str:
    """The sentence without the field's name, which stands beside it already."""
    for start in (f"'{name}' ({info.title}): ", f"'{name}': "):
        if sentence.startswith(start):
            rest = sentence.removeprefix(start)
            return rest[:1].upper() + rest[1:]
    return sentence
