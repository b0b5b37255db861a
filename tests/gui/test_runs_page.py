"""The list of runs and the page of one run, on runs that were really trained."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.api.events import Acknowledged, EpochDone, Failed, Finished, PhaseStarted, StepDone, to_json
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.results import ResultsPage
from tlstudio.gui.pages.run import RunPage
from tlstudio.gui.pages.run_log import RunLog
from tlstudio.gui.pages.run_story import Entry, RunStory
from tlstudio.gui.pages.runs import RunsPage
from tlstudio.gui.pages.runs_differences import differences
from tlstudio.project import Project


@pytest.fixture
def trained(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> MainWindow:
    """The window on a project with two finished runs."""
    with qtbot.waitSignal(window.session.runs_changed, timeout=10_000):
        window.session.open_project(real_runs.copied_to(tmp_path))
    qtbot.waitUntil(lambda: len(window.session.runs) == 2)
    return window


def page(window: MainWindow, name: str) -> object:
    window.show_page(name)
    return window.pages.page(name)


@pytest.fixture
def runs_page(trained: MainWindow, qtbot: QtBot) -> Iterator[RunsPage]:
    made = page(trained, "runs")
    assert isinstance(made, RunsPage)
    qtbot.waitUntil(lambda: len(made.overlay.chips) == 1, timeout=10_000)
    return made


def test_that_a_project_without_runs_says_what_to_do(opened: MainWindow, qtbot: QtBot) -> None:
    made = page(opened, "runs")
    assert isinstance(made, RunsPage)
    assert made.empty.isVisible()
    assert not made.body.isVisible()
    assert made.empty.button is not None
    with qtbot.waitSignal(opened.session.page_requested) as asked:
        made.empty.button.click()
    assert asked.args == ["train"]


def test_that_runs_are_listed_with_their_figures_and_can_be_sorted(runs_page: RunsPage) -> None:
    model = runs_page.table.model()
    titles = [str(model.headerData(c, runs_page.table.horizontalHeader().orientation())).strip() for c in range(10)]
    assert titles[:3] == ["Run", "State", "Method"]
    first = [str(model.index(0, column).data()) for column in range(model.columnCount())]
    assert first[0] == "2"
    assert first[1] == "finished"
    assert first[2] == "Feature extraction"
    assert first[5].endswith(" %")
    assert " – " in first[7]
    runs_page.table.sortByColumn(0, runs_page.table.horizontalHeader().sortIndicatorOrder().AscendingOrder)
    assert model.index(0, 0).data() == "1"


def test_that_several_runs_are_compared_by_curves_and_settings(runs_page: RunsPage, qtbot: QtBot) -> None:
    runs_page.table.select({1, 2})
    qtbot.waitUntil(lambda: len(runs_page.overlay.chips) == 2, timeout=10_000)
    assert all(line.y.size > 0 for line in runs_page.overlay.chart.lines.values())
    rows = dict(differences(runs_page.session.registry, runs_page.table.selected()))
    assert rows["Seed"] == ["3", "0"]
    assert rows["Head"] == ["linear", "logistic"]
    assert "Backbone" not in rows
    assert runs_page.differences.rowCount() == len(rows)
    assert runs_page.command_line.startswith("tlstudio compare ")
    assert runs_page.command_line.endswith(" 2 1")
    assert not runs_page.open_run.isEnabled()


def test_that_a_run_opens_with_its_whole_history(runs_page: RunsPage, trained: MainWindow, qtbot: QtBot) -> None:
    runs_page.table.opened.emit(2)
    made = trained.pages.page("run")
    assert isinstance(made, RunPage)
    qtbot.waitUntil(lambda: made.story.ended is not None, timeout=10_000)
    assert made.header.title.text().startswith("Feature extraction · ")
    assert made.header.subtitle.text().startswith("run 2 · digits · seed 3")
    assert made.pill.text() == "finished"
    assert len(made.plot.curves.train) > 0
    assert "finished" in made.log.toPlainText()
    qtbot.waitUntil(lambda: made.controls.buttons["results"].isVisible())
    assert not made.controls.buttons["stop"].isVisible()
    made.controls.buttons["results"].click()
    assert trained.pages.current_id == "results"
    shown = trained.pages.page("results")
    assert isinstance(shown, ResultsPage)
    assert shown.runs.run_id == 2


def test_that_a_failed_run_shows_its_sentence_and_its_log_and_traceback_are_one_click_away(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    path = real_runs.copied_to(tmp_path)
    with Project.open(path) as project:
        folder = project.run_dir(2)
        shutil.rmtree(folder / "predictions")
        lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()[:-1]
        failed = Failed(sentence="The disk is full. Free some space.", kind="OSError", traceback="Traceback: here")
        (folder / "events.jsonl").write_text("\n".join([*lines, to_json(failed)]) + "\n", encoding="utf-8")
        (folder / "log.txt").write_text("the worker's log", encoding="utf-8")
        project.update_run(2, state="failed", reason=failed.sentence, metrics={}, model="")
    window.session.open_project(path)
    qtbot.waitUntil(lambda: len(window.session.runs) == 2)
    window.session.select_run(2)
    made = page(window, "run")
    assert isinstance(made, RunPage)
    happened = made.happened
    qtbot.waitUntil(lambda: happened.isVisible() and happened.show_trace.isEnabled(), timeout=10_000)
    assert happened.banner.label.text() == "The disk is full. Free some space."
    assert made.pill.text() == "failed"
    assert made.controls.buttons["resume"].isVisible()
    happened.show_trace.click()
    assert happened.details.toPlainText() == "Traceback: here"
    happened.show_log.click()
    qtbot.waitUntil(lambda: happened.details.toPlainText() == "the worker's log")


def test_that_events_of_the_open_run_are_followed_live(trained: MainWindow, qtbot: QtBot) -> None:
    trained.session.select_run(1)
    made = page(trained, "run")
    assert isinstance(made, RunPage)
    qtbot.waitUntil(lambda: made.story.ended is not None, timeout=10_000)
    before = len(made.plot.curves.train)
    trained.session.run_event.emit(
        1, StepDone(step=1, epoch=99.5, loss=0.5, lr=0.1, images_per_second=31.0, eta=72.0, memory_bytes=2**31)
    )
    trained.session.run_event.emit(2, StepDone(step=1, epoch=99.6, loss=0.5, lr=0.1, images_per_second=1.0))
    assert len(made.plot.curves.train) == before + 1
    qtbot.waitUntil(lambda: made.progress.speed.text() == "31 samples/s")
    assert made.progress.memory.text() == "2.0 GiB"


def test_that_nothing_jumps_when_numbers_arrive(trained: MainWindow, qtbot: QtBot) -> None:
    made = page(trained, "run")
    assert isinstance(made, RunPage)
    strip = made.progress
    story = RunStory()
    widths = []
    for event in (
        PhaseStarted(index=0, count=1, name="a", title="all layers", epochs=200, steps_per_epoch=9),
        StepDone(step=1, epoch=0.1, loss=1.0, lr=0.1, images_per_second=3.0, eta=5.0, memory_bytes=2**28),
        EpochDone(epoch=117, step=9, metrics={"val_accuracy": 0.5}, best=True),
        StepDone(step=9, epoch=1.0, loss=1.0, lr=0.1, images_per_second=12_345.0, eta=3599.0, memory_bytes=2**37),
    ):
        story.add(event)
        strip.show_story(story)
        widths.append([label.width() for label in (strip.epoch, strip.eta, strip.speed, strip.memory)])
    assert all(row == widths[0] for row in widths)
    assert strip.epoch.text() == "epoch 117 of 200"
    for label in (strip.epoch, strip.eta, strip.speed, strip.memory):
        assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width()


def test_that_the_story_tells_what_happens_in_sentences() -> None:
    story = RunStory()
    story.add(PhaseStarted(index=0, count=2, name="head", title="head only", epochs=5, steps_per_epoch=3))
    for epoch, value in ((1, 0.5), (2, 0.5), (3, 0.75)):
        story.add(EpochDone(epoch=epoch, step=epoch, metrics={"val_accuracy": value}, best=True))
    story.add(Acknowledged(command="stop"))
    assert story.state == "stopping"
    story.add(Finished(status="stopped"))
    assert [entry.text for entry in story.entries] == [
        "phase 1 of 2: head only, 5 epochs",
        "best so far: validation accuracy 50.0 %, epoch 1",
        "best so far: validation accuracy 75.0 %, epoch 3",
        "stop acknowledged; the best model so far is kept",
        "stopped as asked",
    ]
    assert story.state == ""
    assert isinstance(story.ended, Finished)


def test_that_the_log_stays_at_its_end_when_it_gets_less_room_but_not_against_the_user(qtbot: QtBot) -> None:
    log, entries = RunLog(), [Entry(0.0, f"line {number}") for number in range(60)]
    qtbot.addWidget(log)
    log.resize(300, 400)
    log.show()
    log.follow(entries)
    bar = log.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    log.resize(300, 120)
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    entries.append(Entry(0.0, "one more"))
    log.refresh()
    assert bar.value() == 0
