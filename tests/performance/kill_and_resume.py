"""Kills real training with SIGKILL again and again, and compares what comes of it with runs that were left alone.

Every method, with and without loader processes; at random moments, inside the writing of checkpoints and between
phases. A killed run that does not come to its end, a project that does not open, a model, a prediction, a score or a
loss that differs in a single bit: each is counted, and each is a failure.

    python tests/performance/kill_and_resume.py --kills 200
"""

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tlstudio import history, runs
from tlstudio.api.events import Finished, PhaseStarted, StepDone
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training import checkpoint_files
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of

DATASET, BACKBONE, PATIENCE_S = "digits", "glyphnet", 180.0


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """``seconds`` between checkpoints; 0: after every step; -1: as a user has it."""

    method: str
    options: dict[str, Any]
    workers: int = 0
    seconds: float = 0.0

    @property
    def title(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.method} ({options}), {self.workers} loaders, checkpoints {self.seconds:g} s"


SETTINGS = (
    Setting("feature-extraction", {"head": "logistic"}),
    Setting("feature-extraction", {"head": "linear", "epochs": 12}),
    Setting("feature-extraction", {"head": "mlp", "epochs": 12, "label_smoothing": 0.1}, seconds=0.3),
    Setting("fine-tuning", {"epochs": 3}),
    Setting("fine-tuning", {"epochs": 3}, workers=2),
    Setting("fine-tuning", {"epochs": 4}, workers=2, seconds=0.5),
    Setting("fine-tuning", {"epochs": 3, "head_start": "gradient", "head_epochs": 4, "ema": False}, seconds=0.2),
    Setting("fine-tuning", {"epochs": 3, "mixup": 0.2, "cutmix": 1.0, "accumulate": 2}, workers=2, seconds=0.1),
    Setting("fine-tuning", {"epochs": 3, "optimizer": "sgd", "batch_norm": "train", "patience": 1, "stages": "one"}),
    Setting("fine-tuning", {"epochs": 3, "bias_only": True}, seconds=-1),
)


@dataclasses.dataclass
class Outcome:
    """``steps``: of work that was done twice, for each kill. ``where``: what the run was doing when it was killed."""

    setting: str
    kills: int = 0
    steps: list[int] = dataclasses.field(default_factory=list)
    where: list[str] = dataclasses.field(default_factory=list)
    lost: list[str] = dataclasses.field(default_factory=list)
    corrupt: list[str] = dataclasses.field(default_factory=list)
    unequal: list[str] = dataclasses.field(default_factory=list)


