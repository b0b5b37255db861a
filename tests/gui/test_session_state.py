"""The session: what it says, and work that goes on in its threads."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from tlstudio.api.errors import DataError, ProjectError
from tlstudio.api.events import Event, Failed, Finished, Message
from tlstudio.gui.run_thread import RunThread
from tlstudio.gui.session import Session
from tlstudio.runs import create_run


class Listener(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Event] = []

    @Slot(object)
    def hear(self, event: Event) -> None:
        self.seen.append(event)


def run(open_job: Any, qtbot: QtBot) -> list[Event]:
    listener = Listener()
    thread = RunThread(open_job)
    thread.event.connect(listener.hear)
    with qtbot.waitSignal(thread.finished, timeout=10_000):
        thread.start()
    assert thread.wait(10_000)
    qtbot.waitUntil(lambda: bool(listener.seen) and listener.seen[-1].terminal)
    return listener.seen


def test_that_a_thread_passes_on_every_event_in_order(qtbot: QtBot) -> None:
    def job() -> Any:
        for number in range(500):
            yield Message(text=str(number))
        yield Finished()

    seen = run(job, qtbot)
    assert [e.text for e in seen if isinstance(e, Message)] == [str(n) for n in range(500)]
    assert isinstance(seen[-1], Finished)


def test_that_a_job_that_raises_ends_with_a_sentence(qtbot: QtBot) -> None:
    def refused() -> Any:
        raise DataError("The folder is empty. Choose another.")

    def broken() -> Any:
        yield Message(text="so far")
        raise KeyError("x")

    (failed,) = run(refused, qtbot)
    assert isinstance(failed, Failed)
    assert failed.sentence == "The folder is empty. Choose another."
    failed = run(broken, qtbot)[-1]
    assert isinstance(failed, Failed)
    assert "unexpected" in failed.sentence
    assert "KeyError" in failed.traceback


def test_that_opening_a_project_reads_its_data_sets_and_chooses_one(
    session: Session, project_path: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignals([session.project_changed, session.datasets_changed, session.runs_changed]):
        session.open_project(project_path)
    assert session.project is not None
    assert [dataset.name for dataset in session.datasets] == ["shapes"]
    assert session.selected_dataset == "shapes"
    dataset = session.dataset()
    assert dataset is not None
    assert dataset.class_counts == {"blue": 12, "green": 12, "red": 12}
    assert session.settings.recent == [str(project_path)]


def test_that_a_folder_without_a_project_is_refused_and_the_open_one_stays(
    session: Session, project_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(session.runs_changed):
        session.open_project(project_path)
    with pytest.raises(ProjectError):
        session.open_project(tmp_path)
    assert session.project is not None
    assert session.project.path == project_path


def test_that_opening_in_the_background_says_what_is_wrong(session: Session, tmp_path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(session.message) as said:
        session.request_open(tmp_path / "nothing.tlproj")
    assert said.args is not None
    assert said.args[0] == "error"
    assert "nothing.tlproj" in said.args[1]


def test_that_plugins_are_found_in_the_background(session: Session, qtbot: QtBot) -> None:
    assert not session.registry_is_loaded
    with qtbot.waitSignal(session.registry_changed):
        session.load_registry()
    assert session.registry.backbones()


def test_that_a_job_that_fails_in_its_process_is_told_to_the_widget(
    session: Session, tmp_path: Path, qtbot: QtBot
) -> None:
    listener = Listener()
    arguments = {"project": str(tmp_path / "none.tlproj"), "source": str(tmp_path), "name": "x"}
    session.start_job("import-data", arguments, listener.hear)
    assert session.jobs_running == 1
    qtbot.waitUntil(lambda: bool(listener.seen) and listener.seen[-1].terminal, timeout=30_000)
    qtbot.waitUntil(lambda: session.jobs_running == 0)
    assert isinstance(listener.seen[-1], Failed)


def test_that_a_callback_of_a_widget_that_is_gone_is_dropped(session: Session, qtbot: QtBot) -> None:
    heard: list[int] = []

    class Widget(QObject):
        def take(self, value: int) -> None:
            heard.append(value)

    widget = Widget()
    session.background.submit(lambda: 1, widget.take)
    widget.deleteLater()
    qtbot.waitUntil(lambda: session.background.idle)
    kept = Widget()
    session.background.submit(lambda: 2, kept.take)
    qtbot.waitUntil(lambda: 2 in heard)
    assert heard in ([2], [1, 2])


@pytest.mark.slow
def test_that_a_run_trains_through_the_session_and_guards_its_project(
    session: Session, project_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    session.open_project(project_path)
    assert session.project is not None
    run_ = create_run(
        session.project,
        session.registry,
        dataset="shapes",
        backbone="glyphnet",
        method="feature-extraction",
        options={},
    )
    heard: list[Event] = []

    class Ear(QObject):
        @Slot(int, object)
        def hear(self, run_id: int, event: Event) -> None:
            assert run_id == run_.id
            heard.append(event)

    ear = Ear()
    session.run_event.connect(ear.hear)
    session.start_run(run_.id)
    qtbot.waitUntil(lambda: session.active.running == run_.id, timeout=10_000)
    with pytest.raises(ProjectError, match="still training"):
        session.create_project(tmp_path / "other.tlproj")
    qtbot.waitUntil(lambda: bool(heard) and heard[-1].terminal, timeout=120_000)
    assert isinstance(heard[-1], Finished), heard[-1]
    assert session.active.history.events(run_.id) == heard
    assert session.runtime is not None
    qtbot.waitUntil(lambda: session.active.running == 0)
    qtbot.waitUntil(lambda: [r.state for r in session.runs] == ["finished"])
