"""Whether a run can be started or go on: each reason against it."""

import json
import shutil
from typing import Any

import pytest

from tlstudio import jobs, mailbox, resuming, runs
from tlstudio.api.errors import DataError, PluginError, TrainingError, UsageError
from tlstudio.api.events import Event, Finished, JobStarted, to_json
from tlstudio.project import Project, Run
from tlstudio.registry import Plugin, Registry

PLAN = {"dataset": "shades", "backbone": "glyphnet", "method": "feature-extraction"}


@pytest.fixture
def project(shades_project: Project) -> Project:
    return shades_project


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
    with pytest.raises(PluginError, match=r"switched off.*tlstudio plugins enable tlstudio-kappa"):
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
    assert resuming.lacked_room(parked.dir)
    assert not resuming.has_room(parked)
    _say(run, JobStarted(title="train"))
    assert not resuming.lacked_room(parked.dir), "somebody has resumed it"
