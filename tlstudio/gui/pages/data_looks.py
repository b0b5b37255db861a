"""What a source was recognised as, and what it could be besides: format, task, kind of sample, columns, options."""

import dataclasses
from typing import Any

import pydantic
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QLabel, QSizePolicy, QWidget

from tlstudio.api.options import Options
from tlstudio.gui.options_form import OptionsForm
from tlstudio.gui.pages.data_columns import ColumnTable, options_from, options_of_roles, roles_in
from tlstudio.gui.pages.data_fields import add_row, form_layout, parts_found
from tlstudio.gui.pages.data_sniff import Look, Survey
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, small_label

AUTO = "auto"
_TARGETS = ("label", "labels", "number", "mask")  # roles of columns that hold what is learnt


class LooksCard(Card):
    """``changed`` after every choice; ``asked`` when the chosen format has to look again, for another task or with
    other columns."""

    changed = Signal()
    asked = Signal(str, dict)  # a task (empty: as it sees fit) and options

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("What it looks like", parent)
        self._session = session
        self._survey = Survey("")
        self._look: Look | None = None
        self._names: dict[str, str] = {}
        self._models: dict[tuple[type[Options], frozenset[str]], type[Options]] = {}
        self.looks = QLabel()
        self.looks.setWordWrap(True)
        self.looks.setTextFormat(Qt.TextFormat.PlainText)
        self.looks.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.body.addWidget(self.looks)
        self.format = _box("Format")
        self.task = _box("What is to be learnt")
        self.modality = _box("What the items are")
        for box in (self.format, self.task, self.modality):
            box.currentIndexChanged.connect(self._on_chosen)
        self._fields = QWidget()
        form = form_layout()
        add_row(form, "Format", self.format)
        add_row(form, "Learn", self.task)
        add_row(form, "Items", self.modality)
        self._fields.setLayout(form)
        self.body.addWidget(self._fields)
        self.columns = ColumnTable()
        self.columns.changed.connect(self._on_columns)
        self.body.addWidget(self.columns)
        self.options = OptionsForm()
        self.options.set_show_all(True)
        self.options.changed.connect(self._on_options)
        self.body.addWidget(self.options)
        self.found = small_label()
        self.body.addWidget(self.found)
        self.show_nothing("")

    # ---- from outside

    def show_nothing(self, sentence: str) -> None:
        """Before anything was recognised, or where nothing was."""
        self._survey, self._look = Survey(""), None
        self.looks.setText(sentence or "Choose a source above: what it is is recognised by itself.")
        for widget in (self._fields, self.columns, self.options, self.found):
            widget.hide()

    def show_survey(self, survey: Survey) -> None:
        self._survey = survey
        if not survey.looks:
            self.show_nothing(survey.problem or survey.sentence)
            self._survey = survey
            self.changed.emit()
            return
        self._fill_formats()
        self.show_look(survey.looks[0])

    def show_look(self, look: Look, *, again: bool = False) -> None:
        """``look``: of one of the formats. ``again``: what was typed into the options stays."""
        self._look = look
        seen, descriptor = look.seen, self._session.registry.format(look.format)
        self.looks.setText(look.problem or seen.sentence or f"Looks like: {descriptor.title}.")
        _choose(self.format, look.format)
        self._fill(self.task, "tasks", descriptor.tasks, seen.task)
        self._fill(self.modality, "modalities", descriptor.modalities, seen.modality)
        self._names = options_of_roles(descriptor.options) if seen.columns else {}
        if seen.columns:
            roles = roles_in(seen.options, self._names, seen.columns)
            self.columns.show_table(seen.columns, seen.rows, roles, set(self._names))
        self.columns.setVisible(bool(seen.columns))
        model = self._reduced(descriptor.options)
        if not again:
            self.options.set_model(model, {k: v for k, v in seen.options.items() if k in model.model_fields})
        self.options.setVisible(bool(model.model_fields))
        self._fields.show()
        self._preview()
        self.changed.emit()

    def look_again(self, look: Look | None) -> None:
        """The answer to ``asked``. What cannot be is said, and what was chosen stays."""
        if look is None or self._look is None or look.format != self._look.format:
            return
        if look.problem:
            self._look = dataclasses.replace(self._look, problem=look.problem)
            self.looks.setText(look.problem)
            self.changed.emit()
        else:
            self.show_look(look, again=True)

    @property
    def chosen(self) -> Look | None:
        return self._look

    @property
    def problem(self) -> str:
        """Why it cannot be imported as it stands; empty where it can."""
        if self._look is None:
            return self._survey.problem
        return self._look.problem or ("" if self.options.is_valid else "Correct what is marked in the options.")

    def arguments(self) -> dict[str, Any]:
        """``format, task, modality`` and ``options`` of the job ``import-data``."""
        if self._look is None:
            return {"format": AUTO}
        seen, descriptor = self._look.seen, self._session.registry.format(self._look.format)
        chosen: dict[str, Any] = {"format": self._look.format}
        if len(descriptor.tasks) > 1 or self.task.currentData() != descriptor.task:
            chosen["task"] = self.task.currentData()
        if len(descriptor.modalities) > 1 or self.modality.currentData() != descriptor.modality:
            chosen["modality"] = self.modality.currentData()
        options = {k: v for k, v in seen.options.items() if k not in self.options.values()}
        if self._names:
            options |= options_from(self.columns.roles(), self._names, descriptor.options)
        options |= self.options.changed_values()
        if options := {k: v for k, v in options.items() if v not in ("", [], (), None)}:
            chosen["options"] = options
        return chosen

    def noun(self, many: bool = True) -> str:
        """What the items are called."""
        known = {one.id: one.noun for one in self._session.registry.modalities()}
        return known.get(str(self.modality.currentData()), ("item", "items"))[many]

    # ---- inside

    def _fill_formats(self) -> None:
        rows = []
        for descriptor in self._session.registry.formats():
            look = self._survey.of(descriptor.id)
            reason = "It does not recognise this source." if look is None else look.problem
            rows.append((descriptor.id, descriptor.title, reason))
        rows.sort(key=lambda row: bool(row[2]))
        _fill_box(self.format, rows)

    def _fill(self, box: QComboBox, kind: str, possible: tuple[str, ...], chosen: str) -> None:
        rows = []
        for descriptor in self._session.registry.all(kind):
            reason = "" if descriptor.id in possible else f"{self._title()} gives no data of this kind."
            rows.append((descriptor.id, descriptor.title, reason))
        _fill_box(box, rows)
        _choose(box, chosen)

    def _title(self) -> str:
        return self._look.title if self._look is not None else "The format"

    def _reduced(self, model: type[Options]) -> type[Options]:
        """The options that no column of the table stands for."""
        taken = frozenset(self._names.values())
        if not taken:
            return model
        if (model, taken) not in self._models:
            rest: Any = {n: (f.annotation, f) for n, f in model.model_fields.items() if n not in taken}
            self._models[model, taken] = pydantic.create_model(model.__name__, __base__=Options, **rest)
        return self._models[model, taken]

    @Slot()
    def _on_chosen(self, _index: int = 0) -> None:
        if self.sender() is self.format and (look := self._survey.of(str(self.format.currentData()))) is not None:
            self.show_look(look)
        elif self.sender() is self.task:
            told = set(self._names.values()) - {self._names.get(role) for role in _TARGETS}
            options = self.arguments().get("options", {})
            self.asked.emit(str(self.task.currentData()), {k: v for k, v in options.items() if k in told})
            self.changed.emit()
        else:
            self.changed.emit()

    @Slot()
    def _on_columns(self) -> None:
        self.asked.emit("", self.arguments().get("options", {}))
        self.changed.emit()

    @Slot()
    def _on_options(self) -> None:
        self._preview()
        self.changed.emit()

    def _preview(self) -> None:
        """What a pattern among the options finds in the names of the files."""
        patterns = [str(v) for k, v in self.options.values().items() if "pattern" in k and v]
        self.found.setVisible(bool(patterns))
        if patterns:
            self.found.setText(parts_found(patterns[0], list(self._survey.names)))


def _box(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(16)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def _fill_box(box: QComboBox, rows: list[tuple[str, str, str]]) -> None:
    """``rows`` of value, text and the reason why it is grey; nothing is signalled."""
    box.blockSignals(True)
    box.clear()
    model = box.model()
    for value, words, reason in rows:
        box.addItem(words, value)
        index = model.index(box.count() - 1, 0)
        if reason:
            model.setData(index, 0, Qt.ItemDataRole.UserRole - 1)  # not to be chosen, and grey
            model.setData(index, reason, Qt.ItemDataRole.ToolTipRole)
    box.blockSignals(False)


def _choose(box: QComboBox, value: str) -> None:
    box.blockSignals(True)
    box.setCurrentIndex(max(0, box.findData(value)))
    box.setToolTip(box.currentText())
    box.blockSignals(False)
