"""The table of runs: reserving, changing, and telling the truth after a crash."""

import os
import threading
import time
from pathlib import Path

import pytest

from tests.unit.project_material import checkpoint, dead_pid, live, say, spec, worker
from tlstudio.api import events
from tlstudio.api.errors import ProjectError, UsageError
from tlstudio.project import Project, Run
from tlstudio.training.spec import RunSpec


@pytest.fixture
def project(tmp_path: Path):
    with Project.create(tmp_path / "p.tlproj") as made:
        yield made


def reopened(project: Project, run: Run) -> Run:
    with Project.open(project.path) as again:
        return again.run(run.id)


def test_that_a_new_run_is_queued_with_its_folder_and_specification(project: Project) -> None:
    run = project.create_run(spec)
    assert (run.id, run.state, run.options, run.seed) == (1, "queued", {"epochs": 3}, 4)
    assert run.dir == project.run_dir(1) == project.path / "runs" / "1"
    assert RunSpec.load(run.dir).backbone == "glyphnet"
    assert [r.id for r in project.runs()] == [1]


def test_that_ids_are_never_used_again_even_where_only_the_folder_is_left(project: Project) -> None:
    (project.path / "runs" / "7").mkdir()
    assert project.create_run(spec).id == 8


def test_that_a_specification_that_cannot_be_made_leaves_nothing(project: Project) -> None:
    def refuse(run_id: int) -> RunSpec:
        raise UsageError("No.")

    with pytest.raises(UsageError):
        project.create_run(refuse)
    assert project.runs() == []
    assert list((project.path / "runs").iterdir()) == []


def test_that_a_run_folder_that_cannot_be_made_gives_a_sentence(project: Project) -> None:
    (project.path / "runs").rmdir()
    (project.path / "runs").write_text("in the way")
    with pytest.raises(ProjectError, match="cannot be written"):
        project.create_run(spec)


def test_that_updates_are_kept_and_unknown_fields_refused(project: Project) -> None:
    run = project.create_run(spec)
    changed = project.update_run(run.id, state="finished", metrics={"val": {"accuracy": 0.5}}, pid=0)
    assert changed == project.run(run.id)
    assert changed.metrics["val"]["accuracy"] == 0.5
    with pytest.raises(ValueError, match="no field"):
        project.update_run(run.id, mood="good")
    with pytest.raises(ValueError, match="no state"):
        project.update_run(run.id, state="done")
    with pytest.raises(UsageError, match="There are: 1"):
        project.run(2)


