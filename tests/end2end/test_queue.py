"""The queue from the command line: lined up, reordered, worked off, also without a terminal."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end2end.runs_in_terminals import (
    QUICK,
    nothing_left,
    read_json,
    terminal,
    told,
    train_arguments,
    wait_for,
    worker_pid,
)
from tlstudio import locks
from tlstudio.api.events import EpochDone, JobStarted, Resumed, StepDone, Waiting

Cli = Any  # the fixture's type; conftest is no module to import from


def _line(here: Cli, project: Path) -> list[int]:
    return [entry["run"] for entry in here("queue", project, "--json").json["queue"]]


def _states(here: Cli, project: Path) -> dict[int, str]:
    return {entry["run"]: entry["status"] for entry in here("runs", project, "--json").json["runs"]}


def test_that_a_sweep_is_lined_up_reordered_and_worked_off_though_a_run_fails(
    project: Path, cli: Cli, here: Cli
) -> None:
    added = cli("queue", project, "add", *QUICK, "--sweep", "l2=0.1,1.0", "--seeds", "0,1", "--json").json
    assert [(r["options"]["l2"], r["seed"]) for r in added["runs"]] == [(0.1, 0), (0.1, 1), (1.0, 0), (1.0, 1)]
    assert added["batch"] == 1
    assert _line(here, project) == [1, 2, 3, 4]
    cli("queue", project, "move", 4, 1)
    taken = cli("queue", project, "remove", 2, "--json").json
    assert taken == {"run": 2, "status": "stopped", "reason": "Taken from the queue before it began."}
    assert _line(here, project) == [4, 1, 3]
    here("queue", project, "remove", 3)
    here("queue", project, "add", *QUICK, "--device", "cuda:7")
    here("queue", project, "move", 5, 1)
    assert "Nobody works it off" in here("queue", project).out
    done = cli("queue", project, "run", "--json", check=1).json
    assert [(entry["run"], entry["status"]) for entry in done["runs"]] == [
        (5, "failed"),
        (4, "finished"),
        (1, "finished"),
    ]
    assert "cuda" in done["runs"][0]["reason"].lower()
    assert _line(here, project) == []
    assert _states(here, project) == {1: "finished", 2: "stopped", 3: "stopped", 4: "finished", 5: "failed"}


def test_that_wrong_values_line_up_nothing(project: Path, cli: Cli, here: Cli) -> None:
    refused = cli("queue", project, "add", *QUICK, "--sweep", "l2=0.1,many", check=2)
    assert "l2" in refused.err
    assert "--sweep depth is not understood" in here(
        "queue", project, "add", *QUICK, "--sweep", "depth", check=2
    ).err.replace("'", "")
    assert "--backbone, --method is missing" in here("queue", project, "add", "--dataset", "digits", check=2).err
    assert _line(here, project) == []
    assert _states(here, project) == {}


def test_that_ctrl_c_parks_and_keeps_the_place_in_the_line(project: Path, here: Cli) -> None:
    for seed in ("0", "1"):
        here(*train_arguments(project, 500, "--queue", "--seed", seed))
    worker = terminal("queue", project, "run", "--json")
    wait_for(lambda: len(told(project, 1, EpochDone)) > 1)
    assert "worked off by" not in here("queue", project).out
    assert here("queue", project, "--json").json["worked_off_by"] == worker.pid
    assert "already" in here("queue", project, "run", check=2).err
    os.killpg(worker.pid, signal.SIGINT)
    assert [entry["status"] for entry in read_json(worker, 3)["runs"]] == ["parked"]
    assert _line(here, project) == [1, 2]
    again = terminal("queue", project, "run")
    wait_for(lambda: worker_pid(project, 1))
    wait_for(lambda: _states(here, project)[1] == "running")
    here("queue", project, "remove", 2)
    here("stop", project, 1)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert _states(here, project) == {1: "stopped", 2: "stopped"}


def test_that_a_killed_queue_leaves_the_run_at_work_and_the_line_to_one_in_the_background(
    project: Path, cli: Cli, here: Cli
) -> None:
    here(*train_arguments(project, 500, "--queue"))
    here("queue", project, "add", *QUICK)
    worker = terminal("queue", project, "run")
    wait_for(lambda: len(told(project, 1, EpochDone)) > 0)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.communicate(timeout=20)
    assert _states(here, project) == {1: "running", 2: "queued"}
    lock = project / "queue.lock"
    wait_for(lambda: locks.holder(lock) is None)
    begun = cli("queue", project, "run", "--background", "--json").json
    wait_for(lambda: locks.holder(lock))
    time.sleep(1)
    assert _states(here, project) == {1: "running", 2: "queued"}, "it follows the run that is at work"
    here("stop", project, 1)
    wait_for(lambda: _states(here, project) == {1: "stopped", 2: "finished"})
    wait_for(lambda: locks.holder(lock) is None)
    said = Path(begun["log"]).read_text()
    assert "Run 1 " in said
    assert "Run 2 finished." in said


def test_that_two_runs_share_a_device_only_when_asked(project: Path, cli: Cli, here: Cli) -> None:
    first = terminal(*train_arguments(project, 500))
    wait_for(lambda: len(told(project, 1, EpochDone)) > 0)
    second = terminal("train", project, *QUICK, "--json")
    wait_for(lambda: told(project, 2, Waiting))
    row = next(r for r in here("runs", project, "--json").json["runs"] if r["run"] == 2)
    assert row["status"] == "running"
    assert "run 1 of digits.tlproj is training on it" in row["reason"]
    here("pause", project, 1)  # it keeps the device, and leaves the processor to the others
    beside = cli("train", project, *QUICK, "--beside", "--json").json
    assert beside["status"] == "finished"
    assert told(project, 3, JobStarted)
    assert not told(project, 2, EpochDone)
    here("stop", project, 1)
    assert read_json(second, 0)["status"] == "finished"
    first.communicate(timeout=30)
    assert next(r for r in here("runs", project, "--json").json["runs"] if r["run"] == 2)["reason"] == ""


def test_that_an_interrupted_run_takes_its_turn_again(project: Path, cli: Cli, here: Cli) -> None:
    first = terminal(*train_arguments(project, 3))
    wait_for(lambda: len(told(project, 1, StepDone)) > 1)
    here("park", project, 1)
    first.communicate(timeout=30)
    assert here("queue", project, "add", "--run", 1, "--json").json["runs"][0]["place"] == 1
    assert cli("queue", project, "run", "--json").json["runs"][0]["status"] == "finished"
    assert "finished" in here("queue", project, "add", "--run", 1, check=2).err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 48 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = sys.platform == "linux" and shutil.which("mount")
    if (
        not mounted
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=False).returncode
    ):
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def test_that_a_full_disk_parks_the_run_and_room_lets_the_queue_go_on(
    small_disk: Path, imported_digits: Path, here: Cli
) -> None:
    project = Path(shutil.copytree(imported_digits, small_disk / "digits.tlproj"))
    with nothing_left(project):
        first = terminal(*train_arguments(project, 500, "--json"))
        wait_for(lambda: len(told(project, 1, EpochDone)) > 1)
        ballast = _fill(small_disk)
        out, err = first.communicate(timeout=120)
        assert first.returncode == 1, err
        assert "full" in err
        parked = json.loads(out)
        assert (parked["status"], parked["reason_kind"]) == ("parked", "disk-full")
        ballast.unlink()
        assert _states(here, project) == {1: "parked"}
        here("queue", project, "add", "--run", 1)
        worker = terminal("queue", project, "run")
        wait_for(lambda: worker_pid(project, 1) and told(project, 1, Resumed))
        began = len(told(project, 1, EpochDone))
        wait_for(lambda: len(told(project, 1, EpochDone)) > began + 1)
        ballast = _fill(small_disk)
        wait_for(lambda: not worker_pid(project, 1))
        time.sleep(2)
        assert worker_pid(project, 1) == 0
        ballast.unlink()
        wait_for(lambda: worker_pid(project, 1))
        parked_at = len(told(project, 1, EpochDone))
        wait_for(lambda: len(told(project, 1, EpochDone)) > parked_at)
        assert _states(here, project) == {1: "running"}
        here("stop", project, 1)
        _, err = worker.communicate(timeout=60)
        sys.stderr.write(err)
        assert "goes on when there is room" in err
        assert _states(here, project) == {1: "stopped"}
