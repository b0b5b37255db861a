"""A project with two fine-tuned runs, real handwritten digits and a shifted copy of others; made once, then copied."""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tlstudio import history, runs
from tlstudio.api.events import Event, Failed, Finished
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of

RUNTIME = RuntimePreferences(device="cpu", precision="float32", memory_format="contiguous", workers=0, beside=True)
CLASSES = (1, 4, 7)


def copied_to(folder: Path) -> Path:
    """Runs 1 and 2 are fine-tuned for an epoch with seeds 0 and 1, and their batch norm has learnt; data sets
    ``digits`` (14 of each of three) and ``inverted`` (8 others of each).
    """
    return Path(shutil.copytree(_trained(), folder / "digits.tlproj"))


@functools.lru_cache(maxsize=1)
def _trained() -> Path:
    home = Path(tempfile.mkdtemp(prefix="tlstudio-test-weights-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    path = home / "digits.tlproj"
    Project.create(path).close()
    write_digits(home / "digits", 0, 14, lambda pixels: pixels)
    write_digits(home / "inverted", 14, 8, lambda pixels: 255 - pixels)
    for name in ("digits", "inverted"):
        arguments = {"project": str(path), "source": str(home / name), "name": name}
        *_, last = events_of("import-data", arguments, Control())
        assert isinstance(last, Finished), last
    with Project.open(path) as project:
        for seed in (0, 1):
            train(project, "fine-tuning", {"epochs": 1, "batch_norm": "train"}, seed=seed)
    return path


def write_digits(folder: Path, first: int, count: int, change: Callable[[np.ndarray], np.ndarray]) -> None:
    digits = load_digits()
    for digit in CLASSES:
        (folder / str(digit)).mkdir(parents=True)
        for number, pixels in enumerate(digits.images[digits.target == digit][first : first + count]):
            grey = np.clip(pixels * 16, 0, 255).astype(np.uint8)
            Image.fromarray(change(grey)).resize((24, 24)).save(folder / str(digit) / f"{number:02}.png")


def train(
    project: Project, method: str, options: dict[str, Any], *, breaks: tuple[int, ...] = (), **request: Any
) -> tuple[int, dict[str, Any], list[Event]]:
    """Trains in this process: the run's number, its result, what it said. ``breaks``: after so many events it is
    broken off, as if killed, and goes on.
    """
    registry = Registry.discover()
    asked = {"dataset": "digits", "backbone": "glyphnet", "runtime": RUNTIME, **request}
    run = runs.create_run(project, registry, method=method, options=options, **asked)
    said: list[Event] = []
    for end in [*breaks, None]:
        with (run.dir / "events.jsonl").open("a", encoding="utf-8") as log:
            for count, event in enumerate(
                events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control())
            ):
                log.write(history.line(event))
                log.flush()
                said.append(event)
                if count + 1 == end:
                    break
    last = said[-1]
    if isinstance(last, Failed):
        raise AssertionError(f"{last.sentence}\n{last.traceback}")
    assert isinstance(last, Finished)
    model = str((run.dir / "model.safetensors").relative_to(project.path))
    project.update_run(run.id, state="finished", metrics=last.result["metrics"], model=model)
    return run.id, last.result, said
