"""The table of runs: reserving, changing, and telling the truth after a crash."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tlstudio.api import events
from tlstudio.api.errors import ProjectError, UsageError
from tlstudio.project import Project, Run
from tlstudio.training.spec import RunSpec


def spec(run: int, project: str = "") -> RunSpec:
    return RunSpec(
        run=run, project=project, dataset="d", revision=1, data_fingerprint="f", backbone="glyphnet",
        weights="bundled", method="feature-extraction", options={"epochs": 3}, seed=4,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path):
    with Project.create(tmp_path / "p.tlproj") as made:
        yield made


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def reopened(project: Project, run: Run) -> Run:
    with Project.open(project.path) as again:
        return again.run(run.id)


def say(run: Run, *said: events.Event) -> None:
    (run.dir / "events.jsonl").write_text("".join(events.to_json(e) + "\n" for e in said), encoding="utf-8")


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


@pytest.mark.skipif(sys.platform != "linux", reason="the start of a process is known on Linux alone")
def test_that_a_number_given_to_a_younger_process_does_not_count_as_the_worker(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", started=time.time() - 86_400, pid=os.getpid())
    assert reopened(project, run).state == "failed"


def test_that_a_run_that_is_just_being_started_is_left_alone(project: Project) -> None:
    run = project.create_run(spec)
    project.update_run(run.id, state="running", started=time.time(), pid=0)
    assert reopened(project, run).state == "running"
