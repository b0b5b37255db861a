"""Projects that have lived: data sets of small real files, and runs in every state, without training any."""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tlstudio.api import events
from tlstudio.project import Project, Run, schema
from tlstudio.project.staging import CheckedFile, FoundFile
from tlstudio.training.spec import RunSpec

REPOSITORY = Path(__file__).parents[2]


def add_dataset(project: Project, root: Path, name: str = "things", per_class: int = 6) -> None:
    """A data set of small real files, published through the same door as an import."""
    files = []
    for label in ("äpfel", "birnen"):
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            path = root / label / f"{number}.bin"
            if not path.exists():
                path.write_bytes(f"{label} {number}".encode())
            digest = hashlib.sha256(path.read_bytes()).digest()
            checked = CheckedFile(digest, 8, 6, path.stat().st_size, path.stat().st_mtime_ns)
            files.append((FoundFile(f"{label}/{number}.bin", label, "", ""), checked))
    with project.stage_import(name) as staging:
        staging.found(found for found, _ in files)
        staging.checked((number, checked) for (number, _), (_, checked) in zip(staging.pending(5), files, strict=True))
        staging.skip([("notes.txt", "It is no picture.")])
        ids = [file.id for file in staging.usable()]
        staging.assign((position % 3, number) for position, number in enumerate(ids))
        staging.publish(
            name=name, task="classification", modality="image", format="image-folder", root=root,
            class_names=["äpfel", "birnen"], split_note="By turns.", warnings=["Small."],
        )  # fmt: skip


def make_older(folder: Path, version: int) -> None:
    """Rewrites a closed project's database as the application of an earlier format (1 or 2) had written it."""
    file = folder / "project.sqlite"
    old = folder / "project.sqlite.old"
    connection = sqlite3.connect(old, isolation_level=None)
    connection.executescript("".join(schema.MIGRATIONS[:version]))
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("ATTACH DATABASE ? AS new", (str(file),))
    copied = {
        "meta": "SELECT * FROM new.meta WHERE key NOT LIKE 'data%' AND key NOT LIKE 'backup%'",
        "datasets": "SELECT id, name, task, modality, format, root_relative, root_absolute, 1, created"
        " FROM new.datasets",
        "classes": "SELECT id, dataset_id, name, position FROM new.classes",
        "items": "SELECT id, dataset_id, path, sha256, group_key, width, height, bytes, mtime_ns FROM new.items",
        "item_states": "SELECT s.dataset_id, s.item_id, c.class_id, s.split, 1, s.to_revision FROM new.item_states s"
        " JOIN new.target_classes c ON c.target_id = s.target_id WHERE s.from_revision = 1",
        "skipped": "SELECT * FROM new.skipped",
        "warnings": "SELECT * FROM new.warnings",
        "revisions": "SELECT dataset_id, 1, created, split_note, 'f' || dataset_id FROM new.revisions"
        " WHERE revision = 1",
        "revision_counts": "SELECT dataset_id, 1, class_id, split, items FROM new.counts WHERE class_id > 0"
        " AND from_revision = 1",
    }
    for table, query in copied.items():
        connection.execute(f"INSERT INTO {table} {query}")
    columns = ", ".join(name for _, name, *_ in connection.execute("PRAGMA main.table_info(runs)"))
    connection.execute(f"INSERT INTO runs ({columns}) SELECT {columns} FROM new.runs")
    connection.close()
    old.replace(file)
    shutil.rmtree(folder / "backups", ignore_errors=True)


def spec(run: int, project: str = "", dataset: str = "things") -> RunSpec:
    return RunSpec(
        run=run, project=project, dataset=dataset, revision=1, data_fingerprint="f", backbone="glyphnet",
        weights="bundled", method="feature-extraction", options={"epochs": 3}, seed=4,
    )  # fmt: skip


@contextlib.contextmanager
def worker(run: Run) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the run's lock, as a worker does."""
    code = (
        "import sys; from pathlib import Path; from tlstudio.locks import FileLock\n"
        f"lock = FileLock(Path({json.dumps(str(run.dir))}) / 'worker.lock')\n"
        "assert lock.acquire(); print('held', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait(60)


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait(60)
    return process.pid


def say(run: Run, *said: events.Event) -> None:
    (run.dir / "events.jsonl").write_text("".join(events.to_json(e) + "\n" for e in said), encoding="utf-8")


def checkpoint(run: Run, step: int) -> None:
    folder = run.dir / "checkpoints" / f"step-{step:08d}.3"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{}")


STARTED = events.JobStarted(title="train", pid=1)
EPOCH = events.EpochDone(epoch=1, step=40, metrics={"train_loss": 1.0, "val_accuracy": 0.75}, best=True)
FINISHED = events.Finished(
    result={
        "metrics": {"test": {"accuracy": 0.9}}, "seconds": {"total": 2.0}, "images_per_second": 8.0,
        "model": "runs/1/model.safetensors",
    }
)  # fmt: skip
PARKED = events.Finished(status="parked", result={"reason": "Parked as asked.", "reason_kind": "asked"})
STATES = {1: "finished", 2: "parked", 3: "failed", 4: "queued", 5: "queued"}


def live(project: Project) -> None:
    """Five runs: finished, parked, killed, and two in line."""
    finished, parked, killed = (project.create_run(spec) for _ in range(3))
    say(finished, STARTED, EPOCH, FINISHED)
    (finished.dir / "model.safetensors").write_bytes(b"model")
    project.update_run(finished.id, state="finished", metrics=FINISHED.result["metrics"], started=1.0, ended=2.0,
                       model="runs/1/model.safetensors")  # fmt: skip
    say(parked, STARTED, EPOCH, PARKED)
    checkpoint(parked, 120)
    project.update_run(parked.id, state="parked", reason="Parked as asked.", started=1.0, ended=2.0)
    say(killed, STARTED, EPOCH)
    checkpoint(killed, 40)
    project.update_run(killed.id, state="running", started=1.0, pid=dead_pid())
    project.create_run(lambda run: spec(run, dataset="more"), queued=True)
    project.create_run(lambda run: spec(run, dataset="more"), queued=True)
    project.move(5, 1)


def lived_project(folder: Path) -> Path:
    """As a power cut leaves it: with a write-ahead log that holds a data set and most of the runs."""
    code = (
        "import os, sys; from pathlib import Path; from tlstudio.project import Project\n"
        "from tests.unit import project_material as m\n"
        f"folder = Path({json.dumps(str(folder))})\n"
        "first = Project.create(folder / 'p.tlproj')\n"
        "m.add_dataset(first, folder / 'pictures')\n"
        "first.close()\n"
        "second = Project.open(folder / 'p.tlproj')\n"
        "m.add_dataset(second, folder / 'pictures', 'more')\n"
        "m.live(second)\n"
        "os._exit(9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 9, done.stderr
    return folder / "p.tlproj"
