"""The doctor on 100,000 small pictures: seconds of each stage, peak memory, what a stop and a second run cost.

    python tests/performance/doctor_100k.py [--files 100000] [--quick] [--keep FOLDER]

The pictures are drawn: ten kinds of shapes at 32 x 32 pixels with noise, no two alike, save for 1 % that are saved
again at another quality and 0.5 % with the label of another kind. Features are those of the bundled backbone.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from tlstudio import jobs
from tlstudio.api.events import Event, Failed, Finished, Progress
from tlstudio.project import Project

KINDS = 10


def generate(folder: Path, files: int) -> None:
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    y, x = np.mgrid[0:32, 0:32].astype(np.float32)
    for kind in range(KINDS):
        (folder / f"kind {kind}").mkdir(parents=True)
    for number in range(files):
        kind = number % KINDS
        cx, cy, size = draw.uniform(10, 22), draw.uniform(10, 22), draw.uniform(4, 10)
        angle = np.arctan2(y - cy, x - cx) + draw.uniform(0, 6)
        edge = size * (1 + 0.3 * np.cos((kind % 5 + 2) * angle)) * (1 if kind < 5 else 0.7)
        inside = np.hypot(x - cx, y - cy) < edge
        ink, paper = draw.uniform(0, 110, 3), draw.uniform(140, 255, 3)
        pixels = np.where(inside[..., None], ink, paper) + draw.normal(0, 12, (32, 32, 3))
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        label = (kind + 3) % KINDS if number % 200 == 7 else kind
        picture.save(folder / f"kind {label}" / f"{number:06}.png")
        if number % 100 == 3:
            picture.save(folder / f"kind {label}" / f"{number:06} again.jpg", quality=60)


def run(name: str, arguments: dict[str, Any], stop_at: str = "") -> dict[str, Any]:
    """Seconds of each stage by its text. ``stop_at``: the stage in whose midst it is stopped."""
    stages: dict[str, float] = {}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began, text, stopped = time.monotonic(), "starting", 0.0
    since = began
    job = jobs.start(name, arguments)
    last: Event | None = None
    for last in job:
        if isinstance(last, Progress):
            now = time.monotonic()
            stages[text] = stages.get(text, 0.0) + now - since
            since, text = now, last.text
            if stop_at and last.text == stop_at and last.done > last.total / 3 and not stopped:
                job.send("stop")
                stopped = now
    if isinstance(last, Failed):
        raise SystemExit(f"{last.sentence}\n{last.traceback}")
    assert isinstance(last, Finished)
    stages[text] = stages.get(text, 0.0) + time.monotonic() - since
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "status": last.status,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb_of_the_largest_process_so_far": round(after.ru_maxrss / 1024),
        **({"seconds_from_stop_to_end": round(time.monotonic() - stopped, 2)} if stopped else {}),
        "stages": {key: round(value, 1) for key, value in stages.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", type=Path, help="Where the pictures and the project stay for the next time.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tlstudio-doctor-") as temporary:
        folder = given.keep or Path(temporary)
        pictures, path = folder / "pictures", folder / "p.tlproj"
        if not pictures.exists():
            generate(pictures, given.files)
        arguments = {"project": str(path), "dataset": "many", "backbone": "" if given.quick else "glyphnet"}
        if not path.exists():
            Project.create(path).close()
            source = {"project": str(path), "source": str(pictures), "name": "many", "near": False}
            print(json.dumps({"import": run("import-data", source)}), flush=True)
        print(json.dumps({"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}))
        print(json.dumps({"quick": run("doctor", {**arguments, "backbone": "", "quick": True})}), flush=True)
        if not given.quick:
            stopped = run("doctor", arguments, stop_at="Comparing every item with every other")
            print(json.dumps({"stopped": stopped}), flush=True)
            print(json.dumps({"resumed": run("doctor", arguments)}), flush=True)
            print(json.dumps({"again": run("doctor", arguments)}), flush=True)
        with Project.open(path) as project:
            report = project.report("many") or {}
        for finding in report.get("findings", []):
            print(f"{finding['severity']:8} {finding['kind']:18} {finding['count']:7,}  {finding['sentence']}")


if __name__ == "__main__":
    main()
