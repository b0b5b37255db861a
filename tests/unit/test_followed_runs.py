"""The row of a run that trains, and runs that other processes started."""

import threading

import pytest

from tlstudio import jobs, locks, mailbox, runs
from tlstudio.api.errors import UsageError
from tlstudio.api.events import (
    Acknowledged,
    Continued,
    Event,
    Failed,
    Finished,
    Held,
    JobStarted,
    RuntimeChosen,
    Waiting,
    to_json,
)
from tlstudio.project import Project, Run
from tlstudio.registry import Registry
from tlstudio.run_row import RunRow

PLAN = {"dataset": "shades", "backbone": "glyphnet", "method": "feature-extraction"}
CHOSEN = RuntimeChosen(
    device="CPU", precision="float32", memory_format="contiguous", workers=0, threads=1, reason="No other."
)


@pytest.fixture
def project(shades_project: Project) -> Project:
    return shades_project


def _say(run: Run, *events: Event) -> None:
    with (run.dir / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(to_json(event) + "\n" for event in events)


def _stopped(project: Project, registry: Registry) -> Run:
    run = runs.create_run(project, registry, **PLAN)
    return project.update_run(run.id, state="stopped")


def test_that_the_row_follows_what_the_worker_says(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    row, seen = RunRow(project, run.id), []
    project.claim(run.id)
    for event in (
        JobStarted(title="train", pid=4),
        Waiting(text="Waits for the GPU."),
        CHOSEN,
        Held(step=3),
        Continued(),
        Acknowledged(command="stop"),
        Finished(status="parked", result={"reason": "Asked.", "model": "x"}),
    ):
        row.record(event)
        now = project.run(run.id)
        seen.append((now.state, now.reason, now.pid))
    assert seen == [
        ("running", "", 4),
        ("running", "Waits for the GPU.", 4),
        ("running", "", 4),
        ("holding", "", 4),
        ("running", "", 4),
        ("stopping", "", 4),
        ("parked", "Asked.", 0),
    ]
    assert project.run(run.id).model == f"runs/{run.id}/model.safetensors"


def test_that_a_row_that_cannot_be_written_is_tried_again(
    project: Project, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    run = _stopped(project, registry)
    row = RunRow(project, run.id)
    project.close()
    row.record(Held(step=3))
    row.record(Waiting(text="Waits."))
    assert len(caplog.records) == 1, "a full disk is told once"
    with Project.open(project.path) as again:
        row._project = again
        row.update()
        assert (again.run(run.id).state, again.run(run.id).reason) == ("holding", "Waits.")


def test_that_a_run_at_work_elsewhere_is_followed_to_its_end(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    project.claim(run.id)
    lock = locks.FileLock(run.dir / "worker.lock")
    assert lock.acquire()
    _say(run, JobStarted(title="train", pid=1))
    job = jobs.attach(project, run.id)
    seen: list[tuple[Event, str]] = []

    def follow() -> None:
        seen.extend((event, project.run(run.id).state) for event in job)

    thread = threading.Thread(target=follow)
    thread.start()
    job.send("hold")
    _say(run, Acknowledged(command="hold"), Held(step=2))
    assert mailbox.Reader(run.dir).lines() == ['{"command": "hold"}']
    _say(run, Continued(), Finished(status="stopped", result={"metrics": {"val": {"accuracy": 0.5}}}))
    lock.release()
    project.update_run(run.id, pid=0)
    thread.join(20)
    assert [type(event) for event, _ in seen] == [Acknowledged, Held, Continued, Finished]
    assert seen[-1][1] == "stopped"
    assert project.run(run.id).metrics == {"val": {"accuracy": 0.5}}


def test_that_a_death_elsewhere_is_told(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    project.claim(run.id)
    project.update_run(run.id, pid=0)
    _say(run, JobStarted(title="train", pid=1))
    (last,) = jobs.attach(project, run.id)
    assert isinstance(last, Failed)
    assert "Resume it" in last.sentence
    assert project.run(run.id).state == "failed"


def test_that_leaving_ends_only_the_following(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    project.claim(run.id)
    job = jobs.attach(project, run.id)
    job.leave()
    assert list(job) == []
    assert project.run(run.id).state == "running"


def test_that_what_waits_in_the_queue_cannot_be_followed(project: Project, registry: Registry) -> None:
    run = runs.create_run(project, registry, **PLAN, queued=True)
    with pytest.raises(UsageError, match="has not begun"):
        jobs.attach(project, run.id)
