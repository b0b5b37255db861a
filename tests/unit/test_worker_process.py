"""A worker that is asked to end: heard while it speaks, ended when it falls silent."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import pytest

from tlstudio import process as room
from tlstudio.api.events import Acknowledged, Event, Failed, Finished, JobStarted, Progress
from tlstudio.process import WorkerProcess

_SPEAKS = """
import sys, time, threading
from tlstudio.api.events import Acknowledged, Finished, JobStarted, Progress, to_json
def say(event): print(to_json(event), flush=True)
say(JobStarted(title="script"))
if "told" in sys.argv: say(Acknowledged(command="park"))
else: say(Progress(done=0, total=0, unit=sys.stdin.readline().strip()))
for number in range(int(sys.argv[1])):
    time.sleep(0.1)
    say(Progress(done=number, total=0, unit="words"))
if "dies" in sys.argv: sys.exit(5)
if "hangs" in sys.argv: time.sleep(60)
say(Finished())
"""


class _Script(WorkerProcess):
    """Starts a script that speaks for so many tenths of a second, whatever it is told."""

    def _start(self, arguments: Any, errors: IO[bytes]) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", _SPEAKS, *arguments]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env={**os.environ}, bufsize=0
        )


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PATIENCE_S", 0.6)


def _stopped_at_once(process: WorkerProcess, *arguments: str) -> list[Event]:
    events = []
    for event in process.run(list(arguments)):
        events.append(event)
        if isinstance(event, JobStarted):
            process.send("stop")
    return events


def test_that_a_worker_that_still_speaks_is_not_ended_however_long_it_takes() -> None:
    events = _stopped_at_once(_Script(), "20")
    assert isinstance(events[-1], Finished), "2 s of words are longer than the patience with silence"


def test_that_a_worker_that_falls_silent_is_ended() -> None:
    started = time.monotonic()
    events = _stopped_at_once(_Script(), "3", "hangs")
    assert isinstance(events[-1], Failed)
    assert "SIGTERM" in events[-1].sentence
    assert 0.6 < time.monotonic() - started < 10


def test_that_a_stop_from_elsewhere_is_enforced_as_well() -> None:
    events = list(_Script().run(["1", "told", "hangs"]))
    assert isinstance(events[1], Acknowledged)
    assert isinstance(events[-1], Failed)


def test_that_a_frozen_worker_is_killed() -> None:
    process = _Script()
    events = []
    for event in process.run(["1", "hangs"]):
        events.append(event)
        if isinstance(event, JobStarted):
            os.kill(process.pid, signal.SIGSTOP)  # it cannot obey SIGTERM any more
            process.send("stop")
    assert isinstance(events[-1], Failed)
    assert "killed" in events[-1].sentence


def test_that_a_death_without_a_word_is_a_sentence() -> None:
    process = _Script()
    process.send("hold")
    events = list(process.run(["1", "dies"]))
    assert isinstance(events[-1], Failed)
    assert "exit status 5" in events[-1].sentence


def test_that_commands_from_before_the_start_are_not_lost() -> None:
    process = _Script()
    process.send("hold")
    heard = [event for event in process.run(["1"]) if isinstance(event, Progress)]
    assert heard[0].unit == '{"command": "hold"}'


def test_that_who_leaves_lets_the_worker_go_on() -> None:
    process = _Script(outlives=True)
    for event in process.run(["5", "told"]):
        assert not event.terminal
        process.leave()
    assert process._process is not None
    assert process._process.poll() is None
    assert process._process.wait(20) == 0
    for thread in threading.enumerate():
        if thread.name == "worker-events":
            thread.join(10)


def test_that_the_real_worker_speaks_through_this_pipe(tmp_path: Path) -> None:
    arguments = {"model": str(tmp_path / "none.onnx"), "files": [], "top": 1}
    events = list(WorkerProcess().run(["--job", "predict"], first_line=json.dumps(arguments)))
    assert isinstance(events[0], JobStarted)
    assert isinstance(events[-1], Failed)
    assert "none.onnx" in events[-1].sentence
