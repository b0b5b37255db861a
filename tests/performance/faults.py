"""Faults, injected one by one into the real program, and what the user saw of each.

    PYTHONPATH=. python tests/performance/faults.py [--only NAME]

As root it also fills a small disk and sets the clock back (``faketime``); elsewhere it says that it left that out.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from tests.end2end.runs_in_terminals import terminal, told, train_arguments, wait_for, worker_pid
from tests.performance.kill_and_resume import make_project
from tlstudio.api.events import Message, StepDone
from tlstudio.project import Project

WINDOW = """
import sys
from PySide6.QtWidgets import QApplication
from tlstudio.gui import app
from tlstudio.gui.session import Session
from tlstudio.settings import Settings
from tlstudio.project import Project
qt = QApplication([])
session = Session(Settings())
window = app.build_window(session)
window.show()
session.open_project(sys.argv[1])
session.start_run(int(sys.argv[2]))
qt.exec()
"""


class Bench:
    def __init__(self, template: Path, folder: Path) -> None:
        self._template, self._folder, self._count = template, folder, 0

    def project(self) -> Path:
        self._count += 1
        target = self._folder / f"fault-{self._count}" / "digits.tlproj"
        target.parent.mkdir()
        shutil.copytree(self._template, target)
        shutil.copytree(self._folder / "pictures", target.parent / "pictures")
        return target


def say(project: Path, *arguments: object) -> str:
    """What the program prints, or complains of, when it is asked something."""
    done = subprocess.run(
        [sys.executable, "-m", "tlstudio", str(arguments[0]), str(project), *map(str, arguments[1:])],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return f"[{done.returncode}] {' | '.join(lines[-3:])}"


def training(project: Path, *more: str, epochs: int = 400) -> "subprocess.Popen[str]":
    process = terminal(*train_arguments(project, epochs, "--beside", *more))
    wait_for(lambda: told(project, 1, StepDone), 120)
    return process


def last_words(process: "subprocess.Popen[str]") -> str:
    _, err = process.communicate(timeout=180)
    return f"[{process.returncode}] {err.strip().splitlines()[-1]}"


def worker_killed(bench: Bench) -> str:
    project = bench.project()
    process = training(project, epochs=40)
    time.sleep(1)
    os.kill(worker_pid(project, 1), signal.SIGKILL)
    return f"{last_words(process)} -> resume: {say(project, 'resume', 1)[:60]}"


def window_killed(bench: Bench) -> str:
    project = bench.project()
    subprocess.run([sys.executable, "-m", "tlstudio", "queue", str(project), "add",
                    *train_arguments(project, 300)[2:]], check=True, capture_output=True)  # fmt: skip
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    window = subprocess.Popen(
        [sys.executable, "-c", WINDOW, str(project), "1"], env=environment, stderr=subprocess.PIPE
    )
    wait_for(lambda: told(project, 1, StepDone), 120)
    window.kill()
    window.wait()
    before = told(project, 1, StepDone)[-1].step
    wait_for(lambda: told(project, 1, StepDone)[-1].step > before + 5)
    answer = f"the run trains on; {say(project, 'runs').split('|')[-1].strip()}"
    return f"{answer} -> stop from a terminal: {say(project, 'stop', 1)}"


def both_killed(bench: Bench) -> str:
    project = bench.project()
    process = training(project, epochs=40)
    time.sleep(1)
    pid = worker_pid(project, 1)
    process.kill()
    os.kill(pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not worker_pid(project, 1))
    with Project.open(project) as opened:
        reason = opened.run(1).reason
    return f"the next look: {reason} -> resume: {say(project, 'resume', 1)[:60]}"


def disk_full(bench: Bench) -> str:
    if os.geteuid() != 0:
        return "left out: needs root to mount a small disk"
    small = Path(tempfile.mkdtemp())
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=14m", "tmpfs", str(small)], check=True)
    try:
        source = bench.project()
        project = small / "digits.tlproj"
        shutil.copytree(source, project)
        shutil.copytree(source.parent / "pictures", small / "pictures")
        parked = last_words(terminal(*train_arguments(project, 30, "--beside")))
        subprocess.run(["mount", "-o", "remount,size=400m", str(small)], check=True)
        return f"{parked} -> with room, resume: {say(project, 'resume', 1)[:60]}"
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def out_of_memory(bench: Bench) -> str:
    """The address space of the worker is limited to what a batch of 4 needs, and it is asked for 64."""
    big = [
        "--backbone",
        "mobilenet_v2",
        "--weights",
        "none",
        "--precision",
        "float32",
        "--set",
        "stages=one",
        "--beside",
    ]
    project = bench.project()
    head = ["train", str(project), "--dataset", "digits", "--method", "fine-tuning", *big, "--set", "epochs=1"]
    process = terminal(*head, "--set", "batch_size=4")
    peak = 0
    while process.poll() is None:
        if pid := worker_pid(project, 1):
            status = Path(f"/proc/{pid}/status")
            lines = status.read_text().splitlines() if status.exists() else []
            peak = max([peak, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmPeak"))])
        time.sleep(0.05)
    limit = peak + 250_000_000
    starved = subprocess.run(
        [sys.executable, "-m", "tlstudio", *head, "--set", "batch_size=64"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    warnings = [event.text for event in told(project, 2, Message) if event.level == "warning"]
    return f"[{starved.returncode}] {warnings[0] if warnings else starved.stderr.strip().splitlines()[-1]}"


def divergence(bench: Bench) -> str:
    project = bench.project()
    more = ["--set", "stages=one", "--set", "clip_norm=0", "--set", "optimizer=sgd", "--set", "learning_rate=1"]
    process = terminal(*train_arguments(project, 3, "--beside", *more, "--set", "warmup=0"))
    process.communicate(timeout=180)
    warnings = [event.text for event in told(project, 1, Message) if event.level == "warning"]
    return f"[{process.returncode}] {' | '.join(warnings)}"


def files_deleted(bench: Bench) -> str:
    project = bench.project()
    process = training(project, epochs=20)
    for path in random.Random(0).sample(sorted((project.parent / "pictures").rglob("*.png")), 3):
        path.unlink()
    process.communicate(timeout=180)
    skipped = sorted({event.text for event in told(project, 1, Message) if "was skipped" in event.text})
    return f"[{process.returncode}] {len(skipped)} messages such as: {skipped[0]}" if skipped else "nothing was said"


def folder_deleted(bench: Bench) -> str:
    project = bench.project()
    process = training(project)
    shutil.rmtree(project.parent / "pictures")
    return last_words(process)


def read_only(bench: Bench) -> str:
    project = bench.project()
    if os.geteuid() != 0:
        project.chmod(0o555)
        return say(project, "runs")
    for path in (project, *project.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in project.parents:
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(parent.stat().st_mode | 0o005)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-m", "tlstudio", "runs", str(project)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TLSTUDIO_HOME": "/tmp/nobody-home", "HOME": "/tmp"},
    )
    return f"[{done.returncode}] {done.stderr.strip().splitlines()[-1]}"


def clock_set_back(bench: Bench) -> str:
    if not shutil.which("faketime"):
        return "left out: 'faketime' is not installed"
    project = bench.project()
    process = training(project)
    answers = []
    for shift in ("-3h", "+3h"):
        subprocess.run(["faketime", "-f", shift, sys.executable, "-m", "tlstudio", "project", "info", str(project)],
                       check=True, capture_output=True)  # fmt: skip
        with Project.open(project) as opened:
            answers.append(f"{shift}: {opened.run(1).state}")
    say(project, "stop", 1)
    process.wait(120)
    return ", ".join(answers)


def truncated(bench: Bench) -> str:
    """Every file of a project with a parked run, cut at several lengths, one at a time; then it is resumed."""
    original = bench.project()
    process = training(original, epochs=25)
    say(original, "park", 1)
    process.wait(120)
    whole = original.parent / "whole"
    shutil.copytree(original, whole)
    answers: dict[str, int] = {}
    bad: list[str] = []
    files = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
    files = [path for path in files if path.suffix not in (".lock", ".png") and "thumbnails" not in path.parts]
    for path in files:
        size = (whole / path).stat().st_size
        for length in sorted({0, 1, size // 2, max(0, size - 1)}):
            shutil.rmtree(original)
            shutil.copytree(whole, original)
            os.truncate(original / path, length)
            try:
                with Project.open(original) as opened:
                    seen = (len(opened.datasets()), [run.state for run in opened.runs()], bool(opened.notices))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                bad.append(f"{path} cut to {length}: {type(error).__name__}: {error}")
                continue
            key = f"{seen[0]} data set, run {seen[1]}{', a notice' if seen[2] else ''}"
            answers[key] = answers.get(key, 0) + 1
    shutil.rmtree(original)
    shutil.copytree(whole, original)
    return f"{len(files)} files: {answers}; could not be opened: {bad or 'none'}"


FAULTS: dict[str, Callable[[Bench], str]] = {
    "worker killed": worker_killed,
    "window killed": window_killed,
    "both killed": both_killed,
    "disk full": disk_full,
    "out of memory": out_of_memory,
    "divergence": divergence,
    "files deleted": files_deleted,
    "folder deleted": folder_deleted,
    "read-only project": read_only,
    "clock set back and forward": clock_set_back,
    "files cut short": truncated,
}


def main(only: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tlstudio-faults-"))
    folder.chmod(0o755)
    os.environ["TLSTUDIO_HOME"] = str(folder / "home")
    bench = Bench(make_project(folder, 160), folder)
    for name, fault in FAULTS.items():
        if only in ("", name):
            answer = fault(bench)
            print(textwrap.fill(f"{name}: {answer}", 150, subsequent_indent="    "), flush=True)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    main(parser.parse_args().only)
