"""``tlstudio data``: relabelling, excluding, moving and undoing on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit import project_material as material
from tlstudio.api.errors import DataError, UsageError
from tlstudio.cli import data
from tlstudio.cli.data_editing import value_of
from tlstudio.project import Project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Project.create(tmp_path / "garden.tlproj") as made:
        material.add_dataset(made, tmp_path / "pictures")
    return tmp_path / "garden.tlproj"


def call(folder: Path, command: str, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(data.app, [command, str(folder), "things", *arguments, "--json"])
    if done.exception is not None:
        raise done.exception
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_items_are_relabelled_excluded_moved_and_all_of_it_undone(folder: Path) -> None:
    assert call(folder, "relabel", "--item", "birnen/0.bin", "--item", "birnen/1.bin", "--to", "äpfel")["changed"] == 2
    assert call(folder, "exclude", "--item", "birnen/0.bin", "--note", "Blurred.")["excluded"] == 1
    moved = call(folder, "move", "--item", "äpfel/3.bin", "--to", "test")
    assert (moved["revision"], moved["kind"], moved["note"]) == (4, "split", "1 item moved to test.")
    assert [r["note"] for r in call(folder, "revisions")["revisions"]] == [
        "1 item moved to test.", "Blurred.", "2 items relabelled: äpfel.", "Imported 12 items.",
    ]  # fmt: skip
    found = call(folder, "compare", "1", "4")
    assert (found["relabelled"], found["excluded"], found["moved"]) == (2, 1, 1)
    assert [call(folder, "undo")["note"] for _ in range(3)] == [f"Back to revision {n}." for n in (3, 2, 1)]
    with pytest.raises(UsageError, match="nothing to undo"):
        call(folder, "undo")
    assert call(folder, "undo", "--to", "4")["fingerprint"] == moved["fingerprint"]


def test_what_is_taken_in_again_is_where_it_was(folder: Path) -> None:
    with Project.open(folder) as project:
        before = {item.path: item.split for item in project.items("things")}
    call(folder, "exclude", "--item", "birnen/0.bin", "--item", "birnen/1.bin")
    call(folder, "include", "--item", "birnen/0.bin")
    call(folder, "include", "--item", "birnen/1.bin", "--to", "test")
    with Project.open(folder) as project:
        after = {item.path: item.split for item in project.items("things")}
    assert after == before | {"birnen/1.bin": "test"}


def test_a_new_class_has_to_be_asked_for(folder: Path) -> None:
    with pytest.raises(DataError, match="no class 'nüsse'"):
        call(folder, "relabel", "--item", "birnen/0.bin", "--to", "nüsse")
    call(folder, "relabel", "--item", "birnen/0.bin", "--to", "nüsse", "--new-class")
    shown = call(folder, "show")
    assert [(entry["name"], entry["items"]) for entry in shown["classes"]] == [
        ("äpfel", 6),
        ("birnen", 5),
        ("nüsse", 1),
    ]
    with pytest.raises(DataError, match=r"no item 'birnen/99\.bin'"):
        call(folder, "exclude", "--item", "birnen/99.bin")
    with pytest.raises(UsageError, match="no split 'dev'"):
        call(folder, "move", "--item", "birnen/0.bin", "--to", "dev")


@pytest.mark.parametrize(("task", "typed", "value"), [
    ("classification", "a, b", "a, b"),
    ("multilabel", "cat, dög", '["cat", "dög"]'),
    ("multilabel", "none", "[]"),
    ("regression", "3, -0.5", "[3.0, -0.5]"),
])  # fmt: skip
def test_a_label_is_typed_as_its_task_wants_it(folder: Path, task: str, typed: str, value: str) -> None:
    import dataclasses

    with Project.open(folder) as project:
        info = dataclasses.replace(project.dataset("things"), task=task)
    assert value_of(info, typed) == value
    with pytest.raises(UsageError, match="no number"):
        value_of(dataclasses.replace(info, task="regression"), "many")
    with pytest.raises(UsageError, match="mask"):
        value_of(dataclasses.replace(info, task="segmentation"), "x.png")