def make_project(folder: Path, count: int) -> Path:
    """``count`` real handwritten digits, imported."""
    digits = load_digits()
    for number in range(count):
        place = folder / "pictures" / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(digits.images[number] * 255 / 16, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(place / f"{number:04d}.png")
    path = folder / "template.tlproj"
    Project.create(path).close()
    arguments = {"project": str(path), "source": str(folder / "pictures"), "name": DATASET}
    last = list(events_of("import-data", arguments, Control()))[-1]
    assert isinstance(last, Finished), last
    return path


def prepare(template: Path, target: Path, setting: Setting) -> Path:
    """A copy of the project, moved beside its pictures, with a run that nobody has started; the run's folder."""
    shutil.copytree(template, target)
    with Project.open(target) as project:
        run = runs.create_run(
            project,
            Registry.discover(),
            dataset=DATASET,
            backbone=BACKBONE,
            method=setting.method,
            options=setting.options,
            runtime=RuntimePreferences(workers=setting.workers, checkpoint_seconds=setting.seconds, beside=True),
        )
        return run.dir


def start(run_dir: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tlstudio.worker", str(run_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def left_alone(run_dir: Path) -> tuple[dict[str, Any], float]:
    """Its traces, and the seconds that it took."""
    started = time.monotonic()
    worker = start(run_dir)
    worker.wait(PATIENCE_S)
    ended = history.read(run_dir)[-1]
    assert isinstance(ended, Finished), ended
    return traces(run_dir), time.monotonic() - started


def traces(run_dir: Path) -> dict[str, Any]:
    """Everything that must be the same, bit for bit."""
    found: dict[str, Any] = {"facts": history.facts(history.read(run_dir))}
    for name in ("model.safetensors", "model.json", "results.json"):
        found[name] = hashlib.sha256((run_dir / name).read_bytes()).hexdigest()
    for path in sorted((run_dir / "predictions").glob("*.npz")):
        with np.load(path) as stored:
            for name in stored.files:
                array = stored[name]
                found[f"{path.name}:{name}"] = (str(array.dtype), array.shape, array.tobytes())
    return found


def kill_once(run_dir: Path, duration: float, rng: random.Random) -> tuple[str, int]:
    """Starts the run and kills it. What it was doing, and its last step that the history holds; ``ended``: too late."""
    how = rng.choice(("any moment", "any moment", "while writing a checkpoint", "between phases"))
    before = {entry.name for entry in _checkpoints(run_dir)}
    phases = _phases(run_dir)
    worker = start(run_dir)
    limit = time.monotonic() + rng.uniform(0.2, duration * 1.1)
    if how != "any moment":
        limit = time.monotonic() + PATIENCE_S
    skip = rng.randrange(12)
    while worker.poll() is None and time.monotonic() < limit:
        if how == "while writing a checkpoint":
            unfinished = [entry for entry in _checkpoints(run_dir) if entry.name.startswith(".")]
            names = {entry.name for entry in unfinished} - before
            if names:
                before |= names
                skip -= 1
                if skip < 0:
                    time.sleep(rng.uniform(0, 0.02))
                    break
        elif how == "between phases" and _phases(run_dir) > phases:
            time.sleep(rng.uniform(0, 0.03))
            break
        time.sleep(0.0005 if how != "any moment" else 0.01)
    ended = worker.poll() is not None
    if not ended:
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    steps = [event.step for event in history.read(run_dir) if isinstance(event, StepDone)]
    return ("ended" if ended else how), (steps[-1] if steps else 0)


def went_on_from(run_dir: Path) -> int:
    """The step that the newest whole checkpoint holds."""
    found, _ = checkpoint_files.newest(run_dir)
    return int(found.state["clock"]["step"]) if found else 0


def check_project(project_path: Path, pictures: int) -> str:
    """Empty where everything is there; otherwise what is wrong."""
    try:
        with Project.open(project_path) as project:
            run = project.runs()[0]
            if run.state not in ("failed", "parked", "finished", "queued"):
                return f"a killed run is called {run.state}"
            if project.dataset(DATASET).profile.items != pictures:
                return "pictures are missing"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        return f"{type(error).__name__}: {error}"
    connection = sqlite3.connect(project_path / "project.sqlite")
    answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    return "" if answer == "ok" else str(answer)


def trial(
    template: Path, folder: Path, setting: Setting, kills: int, expected: dict[str, Any], duration: float, seed: int
) -> Outcome:
    """One run, killed ``kills`` times and then left to finish."""
    rng, outcome = random.Random(seed), Outcome(setting.title)
    project_path = folder / f"killed-{seed}.tlproj"
    run_dir = prepare(template, project_path, setting)
    with Project.open(project_path) as project:
        pictures = project.dataset(DATASET).profile.items
    for _ in range(kills):
        how, step = kill_once(run_dir, duration, rng)
        if how == "ended":
            break
        outcome.kills += 1
        outcome.where.append(how)
        if problem := check_project(project_path, pictures):
            outcome.corrupt.append(problem)
        outcome.steps.append(step - went_on_from(run_dir))
    worker = start(run_dir)
    try:
        worker.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
    events = history.read(run_dir)
    if not events or not isinstance(events[-1], Finished):
        outcome.lost.append(f"{setting.title}: {events[-1] if events else 'no event'} in {run_dir}")
        return outcome
    found = traces(run_dir)
    differing = [name for name in expected if found.get(name) != expected[name]]
    if differing:
        outcome.unequal.append(f"{setting.title}: {', '.join(differing)} in {run_dir}")
    else:
        shutil.rmtree(project_path)
    return outcome


def main(
    kills: int, seed: int, each: int, parallel: int, settings: tuple[Setting, ...] = SETTINGS, pictures: int = 160
) -> dict[str, Any]:
    """Kills at least ``kills`` times, ``each`` times a run at most; the report."""
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tlstudio-kills-"))
    os.environ["TLSTUDIO_HOME"] = str(folder / "home")
    template = make_project(folder, pictures)
    expected: dict[Setting, tuple[dict[str, Any], float]] = {}
    for number, setting in enumerate(settings):
        run_dir = prepare(template, folder / f"alone-{number}.tlproj", setting)
        expected[setting] = left_alone(run_dir)
    outcomes: list[Outcome] = []
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        number = 0
        while sum(outcome.kills for outcome in outcomes) < kills:
            batch = []
            for setting in settings:
                number += 1
                traced, duration = expected[setting]
                batch.append(
                    pool.submit(trial, template, folder, setting, each, traced, duration, seed * 10_000 + number)
                )
            outcomes += [future.result() for future in batch]
            done = sum(outcome.kills for outcome in outcomes)
            print(f"{done} kills, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    report = _report(outcomes, time.monotonic() - started)
    if not any(report[name] for name in ("lost", "corrupt", "unequal")):
        shutil.rmtree(folder)
    return report


def _report(outcomes: list[Outcome], seconds: float) -> dict[str, Any]:
    where = [place for outcome in outcomes for place in outcome.where]
    repeated = [steps for outcome in outcomes for steps in outcome.steps]
    return {
        "runs": len(outcomes),
        "kills": sum(outcome.kills for outcome in outcomes),
        "where": {place: where.count(place) for place in sorted(set(where))},
        "lost": [line for outcome in outcomes for line in outcome.lost],
        "corrupt": [line for outcome in outcomes for line in outcome.corrupt],
        "unequal": [line for outcome in outcomes for line in outcome.unequal],
        "repeated_steps_median": statistics.median(repeated) if repeated else 0,
        "repeated_steps_max": max(repeated, default=0),
        "settings": sorted({outcome.setting for outcome in outcomes}),
        "seconds": round(seconds),
    }


def _checkpoints(run_dir: Path) -> list[Path]:
    try:
        return list((run_dir / "checkpoints").iterdir())
    except OSError:
        return []


def _phases(run_dir: Path) -> int:
    return sum(isinstance(event, PhaseStarted) for event in history.read(run_dir))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--each", type=int, default=6, help="kills of one run at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    print(json.dumps(main(options.kills, options.seed, options.each, options.parallel), indent=1))
