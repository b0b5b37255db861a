"""Importing by the form: what is recognised, what can be chosen, and what then happens."""

import shlex
import shutil
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.data import DataPage
from tlstudio.gui.pages.data_columns import options_from, options_of_roles, roles_in
from tlstudio.gui.pages.data_fields import found_in, parts_found
from tlstudio.gui.pages.data_import import ImportForm, name_from
from tlstudio.gui.pages.data_sniff import survey


@pytest.fixture
def page(opened: MainWindow) -> DataPage:
    opened.show_page("data")
    page = cast(DataPage, opened.pages.page("data"))
    page.begin_import()
    return page


@pytest.fixture
def form(page: DataPage) -> ImportForm:
    return page.form


@pytest.fixture
def table(tmp_path: Path, pictures: Path) -> Path:
    """A table beside pictures, with columns of every kind."""
    lines = ["picture,colour,size,patient,taken"]
    for number, source in enumerate(sorted(pictures.rglob("*.png"))):
        shutil.copy(source, tmp_path / source.name)
        lines.append(f"{source.name},{source.parent.name},{number}.5,p{number % 6},2024-01-{number % 28 + 1:02}")
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def recognised(form: ImportForm, source: Path | str, qtbot: QtBot) -> None:
    form.source.setText(str(source))
    qtbot.waitUntil(lambda: form.looked.chosen is not None, timeout=20_000)


def choose(box: QComboBox, value: str) -> None:
    row = box.findData(value)
    assert row >= 0, f"{value} is not offered"
    box.setCurrentIndex(row)


def is_grey(box: QComboBox, value: str) -> str:
    """Why a value cannot be chosen; empty where it can."""
    index = box.model().index(box.findData(value), 0)
    enabled = bool(box.model().flags(index) & Qt.ItemFlag.ItemIsEnabled)
    return "" if enabled else str(index.data(Qt.ItemDataRole.ToolTipRole))


def test_that_a_folder_is_recognised_named_and_said_in_words(form: ImportForm, shared_data: Path, qtbot: QtBot) -> None:
    recognised(form, shared_data / "trashnet", qtbot)
    assert form.name.text() == "trashnet"
    assert form.looked.looks.text() == "6 folders, each a class, with pictures."
    assert form.arguments()["format"] == "image-folder"
    assert "All pictures of the source are read once, and your files stay there" in form.sentence.text()
    assert is_grey(form.looked.format, "voc") == "It does not recognise this source."
    assert is_grey(form.looked.task, "regression").endswith("gives no data of this kind.")
    assert form.looked.columns.roles() == {}  # a preview alone: there is nothing to map
    assert not form.splits.by_folder.isEnabled()
    assert form.import_button.isEnabled()


def test_that_sounds_in_class_folders_are_sounds(form: ImportForm, shared_data: Path, qtbot: QtBot) -> None:
    recognised(form, shared_data / "fsdd_wav", qtbot)
    assert form.looked.modality.currentData() == "audio"
    assert form.arguments()["modality"] == "audio"
    form.splits.together.setCurrentIndex(form.splits.together.findData("pattern"))
    form.splits.pattern.setText(r"\d_(\w+)_\d")
    qtbot.waitUntil(lambda: "6 groups" in form.splits.found.text())
    assert form.arguments()["group_by"] == r"\d_(\w+)_\d"
    form.splits.pattern.setText("(")
    assert form.splits.found.text().startswith("This is no pattern")
    assert not form.import_button.isEnabled()


def test_that_columns_are_recognised_and_can_be_given_another_role(form: ImportForm, table: Path, qtbot: QtBot) -> None:
    recognised(form, table, qtbot)
    assert form.name.text() == name_from(str(table))  # the folder's, as "labels" says nothing
    columns = form.looked.columns
    assert columns.isVisible()
    assert columns.roles()["picture"] == "file"
    assert columns.table.horizontalHeaderItem(0).text() == "picture"
    assert columns.table.item(1, 1).text() == "blue"
    choose(columns.box("colour"), "label")
    qtbot.waitUntil(lambda: form.looked.task.currentData() == "classification")
    assert form.arguments()["options"]["label_columns"] == "colour"
    choose(columns.box("patient"), "group")
    qtbot.waitUntil(lambda: form.splits.group_by() == "patient")
    choose(form.looked.columns.box("colour"), "ignore")
    qtbot.waitUntil(lambda: "label_columns" not in form.arguments().get("options", {}))
    choose(form.looked.columns.box("size"), "number")
    qtbot.waitUntil(lambda: form.looked.task.currentData() == "regression")
    assert form.arguments()["options"]["number_columns"] == "size"
    assert "--set number_columns=size" in form.command()


def test_that_a_table_is_split_by_time_and_imported_as_chosen(
    page: DataPage, form: ImportForm, table: Path, qtbot: QtBot
) -> None:
    recognised(form, table, qtbot)
    choose(form.looked.columns.box("colour"), "label")
    qtbot.waitUntil(lambda: form.looked.task.currentData() == "classification")
    form.splits.by_time.setChecked(True)
    assert not form.import_button.isEnabled()
    form.splits.time_by.setEditText("taken")
    form.name.setText("dated")
    assert form.import_button.isEnabled()
    assert form.arguments()["splits"] == "time:0.7,0.15,0.15"
    words = shlex.split(form.command())
    assert words[words.index("--time-by") + 1] == "taken"
    qtbot.mouseClick(form.import_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.session.dataset("dated") is not None, timeout=60_000)
    dataset = page.session.dataset("dated")
    assert dataset is not None
    assert dataset.class_names == ("blue", "green", "red")
    assert "time" in dataset.split_note


