"""Import of 100,000 small pictures: seconds, peak memory of all processes together, and how fast it stops.

    python tests/performance/import_100k.py [--files 100000] [--keep FOLDER]

The pictures are real JPEG and PNG files of 64 x 64 pixels, no two alike, in 20 class folders. The work is done as
the application does it: by a worker process with its helpers. ``cpu_seconds`` and ``load`` tell a busy machine from
a slow import.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
CLASSES = 20
LIMIT_SECONDS, LIMIT_MB = 60.0, 400.0


def generate(folder: Path, files: int) -> None:
    """Writes the files; a comment with the number makes each JPEG, and a text chunk each PNG, another file."""
    import io

    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    jpegs, pngs = [], []
    for _ in range(64):
        coarse = Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((64, 64))
        noisy = np.asarray(coarse, dtype=np.int16) + draw.integers(-12, 13, (64, 64, 3))
        picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        for kind, kept in (("JPEG", jpegs), ("PNG", pngs)):
            buffer = io.BytesIO()
            picture.save(buffer, kind)
            kept.append(buffer.getvalue())
    for label in range(CLASSES):
        (folder / f"class {label:02}").mkdir(parents=True)
    for number in range(files):
        name = folder / f"class {number % CLASSES:02}" / f"{number:06}"
        if number % 2:
            comment = f"{number:08}".encode()
            body = jpegs[number // 2 % len(jpegs)]
            name.with_suffix(".jpg").write_bytes(body[:2] + b"\xff\xfe\x00\x0a" + comment + body[2:])
        else:
            import struct
            import zlib

            body = pngs[number // 2 % len(pngs)]
            text = b"tEXtn\x00" + f"{number:08}".encode()
            chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
            name.with_suffix(".png").write_bytes(body[:33] + chunk + body[33:])


def tree_rss(pid: int) -> int:
    """Resident bytes of a process and all that it started; shared pages count for each, so this errs upwards."""
    total = 0
    try:
        total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(tree_rss(int(child)) for child in (task / "children").read_text().split())
    except (OSError, IndexError):
        return total
    return total


def start(project: Path, source: Path, name: str) -> "subprocess.Popen[str]":
    worker = subprocess.Popen(
        [sys.executable, "-m", "tlstudio.worker", "--job", "import-data"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=REPOSITORY,
    )  # fmt: skip
    assert worker.stdin is not None
    worker.stdin.write(json.dumps({"project": str(project), "source": str(source), "name": name}) + "\n")
    worker.stdin.flush()
    return worker


def whole_import(project: Path, source: Path) -> dict[str, Any]:
    peak, running = 0, True
    began = time.perf_counter()
    worker = start(project, source, "all")

    def watch() -> None:
        nonlocal peak
        while running:
            peak = max(peak, tree_rss(worker.pid))
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert worker.stdout is not None
    events = [json.loads(line) for line in worker.stdout]
    worker.wait()
    seconds = time.perf_counter() - began
    running = False
    watcher.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = events[-1]
    return {
        "seconds": round(seconds, 2), "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "load": round(os.getloadavg()[0], 1), "peak_mb": round(peak / 2**20, 1), "events": len(events),
        "last": result["type"], "items": result.get("result", {}).get("items"),
        "splits": result.get("result", {}).get("splits"), "sentence": result.get("sentence", ""),
    }  # fmt: skip


def stopped_import(project: Path, source: Path) -> float:
    """Seconds from the request to the end of the worker, in the middle of the checking."""
    worker = start(project, source, "stopped")
    assert worker.stdout is not None
    assert worker.stdin is not None
    asked = 0.0
    for line in worker.stdout:
        event = json.loads(line)
        if not asked and event["type"] == "Progress" and event["total"] and event["done"] > 2000:
            asked = time.perf_counter()
            worker.stdin.write("stop\n")
            worker.stdin.flush()
    worker.wait()
    return round(time.perf_counter() - asked, 3)


def paging(project: Path, files: int) -> dict[str, float]:
    """Milliseconds for pages of 200 at the end of the list, as a gallery asks for them."""
    from tlstudio.project import Project

    took = {}
    with Project.open(project) as opened:
        for title, filters in (
            ("no filter", {}),
            ("split", {"split": "train"}),
            ("label", {"label": "class 07"}),
            ("search", {"search": "99"}),
        ):
            count = opened.count_items("all", **filters)
            began = time.perf_counter()
            opened.items("all", offset=max(0, count - 200), limit=200, **filters)
            took[title] = round(1000 * (time.perf_counter() - began), 2)
        began = time.perf_counter()
        opened.manifest("all")
        took["whole manifest"] = round(1000 * (time.perf_counter() - began), 1)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="a folder for the pictures, which is used again where it exists")
    arguments = parser.parse_args()
    from tlstudio.project import Project

    with tempfile.TemporaryDirectory() as temporary:
        source = arguments.keep or Path(temporary) / "pictures"
        if not source.exists():
            generate(source, arguments.files)
        project = Path(temporary) / "p.tlproj"
        Project.create(project).close()
        measured = whole_import(project, source)
        measured["page_ms"] = paging(project, arguments.files)
        if arguments.files >= 20_000:
            measured["stop_seconds"] = stopped_import(project, source)
            with Project.open(project) as opened:
                assert [info.name for info in opened.datasets()] == ["all"]
            assert not list((project / "cache").glob("importing-*"))
        shutil.rmtree(project)
    print(json.dumps(measured, indent=2))
    good = measured["items"] == arguments.files and measured["peak_mb"] < LIMIT_MB
    return 0 if good and measured["seconds"] < LIMIT_SECONDS * max(1.0, arguments.files / 100_000) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    sys.exit(main())
