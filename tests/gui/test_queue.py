"""The queue in the window: its order, its runs from the Train page, and what is offered after opening a project."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from tlstudio import locks, run_queue
from tlstudio.api.events import Finished, JobStarted, to_json
from tlstudio.gui import project_watch
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.run import RunPage
from tlstudio.gui.pages.runs import RunsPage
from tlstudio.gui.pages.runs_queue import QueueCard
from tlstudio.gui.pages.train import TrainPage
from tlstudio.gui.widgets.queue_list import QueueList
from tlstudio.project import Project
from tlstudio.registry import Registry


def line_up(path: Path, count: int) -> None:
    with Project.open(path) as project:
        run_queue.sweep(
            project, Registry.discover(), options=[{}], seeds=list(range(count)), dataset="shapes",
            backbone="glyphnet", method="feature-extraction",
        )  # fmt: skip


def order(window: MainWindow) -> list[int]:
    project = window.session.project
    assert project is not None
    return [run.id for run in project.queue()]


def in_a_terminal(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "tlstudio", *words], check=True, capture_output=True, timeout=120)


@pytest.fixture
def lined_up(window: MainWindow, project_path: Path, qtbot: QtBot) -> MainWindow:
    """The window on a project in which four runs wait."""
    line_up(project_path, 4)
    window.session.open_project(project_path)
    qtbot.waitUntil(lambda: window.session.active.waiting == [1, 2, 3, 4], timeout=10_000)
    return window


@pytest.fixture
def card(lined_up: MainWindow) -> QueueCard:
    lined_up.show_page("runs")
    page = lined_up.pages.page("runs")
    assert isinstance(page, RunsPage)
    return page.queue


def test_that_rows_move_by_keys_by_dragging_and_go_by_delete(qtbot: QtBot) -> None:
    listed = QueueList()
    qtbot.addWidget(listed)
    listed.show_rows([(7, "run 7", ""), (8, "run 8", ""), (9, "run 9", "")])
    listed.show()
    listed.setCurrentRow(0)
    with qtbot.waitSignal(listed.moved) as moved:
        qtbot.keyClick(listed, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert moved.args == [7, 2]
    assert listed.ids() == [8, 7, 9]
    assert listed.current_id == 7
    with qtbot.waitSignal(listed.moved) as moved:  # what the view does when a row is dropped at the end
        listed.model().moveRow(QModelIndex(), 0, QModelIndex(), 3)
    assert moved.args == [8, 3]
    assert listed.ids() == [7, 9, 8]
    with qtbot.waitSignal(listed.removed) as removed:
        qtbot.keyClick(listed, Qt.Key.Key_Delete)
    assert removed.args == [7]


def test_that_the_order_on_the_page_is_the_projects(card: QueueCard, lined_up: MainWindow, qtbot: QtBot) -> None:
    assert card.isVisible()
    assert card.note.text() == "4 runs · paused"
    assert lined_up.topbar.queue.text() == "4 waiting · paused"
    card.list.setCurrentRow(3)
    qtbot.mouseClick(card.up, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(card.up, Qt.MouseButton.LeftButton)
    assert card.list.ids() == [1, 4, 2, 3]
    qtbot.waitUntil(lambda: order(lined_up) == [1, 4, 2, 3])
    qtbot.mouseClick(card.remove, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: order(lined_up) == [1, 2, 3])
    qtbot.waitUntil(lambda: lined_up.session.runs[3].state == "stopped")
    assert "Run 4 was taken from the queue" in card.undo.label.text()
    card.undo.action.click()
    qtbot.waitUntil(lambda: order(lined_up) == [1, 4, 2, 3])
    assert card.list.ids() == [1, 4, 2, 3]
    assert lined_up.session.active.running == 0


def test_that_what_a_terminal_changes_is_seen_within_two_seconds(
    card: QueueCard, project_path: Path, qtbot: QtBot
) -> None:
    assert project_watch.INTERVAL_MS <= 1_000
    in_a_terminal("queue", str(project_path), "move", "4", "1")
    qtbot.waitUntil(lambda: card.list.ids() == [4, 1, 2, 3])
    in_a_terminal("queue", str(project_path), "remove", "2")
    qtbot.waitUntil(lambda: card.list.ids() == [4, 1, 3])


@pytest.mark.slow
def test_that_a_queue_that_nobody_works_on_is_offered_and_starts_when_asked(
    lined_up: MainWindow, project_path: Path, qtbot: QtBot
) -> None:
    panel, active = lined_up.interrupted, lined_up.session.active
    assert panel.queue.label.text() == "4 runs wait in the queue, and nothing trains."
    ended: list[int] = []
    lined_up.session.run_event.connect(lambda run, event: ended.append(run) if event.terminal else None)
    active.remove(4)
    active.remove(3)
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    assert not panel.isVisible()
    qtbot.waitUntil(lambda: active.running == 1, timeout=10_000)
    assert locks.holder(project_path / "queue.lock") is not None
    qtbot.waitUntil(lambda: ended == [1, 2], timeout=120_000)
    qtbot.waitUntil(lambda: [run.state for run in lined_up.session.runs[:2]] == ["finished"] * 2, timeout=10_000)
    qtbot.waitUntil(lambda: locks.holder(project_path / "queue.lock") is None, timeout=5_000)


def test_that_a_sweep_over_an_option_and_seeds_is_lined_up_without_leaving_the_page(
    opened: MainWindow, qtbot: QtBot
) -> None:
    opened.show_page("train")
    page = opened.pages.page("train")
    assert isinstance(page, TrainPage)
    qtbot.waitUntil(lambda: page.train.isEnabled(), timeout=10_000)
    page.methods.select("fine-tuning")
    sweep = page.sweep
    sweep.option.setCurrentIndex(sweep.option.findData("epochs"))
    assert "Write the values" in page.summary.text()
    qtbot.keyClicks(sweep.values_text, "3, 0")
    assert not page.train.isEnabled()
    assert "greater than or equal to 1" in sweep.problem
    qtbot.keyClick(sweep.values_text, Qt.Key.Key_Backspace)
    qtbot.keyClicks(sweep.values_text, "5")
    page.runtime.seed_text.selectAll()
    qtbot.keyClicks(page.runtime.seed_text, "0,1")
    assert page.train.text() == "Train 4 runs"
    assert "--sweep epochs=3,5 --seeds 0,1" in page.command_line
    qtbot.mouseClick(page.footer.enqueue, Qt.MouseButton.LeftButton)
    assert page.train.text() == "Preparing…"
    qtbot.waitUntil(lambda: opened.session.active.waiting == [1, 2, 3, 4], timeout=10_000)
    assert opened.pages.current_id == "train"
    assert "Runs 1, 2, 3 and 4 are lined up." in opened.messages.banner.label.text()
    made = [(run.options["epochs"], run.seed, run.batch) for run in opened.session.runs]
    assert made == [(3, 0, 1), (3, 1, 1), (5, 0, 1), (5, 1, 1)]
    qtbot.wait(1500)
    assert opened.session.active.running == 0


def test_that_an_option_without_a_meaning_is_not_swept(opened: MainWindow, qtbot: QtBot) -> None:
    opened.show_page("train")
    page = opened.pages.page("train")
    assert isinstance(page, TrainPage)
    qtbot.waitUntil(lambda: page.train.isEnabled(), timeout=10_000)
    page.methods.select("feature-extraction")
    page.sweep.option.setCurrentIndex(page.sweep.option.findData("epochs"))
    qtbot.keyClicks(page.sweep.values_text, "3, 5")
    assert "no meaning" in page.sweep.problem
    page.form.set_values({"head": "linear"})
    page.form.changed.emit()
    assert page.sweep.problem == ""
    assert [entry["epochs"] for entry in page.sweep.choices({})] == [3, 5]


def test_that_a_second_window_is_refused_and_told_who_has_the_project(opened: MainWindow, project_path: Path) -> None:
    code = (
        "import sys\nfrom tlstudio.api.errors import ProjectError\nfrom tlstudio.gui.session import Session\n"
        "from tlstudio.settings import Settings\nsession = Session(Settings())\n"
        "try:\n    session.open_project(sys.argv[1])\n"
        "except ProjectError as error:\n    sys.stdout.write(str(error))\n"
        "session.shutdown()\n"
    )
    second = [sys.executable, "-c", code, str(project_path)]
    said = subprocess.run(second, check=True, capture_output=True, text=True, timeout=120).stdout
    assert f"is open in another window by process {os.getpid()}" in said
    opened.session.leave_project()
    opened.session.open_project(project_path)  # as soon as it is let go of
    assert opened.session.project is not None


def test_that_a_repair_is_told_when_the_project_is_opened(window: MainWindow, project_path: Path, qtbot: QtBot) -> None:
    (project_path / "project.sqlite").write_bytes(b"no database at all")
    window.session.open_project(project_path)
    assert window.messages.isVisible()
    assert "damaged" in window.messages.banner.label.text()


def test_that_an_interrupted_run_is_offered_once_and_stays_away_when_it_was_put_away(
    window: MainWindow, project_path: Path, qtbot: QtBot
) -> None:
    line_up(project_path, 2)
    with Project.open(project_path) as project:
        for run_id, last in ((1, []), (2, [Finished(status="parked", result={"reason": "Parked as asked."})])):
            lines = [to_json(event) for event in (JobStarted(title="train"), *last)]
            (project.run_dir(run_id) / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (project.run_dir(run_id) / "checkpoints" / "step-00001234.1").mkdir(parents=True)
            assert project.claim(run_id)
        project.update_run(1, pid=0, state="failed", reason="The worker ended without finishing.", ended=5.0)
        project.update_run(2, pid=0, state="parked", reason="Parked as asked.", ended=6.0)
    session, panel = window.session, window.interrupted
    session.open_project(project_path)
    qtbot.waitUntil(lambda: panel.runs.isVisible(), timeout=10_000)
    assert panel.runs.label.text().startswith("Runs 1 and 2 were interrupted.")
    session.select_run(1)
    window.show_page("run")
    page = window.pages.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page.happened.isVisible(), timeout=10_000)
    assert page.pill.text() == "failed"
    assert page.controls.buttons["resume"].isVisible()
    assert page.command_line.startswith("tlstudio resume ")
    qtbot.mouseClick(panel.dismiss, Qt.MouseButton.LeftButton)
    assert not panel.isVisible()
    qtbot.waitUntil(lambda: (project_path / "cache" / "window.json").exists())
    session.leave_project()
    session.open_project(project_path)
    qtbot.waitUntil(lambda: len(session.runs) == 2 and session.background.idle, timeout=10_000)
    assert not panel.isVisible()


@pytest.mark.slow
def test_that_a_run_whose_data_have_changed_says_what_differs_and_goes_on_only_when_asked_again(
    window: MainWindow, project_path: Path, pictures: Path, qtbot: QtBot
) -> None:
    line_up(project_path, 1)
    with Project.open(project_path) as project:
        project.dequeue(1)
    session = window.session
    session.open_project(project_path)
    qtbot.waitUntil(lambda: len(session.runs) == 1, timeout=10_000)
    session.select_run(1)
    window.show_page("run")
    page = window.pages.page("run")
    assert isinstance(page, RunPage)
    moved = (pictures / "blue" / "blue_03.png").rename(pictures / "away.png")
    try:
        qtbot.mouseClick(page.controls.buttons["resume"], Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: page.happened.isVisible() and "missing" in page.happened.banner.label.text())
        assert "blue_03.png" in page.happened.banner.label.text()
        assert "--insist" not in page.happened.banner.label.text()
        assert page.pill.text() == "stopped"
        assert page.happened.banner.action.text() == "Resume all the same"
        page.happened.banner.action.click()
        qtbot.waitUntil(lambda: session.active.running == 1, timeout=10_000)
        qtbot.waitUntil(lambda: page.pill.text() == "finished", timeout=60_000)
    finally:
        moved.rename(pictures / "blue" / "blue_03.png")
