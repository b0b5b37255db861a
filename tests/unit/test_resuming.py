"""Whether a run can be started or go on: each reason against it, and what becomes of its row."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlstudio import jobs, locks, mailbox, resuming, run_queue, runs
from tlstudio.api.errors import DataError, OptionsError, PluginError, TrainingError, UsageError
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
from tlstudio.control import Control
from tlstudio.project import Project, Run
from tlstudio.registry import Plugin, Registry
from tlstudio.run_row import RunRow
from tlstudio.worker import events_of

PLAN = {"dataset": "shades", "backbone": "glyphnet", "method": "feature-extraction"}
NO_CUDA = RuntimeChosen(
    device="CPU", precision="float32", memory_format="contiguous", workers=0, threads=1, reason="No other."
)


@pytest.fixture(scope="module")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 24 pictures, dark and light."""
    folder = tmp_path_factory.mktemp("shades") / "made"
    random = np.random.default_rng(0)
    for label, level in (("dark", 60), ("light", 190)):
        (folder / "data" / label).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(random.normal(level, 30, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "data" / label / f"{number}.png")
    Project.create(folder / "p.tlproj").close()
    arguments = {"project": str(folder / "p.tlproj"), "source": str(folder / "data"), "name": "shades"}
    *_, last = events_of("import-data", arguments, Control())
    assert isinstance(last, Finished)
    return folder.rename(folder.with_name("kept"))  # so that no copy of it finds these pictures by their old place


@pytest.fixture
def project(shades: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(shades, tmp_path / "here")
    with Project.open(tmp_path / "here" / "p.tlproj") as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    return Registry.discover()


def _say(run: Run, *events: Event) -> None:
    with (run.dir / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(to_json(event) + "\n" for event in events)


def _stopped(project: Project, registry: Registry) -> Run:
    run = runs.create_run(project, registry, **PLAN)
    return project.update_run(run.id, state="stopped")


def _change_spec(run: Run, **changes: Any) -> None:
    path = run.dir / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_that_a_run_that_was_stopped_can_go_on(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    resuming.check_resume(project, registry, run.id)


def test_that_a_finished_run_cannot_go_on(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    project.update_run(run.id, state="finished")
    with pytest.raises(UsageError, match="is finished; there is nothing left to train"):
        resuming.check_resume(project, registry, run.id)


def test_that_a_run_is_started_once(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    mailbox.post(run.dir, mailbox.encode("stop"))
    jobs.start_run(project, run.id, registry)
    assert mailbox.Reader(run.dir).lines() == [], "a command for an earlier worker is not for the next"
    assert project.run(run.id).state == "running"
    with pytest.raises(UsageError, match="being worked on already by process"):
        jobs.start_run(project, run.id, registry)
    with pytest.raises(UsageError, match="being worked on already by process"):
        resuming.check_resume(project, registry, run.id)


def test_that_a_plugin_of_another_version_is_refused_unless_one_insists(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    _change_spec(run, plugins={"tlstudio-builtins": "9.9"})
    with pytest.raises(TrainingError, match=r"version 9\.9 of the plugin .*; installed is 0\.1.*--insist"):
        resuming.check_resume(project, registry, run.id)
    resuming.check_resume(project, registry, run.id, insist=True)


def test_that_a_missing_plugin_is_named(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    version = registry.owner("methods", "fine-tuning").version
    _change_spec(run, plugins={"tlstudio-builtins": version, "tlstudio-kappa": "1.2"})
    with pytest.raises(PluginError, match=r"'tlstudio-kappa' 1\.2, which is not installed.*computed without it"):
        resuming.check_resume(project, registry, run.id)
    resuming.check_resume(project, registry, run.id, insist=True)
    _change_spec(run, method="centroid")
    with pytest.raises(PluginError, match=r"tlstudio plugins install tlstudio-kappa\.$"):
        resuming.check_resume(project, registry, run.id, insist=True)


def test_that_a_plugin_that_is_switched_off_is_not_called_missing(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    _change_spec(run, plugins={"tlstudio-kappa": "1.2"})
    registry.plugins.append(Plugin("tlstudio-kappa", "1.2", "kappa", "disabled"))
    with pytest.raises(PluginError, match="switched off. Switch it on: tlstudio plugins enable tlstudio-kappa"):
        resuming.check_resume(project, registry, run.id)


def test_that_pictures_that_differ_are_named(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    root = project.dataset("shades").root
    (root / "dark" / "3.png").unlink()
    (root / "light" / "4.png").write_bytes((root / "light" / "5.png").read_bytes())
    with pytest.raises(DataError, match=r"1 of 24 .* missing: dark/3\.png\. 1 of 24 .* changed .*light/4\.png"):
        resuming.check_resume(project, registry, run.id)
    resuming.check_resume(project, registry, run.id, insist=True)
    shutil.rmtree(root)
    for insist in (False, True):
        with pytest.raises(DataError, match="tlstudio data relocate"):
            resuming.check_resume(project, registry, run.id, insist=insist)


def test_that_other_data_under_the_same_name_are_refused(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    _change_spec(run, data_fingerprint="0" * 64)
    with pytest.raises(DataError, match="is not what it was"):
        resuming.check_resume(project, registry, run.id, insist=True)
    _change_spec(run, dataset="gone")
    with pytest.raises(DataError, match="no longer in the project"):
        resuming.check_resume(project, registry, run.id, insist=True)


def test_that_a_run_parked_for_want_of_room_is_told_from_others(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    result = {"reason": "The disk is full.", "reason_kind": "disk-full", "needed_bytes": 10**15}
    _say(run, JobStarted(title="train"), Finished(status="parked", result=result))
    parked = project.update_run(run.id, state="parked")
    assert resuming.waits_for_room(parked)
    assert not resuming.has_room(parked)
    _say(run, JobStarted(title="train"))
    assert not resuming.waits_for_room(parked), "somebody has resumed it"


def test_that_the_row_follows_what_the_worker_says(project: Project, registry: Registry) -> None:
    run = _stopped(project, registry)
    row, seen = RunRow(project, run.id), []
    project.claim(run.id)
    for event in (
        JobStarted(title="train", pid=4),
        Waiting(text="Waits for the GPU."),
        NO_CUDA,
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