def test_that_a_task_the_table_cannot_give_is_said_and_nothing_is_lost(
    form: ImportForm, table: Path, qtbot: QtBot
) -> None:
    recognised(form, table, qtbot)
    choose(form.looked.task, "segmentation")
    qtbot.waitUntil(lambda: not form.import_button.isEnabled())
    assert "masks" in form.looked.looks.text()
    assert form.looked.columns.roles()["picture"] == "file"
    choose(form.looked.task, "classification")
    qtbot.waitUntil(form.import_button.isEnabled)


def test_that_items_are_added_to_a_data_set_that_is_there(
    page: DataPage, form: ImportForm, tmp_path: Path, pictures: Path, qtbot: QtBot
) -> None:
    for label in ("blue", "red"):
        (tmp_path / "more" / label).mkdir(parents=True)
        for number in (3, 7):
            source = (pictures / label / f"{label}_{number:02}.png").read_bytes()
            (tmp_path / "more" / label / f"new_{number}.png").write_bytes(source)
    from PIL import Image

    Image.new("RGB", (90, 90), "#2040ff").save(tmp_path / "more" / "blue" / "fresh.png")
    recognised(form, tmp_path / "more", qtbot)
    choose(form.target, "shapes")
    assert not form.name.isEnabled()
    assert form.arguments()["add"] is True
    assert form.command().endswith("--add")
    assert "what is there keeps its part" in form.sentence.text()
    qtbot.mouseClick(form.import_button, Qt.MouseButton.LeftButton)

    def added() -> bool:
        dataset = page.session.dataset("shapes")
        return dataset is not None and dataset.revision == 2

    qtbot.waitUntil(added, timeout=60_000)


def test_that_a_name_that_is_taken_is_said_beside_it(form: ImportForm, pictures: Path, qtbot: QtBot) -> None:
    recognised(form, pictures, qtbot)
    form.name.setText("shapes")
    assert form.name_error.isVisible()
    assert "There is a data set shapes already" in form.name_error.text()
    assert not form.import_button.isEnabled()
    form.name.setText("other")
    assert not form.name_error.isVisible()
    assert form.import_button.isEnabled()


def test_that_what_cannot_be_imported_says_so(form: ImportForm, tmp_path: Path, qtbot: QtBot) -> None:
    form.source.setText(str(tmp_path / "nowhere"))
    qtbot.waitUntil(lambda: form.looked.looks.text().startswith("There is nothing at"))
    assert not form.import_button.isEnabled()
    (tmp_path / "empty").mkdir()
    form.source.setText(str(tmp_path / "empty"))
    qtbot.waitUntil(lambda: form.looked.looks.text().startswith("No format recognises this folder"))


def test_that_well_known_data_sets_are_offered_with_what_they_weigh(form: ImportForm, qtbot: QtBot) -> None:
    assert form.known.isVisible()
    form.known.picked.emit("torchvision:MNIST")
    assert form.name.text() == "MNIST"
    qtbot.waitUntil(lambda: "MB are downloaded from" in form.looked.looks.text())
    assert form.import_button.isEnabled()
    assert form.arguments()["source"] == "torchvision:MNIST"
    form.known.picked.emit("torchvision:Nothing")
    qtbot.waitUntil(lambda: not form.import_button.isEnabled())


def test_that_an_archive_is_taken_and_its_content_recognised_later(tmp_path: Path, pictures: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", pictures)
    found = survey([], archive)
    assert found.sentence.startswith("An archive.")
    assert not found.problem
    assert name_from(archive) == "packed"
    assert name_from("/data/things/annotations.tar.gz") == "things"
    assert name_from("torchvision:CIFAR10") == "CIFAR10"


def test_that_patterns_say_what_they_find() -> None:
    names = ["a/7_george_3.wav", "a/8_george_4.wav", "a/7_lucas_1.wav"]
    assert found_in(r"_([a-z]+)_", names) == "3 of the first 3 names belong to 2 groups: george, lucas"
    assert found_in("zebra(x)", names) == "It finds nothing in the names, such as a/7_george_3.wav."
    found = parts_found(r"(?P<label>\d)_(?P<group>\w+)_", names)
    assert found == "3 of the first 3 names. classes: 7, 8; groups: george, lucas"


def test_that_roles_of_columns_become_options_and_back(form: ImportForm) -> None:
    model = form._session.registry.format("csv").options
    names = options_of_roles(model)
    assert names["label"] == names["labels"] == "label_columns"
    columns = ["file", "a", "b", "n, m", "who"]
    options = {"file_column": "file", "label_columns": "a, b", "number_columns": "n, m", "group_column": "who"}
    roles = roles_in(options, names, columns)
    assert roles == {"file": "file", "a": "labels", "b": "labels", "n, m": "number", "who": "group"}
    back = options_from(roles, names, model)
    assert {name: value for name, value in back.items() if value} == options
