"""Self-training: rounds, the user's veto, and that a run goes on exactly where it was interrupted."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tlstudio import pseudo_labels, runs
from tlstudio.api import ProjectError, UsageError
from tlstudio.api.events import Event, Failed, Finished, PhaseStarted
from tlstudio.cli import run_command_line
from tlstudio.control import Control
from tlstudio.project import Project, Run
from tlstudio.pseudo_labels import Accepted, Round
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of

RUNTIME = RuntimePreferences(device="cpu", precision="float32", workers=0, beside=True)
QUICK = {"train": "head", "rounds": 2, "threshold": 0.5, "review": True}


def made(project: Project, registry: Registry, options: dict[str, Any], **given: Any) -> Run:
    return runs.create_run(
        project, registry, dataset="shades", backbone="glyphnet", method="self-training", options=options,
        runtime=RUNTIME, **given,
    )  # fmt: skip


def trained(run: Run, registry: Registry) -> Finished:
    return ended(events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()))


def ended(events: Iterable[Event]) -> Finished:
    *_, last = events
    assert not isinstance(last, Failed), last.sentence + last.traceback
    assert isinstance(last, Finished)
    return last


@pytest.mark.parametrize(
    "options",
    [
        {"train": "head", "rounds": 2, "threshold": 0.4, "cap": 0.2},
        {"train": "all", "rounds": 1, "threshold": 0.4, "epochs": 1, "batch_size": 8},
    ],
)
def test_that_it_goes_on_exactly_where_it_was_interrupted(registry: Registry, options: dict[str, Any]) -> None:
    check_method(registry.method("self-training"), options=options, interruptions=2)


def test_that_a_run_waits_for_its_user_and_never_takes_again_what_was_struck_out(
    shades_project: Project, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(shades_project, registry, QUICK, labels_per_class=3)
    events = list(events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()))
    phases = [(event.name, event.count) for event in events if isinstance(event, PhaseStarted)]
    assert phases == [("head", 7), ("select-1", 7), ("review-1", 7)]
    parked = ended(events)
    assert (parked.status, parked.result["reason_kind"]) == ("parked", "review")
    assert "Round 1 is to be looked at" in parked.result["reason"]
    first = pseudo_labels.waiting(run.dir)
    assert first is not None
    wrong = first.accepted[0].item
    command = ["pseudo-labels", str(shades_project.path), str(run.id)]
    assert run_command_line(command) == 0
    assert "--veto ITEM,... (or none)" in capsys.readouterr().out
    assert run_command_line([*command, "--veto", "999999"]) == 2
    assert "none of those that were accepted in round 1" in capsys.readouterr().err
    assert run_command_line([*command, "--veto", str(wrong)]) == 0
    assert f"tlstudio resume {shades_project.path} {run.id}" in capsys.readouterr().out
    with pytest.raises(UsageError, match="No round of this run waits"):
        pseudo_labels.veto(run.dir, [])
    assert trained(run, registry).status == "parked"  # it went on, and has come to the second round
    second = pseudo_labels.waiting(run.dir)
    assert second is not None
    assert second.number == 2
    assert wrong not in {one.item for one in second.accepted}
    assert {one.item for one in second.accepted}.isdisjoint(one.item for one in first.accepted)
    pseudo_labels.veto(run.dir, [])
    assert trained(run, registry).status == "finished"
    assert run_command_line([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["waiting"], [one["vetoed"] for one in told["rounds"]]) == (0, [[wrong], []])

    straight = made(shades_project, registry, QUICK, labels_per_class=3)  # looked at beforehand: it never waits
    (straight.dir / "pseudo_labels").mkdir()
    for number in (1, 2):
        shutil.copy(run.dir / "pseudo_labels" / f"veto-{number}.json", straight.dir / "pseudo_labels")
    assert trained(straight, registry).status == "finished"
    one, other = (each.dir / "model.safetensors" for each in (run, straight))
    assert one.read_bytes() == other.read_bytes()


def test_that_what_is_tested_on_is_never_labelled(shades_project: Project, registry: Registry, tmp_path: Path) -> None:
    manifest = shades_project.manifest("shades")
    out = tmp_path / "pool"
    out.mkdir()
    for split in manifest.splits.values():  # the pool holds copies of everything
        for number, path in enumerate(split.paths):
            shutil.copy(path, out / f"{split.hashes[number][:8]}.png")
    pool = {"project": str(shades_project.path), "source": str(out), "name": "pool", "format": "unlabelled"}
    ended(events_of("import-data", pool, Control()))
    run = made(shades_project, registry, {"train": "head", "rounds": 1, "threshold": 0.5}, unlabelled="pool")
    assert trained(run, registry).status == "finished"
    (found,) = pseudo_labels.rounds(run.dir)
    samples = pseudo_labels.samples_of(shades_project, run.id, [one.item for one in found.accepted])
    assert len(samples) == len(found.accepted) > 0
    held_out = {*manifest.splits["val"].hashes, *manifest.splits["test"].hashes}
    assert held_out.isdisjoint(item.sha256 for _, item in samples.values())
    assert pseudo_labels.waiting(run.dir) is None


def test_that_rounds_are_read_as_they_were_written_and_damage_is_said(tmp_path: Path) -> None:
    accepted = (Accepted(7, "b", 0.96), Accepted(3, "b", 0.99), Accepted(5, "a", 0.97))
    whole = Round(1, ("a", "b", "c"), accepted, asks=True)
    pseudo_labels.write_round(tmp_path, whole)
    assert pseudo_labels.rounds(tmp_path) == [whole]
    assert {name: [one.item for one in them] for name, them in whole.by_class().items()} == {
        "a": [5], "b": [3, 7], "c": []
    }  # fmt: skip
    with pytest.raises(UsageError, match="round 1 waits now"):
        pseudo_labels.veto(tmp_path, [7], number=2)
    assert pseudo_labels.veto(tmp_path, [7]).vetoed == frozenset({7})
    assert pseudo_labels.vetoed_or_park(tmp_path, 1) == frozenset({7})
    for damage in ("{", "[]", '{"classes": ["a"], "asks": true, "accepted": [{"item": 1, "class": "z"}]}'):
        (tmp_path / "pseudo_labels" / "round-1.json").write_text(damage, encoding="utf-8")
        with pytest.raises(ProjectError, match="cannot be read"):
            pseudo_labels.rounds(tmp_path)