def test_that_a_run_whose_worker_vanished_is_marked_failed(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", started=time.time(), pid=dead_pid())
    found = reopened(project, run)
    assert found.state == "failed"
    assert "ended without finishing" in found.reason


def test_that_a_run_that_finished_unseen_is_marked_finished_with_its_results(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", started=time.time(), pid=dead_pid())
    result = {"metrics": {"test": {"accuracy": 0.9}}, "seconds": {"total": 2.0}, "images_per_second": 8.0,
              "model": "runs/1/model.safetensors"}  # fmt: skip
    say(run, events.Message(text="line\u2028separator"), events.Finished(result=result))
    found = reopened(project, run)
    assert (found.state, found.model, found.images_per_second) == ("finished", result["model"], 8.0)
    assert found.metrics == result["metrics"]


@pytest.mark.parametrize(("exit_status", "state"), [(1, "failed"), (3, "stopped")])
def test_that_a_run_that_failed_unseen_keeps_its_sentence(project: Project, exit_status: int, state: str) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="stopping", started=time.time(), pid=dead_pid())
    say(run, events.Failed(sentence="Out of memory.", exit_status=exit_status))
    found = reopened(project, run)
    assert (found.state, found.reason) == (state, "Out of memory.")


def test_that_a_run_whose_worker_lives_is_left_alone(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", started=time.time(), pid=os.getpid())
    assert reopened(project, run).state == "running"


def test_that_a_number_given_to_another_process_does_not_count_as_the_worker(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", pid=os.getpid())
    with project.database.transaction() as connection:
        connection.execute("UPDATE runs SET process = 'another boot-17'")
    assert reopened(project, run).state == "failed"


@pytest.mark.parametrize("hours", [-30, 30])
def test_that_no_setting_of_the_clock_makes_a_living_run_look_dead_or_a_dead_one_alive(
    project: Project, hours: float
) -> None:
    living, dead = project.create_run(spec), project.create_run(spec)
    then = time.time() + hours * 3600
    project.update_run(living.id, state="running", started=then, pid=os.getpid())
    project.update_run(dead.id, state="running", started=then, pid=dead_pid())
    assert project.reconcile() == [dead.id]
    assert [run.state for run in project.runs()] == ["running", "failed"]


def test_that_a_killed_run_says_from_which_step_it_can_be_resumed(project: Project) -> None:
    run, other = project.create_run(spec), project.create_run(spec)
    for each in (run, other):
        project.update_run(each.id, state="running", pid=dead_pid())
    checkpoint(run, 80)
    checkpoint(run, 120)
    assert sorted(project.reconcile()) == [1, 2]
    assert project.run(1).reason.endswith("Resume it to go on from step 120.")
    assert project.run(2).reason.endswith("Resume it to begin again.")
    assert project.run(1).resumable
    assert project.reconcile() == []


def test_that_a_run_that_parked_unseen_is_parked_with_its_reason(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", pid=dead_pid())
    say(run, events.JobStarted(title="train"), events.Finished(status="parked", result={"reason": "Disk full."}))
    found = reopened(project, run)
    assert (found.state, found.reason) == ("parked", "Disk full.")


def test_that_what_an_earlier_worker_said_at_its_end_is_not_the_end_of_the_next(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", pid=dead_pid())
    say(run, events.Finished(status="parked", result={"reason": "Asked."}), events.JobStarted(title="train"))
    assert reopened(project, run).state == "failed"


def test_that_the_lock_of_the_worker_decides_and_not_the_row(project: Project) -> None:
    run = project.create_run(spec, queued=True)
    said: list[events.Event] = [events.JobStarted(title="train")]
    with worker(run) as process:
        for event, state in (
            (events.Message(text="x" * 3_000_000), "running"), (events.Held(step=5), "holding"),
            (events.Answered(command="evaluate", result={}), "holding"), (events.Continued(), "running"),
            (events.Acknowledged(command="hold"), "running"), (events.Acknowledged(command="stop"), "stopping"),
        ):  # fmt: skip
            said.append(event)
            say(run, *said)
            assert project.reconcile() == []
            assert (project.run(run.id).state, project.run(run.id).pid) == (state, process.pid)
        assert project.queue() == []
        assert not project.claim(run.id)
        with pytest.raises(UsageError, match="stopping"):
            project.enqueue(run.id)
    assert project.reconcile() == [run.id]
    assert project.run(run.id).state == "failed"


def test_that_a_run_that_was_given_up_too_early_is_running_again(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", pid=dead_pid())
    say(run, events.JobStarted(title="train"))
    assert project.reconcile() == [run.id]
    with worker(run):
        assert not project.claim(run.id)
        with pytest.raises(UsageError, match="trained by another process"):
            project.enqueue(run.id)
        project.reconcile()
        assert (project.run(run.id).state, project.run(run.id).reason) == ("running", "")


def test_that_a_worker_that_has_said_its_last_changes_nothing_more(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="failed", reason="Out of memory.")
    say(run, events.JobStarted(title="train"), events.Failed(sentence="Out of memory."))
    with worker(run):
        project.reconcile()
        assert project.run(run.id).state == "failed"


def test_that_a_history_that_became_shorter_is_read_again(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", pid=dead_pid())
    with worker(run):
        say(run, events.JobStarted(title="train"), *(events.Message(text="a") for _ in range(99)), events.Held(step=3))
        project.reconcile()
        assert project.run(run.id).state == "holding"
        say(run, events.JobStarted(title="train"), events.Resumed(step=2, epoch=0, text="On."))
        project.reconcile()
        assert project.run(run.id).state == "running"


def test_that_a_folder_without_a_row_is_adopted_with_all_that_it_tells(project: Project) -> None:
    live(project)
    before = project.runs()
    with project.database.transaction() as connection:
        connection.execute("DELETE FROM runs")
    with Project.open(project.path) as again:
        assert "5 runs (1, 2, 3, 4, 5) were not in the database" in again.notices[0]
        first, second, third, *rest = again.runs()
    assert (first.state, first.metrics, first.model) == ("finished", before[0].metrics, before[0].model)
    assert (first.options, first.seed, first.dataset) == (before[0].options, 4, "things")
    assert (second.state, second.reason, second.metrics) == ("parked", "Parked as asked.", {"val": {"accuracy": 0.75}})
    assert third.reason.endswith("Resume it to go on from step 40.")
    assert [(run.state, run.resumable) for run in rest] == [("stopped", True)] * 2


def test_that_a_run_at_work_is_adopted_as_running(project: Project) -> None:
    run = project.create_run(spec)
    with project.database.transaction() as connection:
        connection.execute("DELETE FROM runs")
    say(run, events.JobStarted(title="train"))
    with worker(run) as process:
        found = reopened(project, run)
        assert (found.state, found.pid) == ("running", process.pid)


def test_that_a_folder_that_cannot_be_adopted_is_named_once_and_left_alone(project: Project) -> None:
    (project.path / "runs" / "7").mkdir()
    (project.path / "runs" / "7" / "spec.json").write_text('{"run": 7')
    (project.path / "runs" / "8").mkdir()
    spec(3).save(project.path / "runs" / "8")
    (project.path / "runs" / "9").mkdir()
    (project.path / "runs" / "notes").mkdir()
    with Project.open(project.path) as again:
        assert [("7 is not in the database" in n, "8 is a copy of run 3" in n) for n in again.notices] == [
            (True, False), (False, True),
        ]  # fmt: skip
        assert again.runs() == []
    with Project.open(project.path) as again:
        assert again.notices == []
    assert (project.path / "runs" / "7" / "spec.json").read_text() == '{"run": 7'


def test_that_a_run_that_is_just_being_created_is_not_adopted_twice(project: Project) -> None:
    def slow(run_id: int):
        opening.start()
        time.sleep(0.3)
        return spec(run_id)

    notices: list[str] = []

    def open_it() -> None:
        with Project.open(project.path) as again:
            notices.extend(again.notices)

    opening = threading.Thread(target=open_it)
    project.create_run(slow)
    opening.join(60)
    assert notices == []
    assert [run.state for run in project.runs()] == ["queued"]
