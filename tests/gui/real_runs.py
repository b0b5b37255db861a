"""A project in which something has really been trained; made once, copied for each test that changes it."""

import atexit
import functools
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tlstudio import jobs
from tlstudio import runs as planning
from tlstudio.api.events import Event, Finished
from tlstudio.project import Project
from tlstudio.project.staging import CheckedFile, FoundFile
from tlstudio.registry import Registry

NAMES = {3: "three", 5: "five", 8: "eight"}


def copied_to(folder: Path) -> Path:
    """A copy of the project: run 1 with the best linear head, run 2 with one trained for 3 epochs; both finished."""
    return Path(shutil.copytree(_trained(), folder / "digits.tlproj"))


@functools.lru_cache(maxsize=1)
def _trained() -> Path:
    home = Path(tempfile.mkdtemp(prefix="tlstudio-test-runs-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    path = home / "digits.tlproj"
    with Project.create(path) as project:
        _add_digits(project, home / "pictures")
        train(project, "feature-extraction", {})
        train(project, "feature-extraction", {"head": "linear", "epochs": 3}, seed=3)
    return path


def train(project: Project, method: str, options: dict[str, Any], seed: int = 0) -> list[Event]:
    """Trains the network that comes with the application, from random weights, in a worker."""
    run = planning.create_run(
        project,
        Registry.discover(),
        dataset="digits",
        backbone="glyphnet",
        weights_id="none",
        method=method,
        options=options,
        seed=seed,
    )
    events = list(jobs.start_run(project, run.id))
    assert isinstance(events[-1], Finished), events[-1]
    return events


def _add_digits(project: Project, root: Path, each: int = 20) -> None:
    """Sixty real handwritten digits in three classes: 12 to learn from, 4 to validate, 4 to test, of each."""
    digits = load_digits()
    files: list[tuple[Path, str]] = []
    for digit, name in NAMES.items():
        (root / name).mkdir(parents=True)
        for number, pixels in enumerate(digits.images[digits.target == digit][:each]):
            file = root / name / f"{number:03d}.png"
            Image.fromarray(np.clip(pixels * 16, 0, 255).astype(np.uint8)).resize((32, 32)).save(file)
            files.append((file, name))
    with project.stage_import("digits") as staging:
        staging.found(FoundFile(file.relative_to(root).as_posix(), name, "", "") for file, name in files)
        numbers = {path: number for number, path in staging.pending(1000)}
        staging.checked(
            (
                numbers[file.relative_to(root).as_posix()],
                CheckedFile(hashlib.sha256(file.read_bytes()).digest(), 32, 32, file.stat().st_size, 0),
            )
            for file, _ in files
        )
        staging.assign([((0, 0, 0, 1, 2)[row.id % 5], row.id) for row in list(staging.usable())])
        staging.publish(
            name="digits", task="classification", modality="image", format="class-folders", root=root,
            class_names=sorted(NAMES.values()), split_note="Every fifth validates, every fifth tests.", warnings=[],
        )  # fmt: skip
