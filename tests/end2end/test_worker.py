"""What happens to the worker happens to the run alone."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tlstudio import jobs, runs
from tlstudio.api.events import Acknowledged, EpochDone, Event, Failed, Finished, JobStarted, StepDone, from_json
from tlstudio.project import Project
from tlstudio.registry import Registry

Cli = Any  # the fixture's type; conftest is no module to import from
LONG = {"epochs": 500, "patience": 0, "augmentation": "none"}


@pytest.fixture
def long_run(digits_project: Path) -> Any:
    with Project.open(digits_project) as project:
        registry = Registry.discover()
        run = runs.create_run(
            project, registry, dataset="digits", backbone="glyphnet", method="fine-tuning", options=LONG
        )
        yield project, run, jobs.start_run(project, run.id, registry)


@pytest.mark.parametrize("stop_after", [2, 15])  # while the head is being solved, and while everything learns
def test_that_stopping_is_acknowledged_at_once_and_leaves_a_usable_best_model(
    long_run: Any, here: Cli, stop_after: int
) -> None:
    project, run, job = long_run
    asked = acknowledged = 0.0
    events: list[Event] = []
    for event in job:
        events.append(event)
        if isinstance(event, EpochDone) and event.epoch > stop_after and not asked:
            asked = time.time()
            job.send("stop")
        if isinstance(event, Acknowledged):
            acknowledged = event.time
    assert isinstance(events[-1], Finished)
    assert events[-1].status == "stopped"
    assert acknowledged - asked < 1.0, "a loaded machine is granted ten times the 0.1 s"
    assert project.run(run.id).state == "stopped"
    assert here("evaluate", project.path, run.id, "--split", "val", "--json").json["metrics"]["accuracy"] > 0.7
    logged = [from_json(line) for line in (run.dir / "events.jsonl").read_text().splitlines()]
    left_out = StepDone | Acknowledged  # an acknowledgement comes whenever it comes
    assert [type(e) for e in logged if not isinstance(e, left_out)] == [
        type(e) for e in events if not isinstance(e, left_out)
    ]


def test_that_a_killed_worker_ends_as_a_failed_run_with_a_sentence(long_run: Any) -> None:
    project, run, job = long_run
    last: Event | None = None
    pid = 0
    for event in job:
        if isinstance(event, JobStarted):
            pid = event.pid
        if isinstance(event, StepDone) and pid:
            os.kill(pid, signal.SIGKILL)
            pid = 0
        last = event
    assert isinstance(last, Failed)
    assert "killed" in last.sentence
    failed = project.run(run.id)
    assert failed.state == "failed"
    assert "memory" in failed.reason


def test_that_an_error_in_the_worker_is_a_sentence_with_its_traceback_in_the_log(digits_project: Path) -> None:
    with Project.open(digits_project) as project:
        registry = Registry.discover()
        run = runs.create_run(
            project,
            registry,
            dataset="digits",
            backbone="glyphnet",
            method="fine-tuning",
            options={
                "learning_rate": 9.0,
                "backbone_rate": 10.0,
                "optimizer": "sgd",
                "clip_norm": 0.0,
                "stages": "one",
            },
        )
        events = list(jobs.start_run(project, run.id, registry))
    assert isinstance(events[-1], Failed)
    assert "diverged" in events[-1].sentence
    assert "TrainingError" in (run.dir / "log.txt").read_text()
