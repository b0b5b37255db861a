"""Runs that are trained by real processes, and what their folders tell."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tlstudio import history, locks
from tlstudio.api.events import Event

SLOW = ("--backbone", "glyphnet", "--method", "fine-tuning", "--set", "patience=0", "--set", "augmentation=none")
QUICK = ("--dataset", "digits", "--backbone", "glyphnet", "--method", "feature-extraction")


def train_arguments(project: Path, epochs: int = 500, *more: str) -> list[str]:
    return ["train", str(project), "--dataset", "digits", *SLOW, "--set", f"epochs={epochs}", *more]


def terminal(*arguments: object) -> "subprocess.Popen[str]":
    """``tlstudio`` in a session of its own, as in another terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "tlstudio", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def worker_pid(project: Path, run: int) -> int:
    """0 where none lives."""
    who = locks.holder(project / "runs" / str(run) / "worker.lock")
    return int(who.get("pid", 0)) if who else 0


def signal_worker(project: Path, run: int, number: int) -> None:
    """To the worker, and never to process 0, which would be this process with all of its group."""
    os.kill(wait_for(lambda: worker_pid(project, run)), number)


def told(project: Path, run: int, kind: type[Event]) -> list[Any]:
    return [event for event in history.read(project / "runs" / str(run)) if isinstance(event, kind)]


def wait_for(what: Callable[[], Any], seconds: float = 90) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
    return found


def read_json(process: "subprocess.Popen[str]", status: int) -> Any:
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, f"exit status {process.returncode}\n{out}\n{err}"
    return json.loads(out)


@contextlib.contextmanager
def nothing_left(project: Path) -> Iterator[None]:
    """Ends the workers that a test leaves behind."""
    try:
        yield
    finally:
        for folder in (project / "runs").iterdir():
            if folder.is_dir() and (pid := worker_pid(project, int(folder.name))):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                wait_for(lambda folder=folder: not worker_pid(project, int(folder.name)), 20)
