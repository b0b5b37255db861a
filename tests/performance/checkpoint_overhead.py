"""What checkpoints and the history cost: a run as a user has it against the same run without either, in turn.

Also the direct account: seconds inside the writing of checkpoints and of events, over the seconds of the run.

    python tests/performance/checkpoint_overhead.py PICTURES_IN_CLASS_FOLDERS [--backbone mobilenet_v2] [--rounds 2]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import tlstudio.worker as worker
from tlstudio import runs
from tlstudio.api.events import Checkpointed, Event, Finished
from tlstudio.control import Control
from tlstudio.event_log import EventLog
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences

NEVER = 1e9


def main(pictures: Path, backbone: str, epochs: int, rounds: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tlstudio-overhead-"))
    os.environ["TLSTUDIO_HOME"] = str(folder / "home")
    path = folder / "overhead.tlproj"
    Project.create(path).close()
    arguments = {"project": str(path), "source": str(pictures), "name": "pictures"}
    last = list(worker.events_of("import-data", arguments, Control()))[-1]
    assert isinstance(last, Finished), last

    def new_run(seconds: float) -> Path:
        with Project.open(path) as project:
            return runs.create_run(
                project,
                Registry.discover(),
                dataset="pictures",
                backbone=backbone,
                weights_id="none",
                method="fine-tuning",
                options={"epochs": epochs, "patience": 0, "stages": "one"},
                runtime=RuntimePreferences(checkpoint_seconds=seconds),
            ).dir

    _train(worker.events_of("train", {"run_dir": str(new_run(NEVER))}, Control()))  # measures the machine once
    ratios, shares = [], []
    for number in range(rounds):
        with_all, checkpoints, log = _with_account(new_run(-1))
        without = _train(worker.events_of("train", {"run_dir": str(new_run(NEVER))}, Control()))[0]
        ratios.append(with_all / without)
        shares.append((sum(checkpoints) + log) / with_all)
        print(
            f"round {number + 1}: with {with_all:.1f} s, without {without:.1f} s, ratio {ratios[-1]:.4f}; "
            f"{len(checkpoints)} checkpoints {sum(checkpoints):.3f} s, events {log:.3f} s: {shares[-1]:.2%} of the run"
        )
    print(f"median: ratio {statistics.median(ratios):.4f}, accounted {statistics.median(shares):.2%} (goal 1 %)")


def _train(events: Iterator[Event]) -> tuple[float, list[float]]:
    """Seconds of training and validation as the run counts them, and of each checkpoint."""
    started, checkpoints = time.perf_counter(), []
    for event in events:
        if isinstance(event, Checkpointed):
            checkpoints.append(event.seconds)
        last = event
    assert isinstance(last, Finished), last
    return time.perf_counter() - started, checkpoints


def _with_account(run_dir: Path) -> tuple[float, list[float], float]:
    spent, write = 0.0, EventLog.write

    def timed(self: EventLog, event: Event) -> None:
        nonlocal spent
        started = time.perf_counter()
        write(self, event)
        spent += time.perf_counter() - started

    EventLog.write = timed  # type: ignore[method-assign]
    try:
        seconds, checkpoints = _train(worker.run_events(run_dir, Control()))
    finally:
        EventLog.write = write  # type: ignore[method-assign]
    return seconds, checkpoints, spent


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    main(options.pictures, options.backbone, options.epochs, options.rounds)
