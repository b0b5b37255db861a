"""The form that is made from a plugin's options."""

from typing import Literal

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tlstudio.api import NoOptions, Options, option
from tlstudio.gui.options_fields import ChoiceField, NumberField, SwitchField, TextField, spell
from tlstudio.gui.options_form import OptionsForm


class Example(Options):
    epochs: int = option(20, title="Epochs", help="Passes over the data.", ge=1, le=100)
    rate: float = option(1e-4, title="Learning rate", help="At its peak.", gt=0.0, le=1.0)
    head: Literal["linear", "mlp"] = option("linear", title="Head", help="What learns.")
    hidden: int = option(64, title="Hidden units", help="Of the MLP.", only_if={"head": ("mlp",)}, ge=1)
    ema: bool = option(True, title="Average", help="Of the weights.", level="all")
    limit: int | None = option(None, title="Limit", help="None: all.", level="all", unit="pictures", ge=1)
    layers: tuple[str, ...] = option((), title="Layers", help="Names.", level="all")


@pytest.fixture
def form(qtbot: QtBot) -> OptionsForm:
    made = OptionsForm()
    qtbot.addWidget(made)
    made.set_model(Example)
    made.show()
    return made


def type_into(qtbot: QtBot, field: NumberField, text: str) -> None:
    field.setFocus()
    field.lineEdit().selectAll()
    qtbot.keyClicks(field.lineEdit(), text)


def number(form: OptionsForm, name: str) -> NumberField:
    field = form._rows[name].field
    assert isinstance(field, NumberField)
    return field


def test_that_each_kind_of_option_gets_its_editor_and_its_words(form: OptionsForm) -> None:
    kinds = {name: type(row.field) for name, row in form._rows.items()}
    assert kinds == {
        "epochs": NumberField, "rate": NumberField, "head": ChoiceField, "hidden": NumberField,
        "ema": SwitchField, "limit": NumberField, "layers": TextField,
    }  # fmt: skip
    row = form._rows["epochs"]
    assert row.label.text() == "Epochs"
    assert row.label.buddy() is row.field
    assert row.field.accessibleName() == "Epochs"
    assert row.help.text() == "Passes over the data."
    assert row.field.toolTip() == "Passes over the data. Between 1 and 100. Default: 20."
    assert number(form, "rate").lineEdit().text() == "1e-4"


def test_that_the_short_form_leaves_out_what_is_for_all(form: OptionsForm) -> None:
    assert form.has_more
    assert not form._rows["epochs"].field.isHidden()
    assert not form._rows["ema"].field.isVisible()
    form.set_show_all(True)
    assert form._rows["ema"].field.isVisible()


def test_that_only_changed_values_are_named(form: OptionsForm, qtbot: QtBot) -> None:
    assert form.changed_values() == {}
    assert form.values()["rate"] == 1e-4
    with qtbot.waitSignal(form.changed):
        type_into(qtbot, number(form, "epochs"), "30")
    assert form.changed_values() == {"epochs": 30}
    assert form._rows["epochs"].reset.isVisible()
    qtbot.mouseClick(form._rows["epochs"].reset, Qt.MouseButton.LeftButton)
    assert form.changed_values() == {}


def test_that_a_wrong_value_stays_as_typed_with_a_sentence_beside_it(form: OptionsForm, qtbot: QtBot) -> None:
    field = number(form, "epochs")
    for text in ("900", "many"):
        type_into(qtbot, field, text)
        form._rows["rate"].field.setFocus()
        assert field.lineEdit().text() == text
        assert not form.is_valid
        row = form._rows["epochs"]
        assert row.help.objectName() == "error"
        assert text in row.help.text()
        assert "'epochs'" not in row.help.text()
    type_into(qtbot, field, "90")
    assert form.is_valid
    assert form._rows["epochs"].help.text() == "Passes over the data."


def test_that_a_problem_in_a_hidden_option_is_shown(form: OptionsForm) -> None:
    form.show_problems({"ema": "It cannot be on here.", "options": "They do not go together."})
    assert form._rows["ema"].field.isVisible()
    assert form._rows["ema"].help.text() == "It cannot be on here."
    assert form._general.text() == "They do not go together."


def test_that_an_option_without_meaning_is_grey(form: OptionsForm) -> None:
    assert not form._rows["hidden"].field.isEnabled()
    form._rows["head"].field.set_value("mlp")
    assert form._rows["hidden"].field.isEnabled()


def test_that_numbers_step_in_sensible_sizes_and_stay_inside_their_bounds(form: OptionsForm) -> None:
    rate, epochs = number(form, "rate"), number(form, "epochs")
    seen = []
    for _ in range(4):
        rate.stepBy(1)
        seen.append(rate.lineEdit().text())
    assert seen == ["2e-4", "5e-4", "0.001", "0.002"]
    rate.stepBy(-5)
    assert rate.lineEdit().text() == "5e-5"
    epochs.stepBy(500)
    assert epochs.value() == 100
    epochs.stepBy(-500)
    assert epochs.value() == 1


def test_that_an_empty_optional_means_none_and_a_comma_is_a_point(form: OptionsForm, qtbot: QtBot) -> None:
    form.set_show_all(True)
    limit = number(form, "limit")
    type_into(qtbot, limit, "12")
    assert form.values()["limit"] == 12
    limit.lineEdit().clear()
    limit.edited.emit()
    assert form.values()["limit"] is None
    assert form.is_valid
    type_into(qtbot, number(form, "rate"), "0,5")
    assert form.values()["rate"] == 0.5
    form._rows["layers"].field.set_value(("a", "b"))
    assert form.values()["layers"] == ["a", "b"]


def test_that_each_methods_values_are_remembered(form: OptionsForm, qtbot: QtBot) -> None:
    type_into(qtbot, number(form, "epochs"), "33")
    form.set_model(NoOptions)
    assert form.values() == {}
    form.set_model(Example)
    assert form.values()["epochs"] == 33
    form.reset()
    assert form.changed_values() == {}


def test_that_tab_goes_from_field_to_field(form: OptionsForm) -> None:
    chain, widget = [], form._rows["epochs"].field
    names = {row.field: name for name, row in form._rows.items()}
    for _ in range(40):
        if widget in names:
            chain.append(names[widget])
        widget = widget.nextInFocusChain()
    assert chain[:7] == list(Example.model_fields)


@pytest.mark.parametrize(
    ("value", "text"), [(1e-4, "1e-4"), (3e-05, "3e-5"), (0.001, "0.001"), (0.1, "0.1"), (20, "20"), (True, "True")]
)
def test_that_numbers_are_spelled_as_people_write_them(value: float, text: str) -> None:
    assert spell(value) == text
