"""The Try page: real pictures through the model of a real run."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.try_guess import TYPED, answers
from tlstudio.gui.pages.try_it import PICTURES, TryPage
from tlstudio.gui.pages.try_model import Subject, samples_in


@pytest.fixture
def page(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> TryPage:
    window.session.open_project(real_runs.copied_to(tmp_path))
    qtbot.waitUntil(lambda: len(window.session.runs) == 2, timeout=10_000)
    window.show_page("try")
    made = window.pages.page("try")
    assert isinstance(made, TryPage)
    qtbot.waitUntil(lambda: bool(made.model_path), timeout=10_000)
    return made


def test_that_pictures_are_predicted_and_a_broken_one_has_its_own_error(
    page: TryPage, tmp_path: Path, qtbot: QtBot
) -> None:
    dataset = page.session.dataset("digits")
    assert dataset is not None
    pictures = [str(path) for path in sorted(dataset.root.rglob("004.png"))]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture at all")
    assert page.drop_here.isVisible()
    page.add_samples([*pictures, str(broken)])
    model = page.list.guesses
    qtbot.waitUntil(lambda: len(model.guesses) == 4 and all(g.top or g.error for g in model.guesses), timeout=120_000)
    by_name = {Path(guess.path).parent.name: guess for guess in model.guesses if guess.top}
    assert set(by_name) == set(real_runs.NAMES.values())
    for guess in by_name.values():
        shares = [share for _, share in guess.top]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1.0, abs=1e-4)
    (wrong,) = [guess for guess in model.guesses if guess.error]
    assert wrong.path == str(broken)
    assert page.command_line.startswith("tlstudio predict ")
    page.list.grab()


def test_that_a_model_that_cannot_be_read_is_said_and_the_pictures_stay(
    page: TryPage, tmp_path: Path, qtbot: QtBot
) -> None:
    dataset = page.session.dataset("digits")
    assert dataset is not None
    no_model = tmp_path / "notes.onnx"
    no_model.write_text("not a model", encoding="utf-8")
    page.set_model_file(str(no_model))
    page.add_samples([str(next(dataset.root.rglob("*.png")))])
    qtbot.waitUntil(lambda: page.problem.isVisible(), timeout=60_000)
    assert "notes.onnx" in page.problem.label.text()
    assert len(page.list.guesses.guesses) == 1


def test_that_folders_give_their_pictures_and_nothing_hidden(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.PNG", "notes.txt", ".hidden/c.jpg", "deep/d.webp"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    found = samples_in([str(tmp_path), str(tmp_path / "notes.txt"), str(tmp_path / "a.jpg")], PICTURES)
    assert [Path(name).name for name in found] == ["a.jpg", "b.PNG", "d.webp", "notes.txt"]


def test_that_an_answer_without_classes_is_an_error_of_its_file() -> None:
    found = answers({"predictions": [{"file": "x.png", "top": []}, {"file": "y.png", "error": "Cut short."}]})
    assert found["x.png"].error == "There is no answer for this picture."
    assert found["y.png"].error == "Cut short."


def test_that_labels_numbers_masks_and_texts_are_answers_too() -> None:
    several = {"file": "a.png", "labels": ["red"], "scores": [{"class": "red", "probability": 0.9}]}
    number = {"file": "b.png", "values": {"cells": 12.0}}
    mask = {
        "file": "c.png",
        "shares": {"sky": 0.2, "sea": 0.8},
        "mask": "c_mask.png",
        "mask_values": {"sky": 0, "sea": 255},
    }
    text = {"text": "free money", "class": "spam", "probability": 1.0, "top": [{"class": "spam", "probability": 1.0}]}
    found = answers({"predictions": [several, number, mask, text]})
    assert (found["a.png"].top, found["a.png"].given) == ((("red", 0.9),), 1)
    assert found["b.png"].spoken == "cells 12"
    assert found["c.png"].top[0] == ("sea", 0.8)
    assert (found["c.png"].mask, found["c.png"].pixels) == ("c_mask.png", (0, 255))
    assert found[TYPED + "free money"].name == "free money"
    assert all(guess.answered for guess in found.values())


def test_that_a_model_of_texts_gets_a_field_to_type_into(page: TryPage, qtbot: QtBot) -> None:
    assert not page.field.isVisible()
    page._set_subject(Subject("classification", "text"))
    assert page.field.isVisible()
    assert page.open_samples.text() == "Open texts…"
    assert not page.field.ask.isEnabled()
    page.field.editor.setPlainText("  free money  ")
    with qtbot.waitSignal(page.field.entered) as sent:
        qtbot.keyClick(page.field.editor, Qt.Key.Key_Return)
    assert sent.args == ["free money"]
    assert page.list.guesses.guesses[0].name == "free money"
    qtbot.waitUntil(lambda: page._thread is None, timeout=60_000)  # this run's model takes pictures, and says so
    assert "pictures, which cannot be typed" in page.problem.label.text()
