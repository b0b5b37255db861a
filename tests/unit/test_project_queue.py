"""The queue: who is in line, who may begin, and that nobody begins twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.project_material import REPOSITORY, checkpoint, spec
from tlstudio.api.errors import UsageError
from tlstudio.project import Project


@pytest.fixture
def project(tmp_path: Path):
    with Project.create(tmp_path / "p.tlproj") as made:
        yield made


def line(project: Project) -> list[int]:
    return [run.id for run in project.queue()]


def test_that_runs_wait_in_the_order_in_which_they_came_and_can_be_moved(project: Project) -> None:
    project.create_run(spec)
    for _ in range(4):
        project.create_run(spec, queued=True, batch=2)
    assert line(project) == [2, 3, 4, 5]
    assert {run.batch for run in project.queue()} == {2}
    project.move(5, 1)
    assert line(project) == [5, 2, 3, 4]
    project.move(5, 3)
    assert line(project) == [2, 3, 5, 4]
    project.move(2, 99)
    assert line(project) == [3, 5, 4, 2]
    project.enqueue(1)
    project.enqueue(3)
    assert line(project) == [5, 4, 2, 1, 3]
    with Project.open(project.path) as again:
        assert line(again) == [5, 4, 2, 1, 3]


def test_that_only_what_waits_or_was_interrupted_can_be_queued(project: Project) -> None:
    run = project.create_run(spec)
    for state in ("parked", "stopped", "failed"):
        project.update_run(run.id, state=state, reason="For a reason.")
        found = project.enqueue(run.id)
        assert (found.state, found.reason, line(project)) == ("queued", "", [run.id])
    project.update_run(run.id, state="running", position=0, pid=os.getpid())
    with pytest.raises(UsageError, match="is running"):
        project.enqueue(run.id)
    with pytest.raises(UsageError, match="is running and not in the queue"):
        project.move(run.id, 1)
    with pytest.raises(UsageError, match="is running and not in the queue"):
        project.dequeue(run.id)
    project.update_run(run.id, state="finished")
    with pytest.raises(UsageError, match="is finished"):
        project.enqueue(run.id)
    with pytest.raises(UsageError, match="There is no run 9"):
        project.move(9, 1)


def test_that_a_run_taken_from_the_queue_is_stopped_where_it_never_began_and_parked_where_it_did(
    project: Project,
) -> None:
    fresh, begun = project.create_run(spec, queued=True), project.create_run(spec, queued=True)
    checkpoint(begun, 60)
    found = project.dequeue(fresh.id)
    assert (found.state, found.reason) == ("stopped", "Taken from the queue before it began.")
    found = project.dequeue(begun.id)
    assert (found.state, found.reason) == ("parked", "Taken from the queue. Resume it to go on from step 60.")
    assert line(project) == []


def test_that_a_claimed_run_is_running_in_this_process_and_cannot_be_claimed_again(project: Project) -> None:
    run = project.create_run(spec, queued=True)
    assert project.claim(run.id)
    found = project.run(run.id)
    assert (found.state, found.pid, found.position, found.ended, found.reason) == ("running", os.getpid(), 0, None, "")
    assert found.started is not None
    assert not project.claim(run.id)
    assert project.claim_next() is None
    assert project.reconcile() == []
    for state in ("parked", "stopped", "failed"):
        project.update_run(run.id, state=state, pid=0, reason="x")
        assert project.claim(run.id)
    project.update_run(run.id, state="finished", pid=0)
    assert not project.claim(run.id)


def test_that_processes_that_work_off_the_queue_together_begin_every_run_once(project: Project) -> None:
    for _ in range(40):
        project.create_run(spec, queued=True)
    code = (
        "from tlstudio.project import Project\n"
        f"with Project.open({str(project.path)!r}) as project:\n"
        "    print('ready', flush=True); input()\n"
        "    while (run := project.claim_next()) is not None: print(run.id, flush=True)\n"
        "    input()\n"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    claimed = [int(word) for worker in workers for word in _told(worker).split()]
    assert sorted(claimed) == list(range(1, 41))
    assert project.queue() == []


def _told(worker: "subprocess.Popen[str]") -> str:
    told, _ = worker.communicate("go\ngo\n", timeout=60)
    assert worker.returncode == 0
    return told
