"""Pausing, parking, stopping and resuming from another terminal, and what a kill leaves."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end2end.runs_in_terminals import (
    read_json,
    signal_worker,
    terminal,
    told,
    train_arguments,
    wait_for,
    worker_pid,
)
from tlstudio import attaching, history, process
from tlstudio.api.events import Acknowledged, Continued, EpochDone, Finished, Held, JobStarted, Resumed, StepDone

Cli = Any  # the fixture's type; conftest is no module to import from


def _trains(project: Path, epochs: int = 2, run: int = 1) -> None:
    wait_for(lambda: len(told(project, run, EpochDone)) >= epochs)


def _learns(project: Path, steps: int = 3, run: int = 1) -> None:
    """Waits for steps of fine-tuning, which come after the epochs of the head."""
    wait_for(lambda: len(told(project, run, StepDone)) >= steps)


def _state(here: Cli, project: Path, run: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in here("runs", project, "--json").json["runs"] if r["run"] == run)
    return found


def test_that_a_run_is_held_continued_parked_and_resumed_from_other_terminals(
    project: Path, cli: Cli, here: Cli
) -> None:
    first = terminal(*train_arguments(project, 500, "--json"))
    _trains(project)
    held = cli("pause", project, 1, "--json").json
    assert held["status"] == "holding"
    assert _state(here, project)["status"] == "holding"
    steps = len(told(project, 1, EpochDone))
    time.sleep(1)
    assert len(told(project, 1, EpochDone)) == steps, "it holds"
    assert "holds already" in here("pause", project, 1).out
    assert cli("resume", project, 1, "--json").json["status"] == "running"
    wait_for(lambda: len(told(project, 1, EpochDone)) > steps)
    parked = cli("park", project, 1, "--json").json
    assert parked["status"] == "parked"
    assert parked["reason_kind"] == "asked"
    assert worker_pid(project, 1) == 0
    assert read_json(first, 3)["status"] == "parked"
    row = _state(here, project)
    assert row["status"] == "parked"
    assert "Resume" in row["reason"]
    second = terminal("resume", project, 1, "--json")
    wait_for(lambda: told(project, 1, Resumed))
    assert told(project, 1, Resumed)[-1].step == parked["step"]
    wait_for(lambda: told(project, 1, EpochDone)[-1].epoch > steps + 2)
    assert cli("stop", project, 1, "--json").json["status"] in ("stopping", "stopped")
    stopped = read_json(second, 3)
    assert stopped["status"] == "stopped"
    assert stopped["metrics"]["val"]["accuracy"] > 0.7
    assert [type(e) for e in history.read(project / "runs" / "1") if isinstance(e, Held | Continued)] == [
        Held,
        Continued,
    ]
    assert "nothing is at work" in here("park", project, 1, check=2).err


def test_that_a_parked_run_ends_as_one_that_was_never_interrupted(project: Path, cli: Cli, here: Cli) -> None:
    here(*train_arguments(project, 3, "--seed", "3", "--json"))
    second = terminal(*train_arguments(project, 3, "--seed", "3", "--json"))
    _learns(project, run=2)
    here("park", project, 2)
    second.communicate(timeout=60)
    ended = cli("resume", project, 2, "--json").json
    assert ended["status"] == "finished"
    one, two = ((project / "runs" / n / "model.safetensors").read_bytes() for n in "12")
    assert one == two
    facts = [history.facts(history.read(project / "runs" / n)) for n in "12"]
    assert [f for f in facts[0] if f[0] != "message"] == [f for f in facts[1] if f[0] != "message"]
    assert "finished" in here("resume", project, 2, check=2).err


def test_that_the_run_of_a_killed_terminal_goes_on_and_is_reached(project: Path, cli: Cli, here: Cli) -> None:
    first = terminal(*train_arguments(project))
    _trains(project, 1)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=20)
    seen = len(told(project, 1, EpochDone))
    wait_for(lambda: len(told(project, 1, EpochDone)) > seen + 1)
    row = _state(here, project)
    assert row["status"] == "running"
    assert here("pause", project, 1, "--json").json["status"] == "holding"
    assert _state(here, project)["status"] == "holding"
    assert here("resume", project, 1, "--json").json["status"] == "running"
    began = time.time()
    assert cli("stop", project, 1, "--wait", "--json").json["status"] == "stopped"
    heard = told(project, 1, Acknowledged)[-1]
    assert heard.command == "stop"
    assert heard.time - began < 5
    row = _state(here, project)
    assert row["status"] == "stopped"
    assert row["metrics"]["val"]["accuracy"] > 0.5
    assert told(project, 1, Finished)[-1].time == row["ended"]


def test_that_a_killed_worker_is_a_failed_run_that_can_be_resumed(project: Path, here: Cli) -> None:
    first = terminal(*train_arguments(project, 500, "--json"))
    _trains(project)
    signal_worker(project, 1, signal.SIGKILL)
    out, err = first.communicate(timeout=60)
    assert (first.returncode, out) == (1, "")
    assert "killed" in err
    row = _state(here, project)
    assert (row["status"], row["resumable"]) == ("failed", True)
    second = terminal("resume", project, 1, "--json")
    wait_for(lambda: len(told(project, 1, JobStarted)) > 0 and worker_pid(project, 1))
    _trains(project, 4)
    assert here("resume", project, 1, check=2).err.startswith("Run 1 is being worked on already")
    os.killpg(second.pid, signal.SIGINT)  # Ctrl+C
    assert read_json(second, 3)["status"] == "stopped"


def test_that_both_killed_is_found_at_the_next_look(project: Path, cli: Cli, here: Cli) -> None:
    first = terminal(*train_arguments(project))
    _trains(project)
    os.killpg(first.pid, signal.SIGKILL)
    signal_worker(project, 1, signal.SIGKILL)
    first.communicate(timeout=20)
    wait_for(lambda: not worker_pid(project, 1))
    row = cli("runs", project, "--json").json["runs"][0]
    assert row["status"] == "failed"
    assert "Resume it" in row["reason"]
    assert row["reason"] in here("runs", project).out


def test_that_the_systems_wish_to_end_parks(project: Path, here: Cli) -> None:
    first = terminal(*train_arguments(project, 500, "--json"))
    _trains(project)
    first.terminate()
    assert read_json(first, 3)["status"] == "parked"
    assert _state(here, project)["status"] == "parked"


def test_that_a_frozen_worker_is_killed_by_stop(project: Path, here: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert attaching.PATIENCE_S == process.PATIENCE_S == 10.0, "ten seconds of silence, then ten more"
    monkeypatch.setattr(attaching, "PATIENCE_S", 2.0)
    first = terminal(*train_arguments(project))
    _trains(project)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=20)
    signal_worker(project, 1, signal.SIGSTOP)
    began = time.monotonic()
    ended = here("stop", project, 1, "--wait", check=1)
    assert 4 <= time.monotonic() - began < 40, "patience, SIGTERM, and patience again"
    assert "Resume it" in ended.err
    assert _state(here, project)["status"] == "failed"


def test_that_resuming_says_what_has_changed_and_obeys_who_insists(
    project: Path, cli: Cli, here: Cli, digit_pictures: Path, tmp_path: Path
) -> None:
    import shutil

    own = tmp_path / "own"
    shutil.copytree(digit_pictures, own)
    here("data", "import", project, own, "--name", "own", "--json")
    arguments = [a if a != "digits" else "own" for a in train_arguments(project, 3, "--json")]
    first = terminal(*arguments)
    _learns(project)
    here("park", project, 1)
    first.communicate(timeout=30)
    victims = sorted((own / "3").glob("*.png"))[:2]
    victims[0].unlink()
    victims[1].write_bytes(sorted((own / "4").glob("*.png"))[0].read_bytes())
    refused = cli("resume", project, 1, check=1).err
    assert f"1 of 300 pictures is missing: 3/{victims[0].name}" in refused
    assert f"3/{victims[1].name}" in refused
    assert "--insist" in refused
    spec = project / "runs" / "1" / "spec.json"
    text = spec.read_text()
    spec.write_text(text.replace('"tlstudio-builtins": "', '"tlstudio-builtins": "9.'))
    refused = here("resume", project, 1, check=1).err
    assert "version 9.0.1.0" in refused
    ended = cli("resume", project, 1, "--insist", "--json")
    assert ended.json["status"] == "finished"


def test_that_wrong_commands_are_refused_with_a_sentence(project: Path, cli: Cli, here: Cli) -> None:
    here("train", project, "--dataset", "digits", "--backbone", "glyphnet", "--method", "fine-tuning", "--queue")
    assert "has not begun" in cli("pause", project, 1, check=2).err
    assert "no run 7" in here("park", project, 7, check=2).err
    assert here("stop", project, 1, "--json").json["status"] == "stopped"
    assert "stopped" in here("stop", project, 1, check=2).err
