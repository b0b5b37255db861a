"""A run that waits for a look at its new labels, and is resumed: what was decided so far counts, and nothing unseen."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tlstudio import pseudo_labels, runs
from tlstudio.gui.interrupted import interrupted, sentence
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.run import RunPage
from tlstudio.project import Project
from tlstudio.pseudo_labels import Accepted, Round
from tlstudio.registry import Registry

WAIT = 30_000


@pytest.fixture
def path(project_path: Path) -> Path:
    """A project whose only run waits with its first round, in which two samples were given a label."""
    with Project.open(project_path) as project:
        run = runs.create_run(
            project, Registry.discover(), dataset="shapes", backbone="glyphnet", method="self-training",
            options={"review": True}, labels_per_class=4,
        )  # fmt: skip
        items = project.manifest("shapes").splits["train"].item_ids[:2]
        accepted = tuple(Accepted(item, "red", 0.97) for item in items)
        pseudo_labels.write_round(run.dir, Round(1, ("blue", "green", "red"), accepted, asks=True))
        project.update_run(run.id, state="parked", reason="Round 1 is to be looked at.")
    return project_path


def opened_at(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.session.runs_changed, timeout=WAIT):
        window.session.open_project(path)
    qtbot.waitUntil(lambda: len(window.session.runs) == 1, timeout=WAIT)


def test_that_resume_beside_the_card_does_what_go_on_does(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    opened_at(window, path, qtbot)
    window.session.select_run(1)
    window.show_page("run")
    page = window.pages.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(page.review.isVisible, timeout=WAIT)
    assert not page.happened.isVisible(), "the card says it"
    assert "The same as" in page.controls.buttons["resume"].toolTip()
    page.review.strip.toggle(0)
    wrong = page.review.vetoed
    page.review.looked.disconnect(page.commands.resume)  # what follows is seen in test_pseudo_labels.py
    with qtbot.waitSignal(page.review.looked, timeout=WAIT):
        page.controls.buttons["resume"].click()
    assert [one.vetoed for one in pseudo_labels.rounds(path / "runs" / "1")] == [frozenset(wrong)]
    assert len(wrong) == 1
    assert not page.review.isVisible()


def test_that_whoever_resumes_from_elsewhere_is_led_to_the_labels(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    opened_at(window, path, qtbot)
    page = window.pages.page("run")
    assert isinstance(page, RunPage)
    page.commands.resume(1)
    qtbot.waitUntil(page.review.isVisible, timeout=WAIT)
    assert page.run_id == 1
    assert 1 not in window.session.active.waiting
    assert pseudo_labels.waiting(path / "runs" / "1") is not None


def test_that_after_opening_such_a_run_is_named_and_not_resumed_unseen(path: Path) -> None:
    with Project.open(path) as project:
        found = interrupted(project.runs(), path / "window.json")
    assert [one.review for one in found] == [True]
    assert sentence(found) == "Run 1 waits for you to look at its new labels."


def test_that_resuming_in_a_terminal_takes_the_round_as_it_is_and_says_so(path: Path) -> None:
    folder = path / "runs" / "1"
    taken = pseudo_labels.take(folder)
    assert taken is not None
    assert taken.vetoed == frozenset()
    assert pseudo_labels.taken(taken) == (
        "Round 1 is taken as it is: all its 2 labels are learnt from, since none was struck out."
    )
    assert pseudo_labels.take(folder) is None
    one = Round(2, ("a",), (Accepted(7, "a", 0.99),), asks=True)
    assert "its label is learnt from" in pseudo_labels.taken(one)
    assert pseudo_labels.taken(Round(3, ("a",), ())) == "Round 3 is looked at: no sample was given a label in it."
