"""Runs that are paused, parked, stopped, killed and found again, through the real window and a real worker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio import locks
from tlstudio.api.events import Finished, StepDone, from_json
from tlstudio.gui.close_choice import CloseChoice
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.run import RunPage
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.runs import create_run
from tlstudio.training.spec import RuntimePreferences

SECONDS_30 = 30_000
MINUTE = 60_000
LONG = {"epochs": 400, "stages": "one", "learning_rate": 1e-4}

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A project with three runs that have not begun and take minutes, the third, fourth and fifth."""
    copied = real_runs.copied_to(tmp_path)
    with Project.open(copied) as project:
        for seed in range(3):
            make(project, seed)
    return copied


def make(project: Project, seed: int) -> None:
    create_run(
        project, Registry.discover(), dataset="digits", backbone="glyphnet", weights_id="none", method="fine-tuning",
        options=LONG, seed=seed, runtime=RuntimePreferences(precision="float32", workers=0, checkpoint_seconds=1),
    )  # fmt: skip


def open_in(window: MainWindow, path: Path, qtbot: QtBot) -> RunPage:
    with qtbot.waitSignal(window.session.runs_changed, timeout=SECONDS_30):
        window.session.open_project(path)
    qtbot.waitUntil(lambda: len(window.session.runs) == 5, timeout=SECONDS_30)
    window.session.select_run(3)
    window.show_page("run")
    page = window.pages.page("run")
    assert isinstance(page, RunPage)
    return page


def press(page: RunPage, name: str, qtbot: QtBot) -> None:
    button = page.controls.buttons[name]
    qtbot.waitUntil(lambda: button.isVisible() and button.isEnabled(), timeout=SECONDS_30)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def until_step(page: RunPage, step: int, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.story.step >= step and page.story.state == "", timeout=MINUTE)


def train(page: RunPage, qtbot: QtBot) -> None:
    press(page, "start", qtbot)
    until_step(page, 5, qtbot)


def test_that_a_run_is_paused_asked_resumed_parked_and_stopped_by_its_buttons(
    window: MainWindow, path: Path, qtbot: QtBot
) -> None:
    page = open_in(window, path, qtbot)
    assert page.pill.text() == "queued"
    train(page, qtbot)
    press(page, "pause", qtbot)
    assert page.pill.text() == "pausing…"
    qtbot.waitUntil(lambda: page.pill.text() == "paused", timeout=SECONDS_30)
    step = page.story.step

    qtbot.mouseClick(page.holding.evaluate, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "accuracy" in page.holding.score.text(), timeout=SECONDS_30)
    page.holding.ask_pictures([str(_picture(window))])
    guesses = page.holding.pictures.guesses
    qtbot.waitUntil(lambda: bool(guesses.guesses[0].top), timeout=SECONDS_30)
    assert len(guesses.guesses[0].top) == 3
    assert page.story.step == step

    press(page, "resume", qtbot)
    until_step(page, step + 3, qtbot)
    assert not page.holding.isVisible()
    press(page, "park", qtbot)
    assert page.pill.text() == "parking…"
    qtbot.waitUntil(lambda: page.pill.text() == "parked", timeout=SECONDS_30)
    parked = page.story.saved_step
    sentence = f"Saved up to step {parked}: Resume goes on from there"
    qtbot.waitUntil(lambda: page.progress.saved.text() == sentence)
    assert page.happened.banner.label.text().startswith("Parked")

    press(page, "resume", qtbot)
    until_step(page, parked + 3, qtbot)
    qtbot.waitUntil(lambda: window.session.active.running == 3 and not page.happened.isVisible())
    press(page, "stop", qtbot)
    assert page.pill.text() == "stopping…"
    qtbot.waitUntil(lambda: page.pill.text() == "stopped", timeout=MINUTE)
    qtbot.waitUntil(lambda: page.controls.buttons["results"].isVisible(), timeout=SECONDS_30)
    assert drawn(page) == told(path / "runs" / "3")


def _picture(window: MainWindow) -> Path:
    dataset = window.session.dataset("digits")
    assert dataset is not None
    return next(dataset.root.rglob("*.png"))


