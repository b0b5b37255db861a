"""Sweeps, and the order in which a queue is worked off."""

import json
from typing import Any

import pytest

from tlstudio import run_queue, runs
from tlstudio.api.errors import OptionsError, UsageError
from tlstudio.api.events import Failed, Finished
from tlstudio.project import Project, Run
from tlstudio.registry import Registry

PLAN = {"dataset": "shades", "backbone": "glyphnet", "method": "feature-extraction"}


@pytest.fixture
def project(shades_project: Project) -> Project:
    return shades_project


def _change_spec(run: Run, **changes: Any) -> None:
    path = run.dir / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_that_a_sweep_lines_up_every_combination_as_one_batch(project: Project, registry: Registry) -> None:
    options = run_queue.combinations({"patience": 3}, {"l2": [0.1, 1.0], "epochs": [5]})
    assert options == [{"patience": 3, "l2": 0.1, "epochs": 5}, {"patience": 3, "l2": 1.0, "epochs": 5}]
    made = run_queue.sweep(project, registry, options=options, seeds=[0, 1, 1], **PLAN)
    assert [(run.options["l2"], run.seed) for run in made] == [(0.1, 0), (0.1, 1), (1.0, 0), (1.0, 1)]
    assert [run.id for run in project.queue()] == [run.id for run in made]
    assert {run.batch for run in made} == {made[0].id}
    (single,) = run_queue.sweep(project, registry, options=[{}], seeds=[7], **PLAN)
    assert single.batch == 0


def test_that_a_sweep_with_one_wrong_value_lines_up_nothing(project: Project, registry: Registry) -> None:
    with pytest.raises(OptionsError, match="epochs"):
        run_queue.sweep(project, registry, options=[{"epochs": 5}, {"epochs": -5}], seeds=[0], **PLAN)
    assert project.runs() == []


def test_that_the_queue_is_worked_off_by_one(project: Project, registry: Registry) -> None:
    runs.create_run(project, registry, **PLAN, queued=True)
    with Project.open(project.path) as other:
        assert other.queue_lock.acquire()
        with pytest.raises(UsageError, match="works off the queue"):
            next(iter(run_queue.work_off(project, registry)))
    assert [run.state for run in project.runs()] == ["queued"]


def test_that_a_run_in_line_that_cannot_go_on_fails_and_the_next_one_comes(
    project: Project, registry: Registry
) -> None:
    first, second = (runs.create_run(project, registry, **PLAN, queued=True, engine="in-process") for _ in range(2))
    (first.dir / "checkpoints").mkdir()
    _change_spec(first, plugins={"tlstudio-builtins": "9.9"})
    ends = [(run_id, event) for run_id, event in run_queue.work_off(project, registry) if event.terminal]
    assert [(run_id, type(event)) for run_id, event in ends] == [(first.id, Failed), (second.id, Finished)]
    assert [run.state for run in project.runs()] == ["failed", "finished"]
    assert "--insist" in project.run(first.id).reason
