"""How long a training run takes to acknowledge a command, with all cores at work: by its standard input (the window
that started it) and by its mailbox (any other window or terminal); and how long a stop takes to its end.

    python tests/performance/command_latency.py [--commands 50] [--backbone mobilenet_v2]
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.performance.kill_and_resume import DATASET, make_project
from tlstudio import mailbox, runs
from tlstudio.api.events import Acknowledged, StepDone, from_json
from tlstudio.project import Project
from tlstudio.registry import Registry


def main(commands: int, backbone: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tlstudio-latency-"))
    os.environ["TLSTUDIO_HOME"] = str(folder / "home")
    template = make_project(folder, 160)
    with Project.open(template) as project:
        run_dir = runs.create_run(
            project,
            Registry.discover(),
            dataset=DATASET,
            backbone=backbone,
            weights_id="none",
            method="fine-tuning",
            options={"epochs": 1000, "patience": 0, "stages": "one"},
        ).dir
    worker = subprocess.Popen(
        [sys.executable, "-m", "tlstudio.worker", str(run_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    )
    assert worker.stdin
    assert worker.stdout
    for line in worker.stdout:
        if isinstance(from_json(line), StepDone):
            break

    def seconds(post: bool, command: str) -> float:
        assert worker.stdin
        assert worker.stdout
        sent = time.perf_counter()
        if post:
            mailbox.post(run_dir, mailbox.encode(command))
        else:
            worker.stdin.write(mailbox.encode(command) + "\n")
            worker.stdin.flush()
        for line in worker.stdout:
            if isinstance(from_json(line), Acknowledged):
                return time.perf_counter() - sent
        raise RuntimeError("the worker has ended")

    for title, post in (("standard input", False), ("mailbox", True)):
        found = []
        for _ in range(commands):
            time.sleep(random.uniform(0.01, 0.2))
            found.append(seconds(post, "continue"))  # changes nothing in a run that does not hold
        print(
            f"{title}: median {1000 * statistics.median(found):.1f} ms, "
            f"largest {1000 * max(found):.1f} ms of {commands}"
        )
    started = time.perf_counter()
    acknowledged = seconds(False, "stop")
    for _ in worker.stdout:
        pass
    worker.wait()
    print(f"stop: acknowledged after {1000 * acknowledged:.1f} ms, ended after {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=50)
    parser.add_argument("--backbone", default="mobilenet_v2")
    options = parser.parse_args()
    main(options.commands, options.backbone)