def told(run_dir: Path) -> list[float]:
    """The loss of every step in the file."""
    lines = (run_dir / "events.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [event for line in lines if isinstance(event := from_json(line), StepDone)]
    return [loss for event in steps for loss in event.losses or [event.loss]]


def drawn(page: RunPage) -> list[float]:
    return [float(value) for value in page.plot.curves.steps.y]


def test_that_a_killed_worker_is_explained_and_its_run_goes_on(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    page = open_in(window, path, qtbot)
    train(page, qtbot)
    qtbot.waitUntil(lambda: page.story.saved_step > 0, timeout=SECONDS_30)
    who = locks.holder(path / "runs" / "3" / "worker.lock")
    assert who is not None
    os.kill(who["pid"], signal.SIGKILL)
    qtbot.waitUntil(lambda: page.happened.isVisible(), timeout=SECONDS_30)
    assert "killed" in page.happened.banner.label.text()
    assert page.pill.text() == "failed"
    qtbot.mouseClick(page.happened.show_log, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.happened.details.isVisible())
    reached = page.story.step
    press(page, "resume", qtbot)
    until_step(page, reached + 2, qtbot)
    assert any(entry.text.startswith("Goes on from step") for entry in page.story.entries)
    press(page, "stop", qtbot)
    qtbot.waitUntil(lambda: page.pill.text() == "stopped", timeout=MINUTE)
    assert drawn(page) == told(path / "runs" / "3")


def test_that_a_closed_window_leaves_its_run_training_and_the_next_one_shows_its_whole_history(
    window: MainWindow, next_window: Callable[[], MainWindow], path: Path, qtbot: QtBot
) -> None:
    page = open_in(window, path, qtbot)
    train(page, qtbot)
    choice = ask_to_close(window)
    assert choice.title.text() == "Run 3 is training"
    with qtbot.waitSignal(choice.finished, timeout=SECONDS_30):
        qtbot.mouseClick(choice.keep, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=SECONDS_30)
    assert locks.holder(path / "runs" / "3" / "worker.lock") is not None

    second = next_window()
    again = open_in(second, path, qtbot)
    qtbot.waitUntil(lambda: second.session.active.running == 3, timeout=SECONDS_30)
    qtbot.waitUntil(lambda: again.pill.text() == "training", timeout=SECONDS_30)
    until_step(again, again.story.step + 5, qtbot)
    press(again, "stop", qtbot)
    qtbot.waitUntil(lambda: again.pill.text() == "stopped", timeout=MINUTE)
    assert drawn(again) == told(path / "runs" / "3")


def ask_to_close(window: MainWindow) -> CloseChoice:
    window.close()
    assert window.isVisible()
    assert window.choice is not None
    return window.choice


def test_that_the_dialog_parks_before_the_window_closes_and_the_next_one_offers_to_resume(
    window: MainWindow, next_window: Callable[[], MainWindow], path: Path, qtbot: QtBot
) -> None:
    page = open_in(window, path, qtbot)
    train(page, qtbot)
    window.session.active.enqueue([4, 5])
    ask_to_close(window).reject()
    assert window.session.active.running == 3
    choice = ask_to_close(window)
    assert "2 more runs wait" in choice.sentence.text()
    qtbot.mouseClick(choice.park, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=SECONDS_30)
    with Project.open(path) as project:
        assert [run.state for run in project.runs()[2:]] == ["parked", "queued", "queued"]

    second = next_window()
    again = open_in(second, path, qtbot)
    panel = second.interrupted
    qtbot.waitUntil(lambda: panel.runs.isVisible() and panel.queue.isVisible(), timeout=SECONDS_30)
    assert panel.runs.label.text().startswith("Run 3 is parked at step ")
    assert panel.queue.label.text() == "2 runs wait in the queue, and nothing trains."
    assert second.session.active.running == 0
    parked = again.story.step
    qtbot.mouseClick(panel.resume, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: second.session.active.running == 3, timeout=SECONDS_30)
    until_step(again, parked + 2, qtbot)
    assert not panel.isVisible()
    assert second.session.active.waiting == [4, 5]


def test_that_a_run_that_was_parked_for_want_of_room_goes_on_by_itself(
    window: MainWindow, path: Path, qtbot: QtBot
) -> None:
    page = open_in(window, path, qtbot)
    train(page, qtbot)
    press(page, "park", qtbot)
    qtbot.waitUntil(lambda: page.pill.text() == "parked", timeout=SECONDS_30)
    session = window.session
    qtbot.waitUntil(
        lambda: not session.active.running and (run := session.run(3)) is not None and run.state == "parked",
        timeout=SECONDS_30,
    )
    full: dict[str, Any] = {"reason": "The disk is full: 3.0 MB are missing.", "reason_kind": "disk-full"}
    window.session.run_event.emit(3, Finished(status="parked", result=full))
    assert "3.0 MB are missing" in window.messages.banner.label.text()
    assert window.session.active.held_back
    window.room.look()
    qtbot.waitUntil(lambda: window.session.active.running == 3, timeout=SECONDS_30)
    assert window.messages.banner.label.text() == "There is room on the disk again: run 3 goes on."


def test_that_a_run_that_a_terminal_has_started_is_followed_and_can_be_stopped(
    window: MainWindow, path: Path, qtbot: QtBot, request: pytest.FixtureRequest
) -> None:
    page = open_in(window, path, qtbot)
    command = [sys.executable, "-m", "tlstudio.worker", str(path / "runs" / "3")]
    project = window.session.project
    assert project is not None
    assert project.claim(3)
    worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    request.addfinalizer(worker.kill)
    qtbot.waitUntil(lambda: window.session.active.running == 3, timeout=SECONDS_30)
    until_step(page, 3, qtbot)
    press(page, "stop", qtbot)
    qtbot.waitUntil(lambda: page.pill.text() == "stopped", timeout=MINUTE)
    assert worker.wait(60) == 0
    assert drawn(page) == told(path / "runs" / "3")
