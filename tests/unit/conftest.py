"""Small projects that many tests begin with."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.digits import write_digits
from tlstudio import runs
from tlstudio.api.events import Event, Finished
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of, run_events


@pytest.fixture(scope="session")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 24 pictures, dark and light."""
    folder = tmp_path_factory.mktemp("shades") / "made"
    random = np.random.default_rng(0)
    for label, level in (("dark", 60), ("light", 190)):
        (folder / "data" / label).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(random.normal(level, 30, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "data" / label / f"{number}.png")
    Project.create(folder / "p.tlproj").close()
    arguments = {"project": str(folder / "p.tlproj"), "source": str(folder / "data"), "name": "shades"}
    *_, last = events_of("import-data", arguments, Control())
    assert isinstance(last, Finished)
    return folder.rename(folder.with_name("kept"))  # so that no copy of it finds these pictures by their old place


@pytest.fixture
def shades_project(shades: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(shades, tmp_path / "here")
    with Project.open(tmp_path / "here" / "p.tlproj") as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    return Registry.discover()


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 real handwritten digits, imported."""
    folder = tmp_path_factory.mktemp("digits")
    path, pictures = folder / "digits.tlproj", write_digits(folder / "pictures", 100)
    Project.create(path).close()
    arguments = {"project": str(path), "source": str(pictures), "name": "digits"}
    *_, last = events_of("import-data", arguments, Control())
    assert isinstance(last, Finished), last
    return path


@pytest.fixture
def make_run(digits: Path, tmp_path: Path) -> Callable[..., Path]:
    """A run in a copy of the project, beside a copy of its pictures."""

    def make(name: str = "a", method: str = "fine-tuning", options: Any = None, **runtime: Any) -> Path:
        place = tmp_path / name
        if not place.exists():
            shutil.copytree(digits.parent, place)
        preferences = {"workers": 0, "precision": "float32", "beside": True, "checkpoint_seconds": 0, **runtime}
        with Project.open(place / "digits.tlproj") as project:
            return runs.create_run(
                project,
                Registry.discover(),
                dataset="digits",
                backbone="glyphnet",
                method=method,
                options={"epochs": 3, "batch_size": 16} if options is None else options,
                runtime=RuntimePreferences(**preferences),
            ).dir

    return make


@pytest.fixture(scope="session")
def kept_events() -> list[Event]:
    return []


@pytest.fixture
def alone(make_run: Callable[..., Path], kept_events: list[Event]) -> list[Event]:
    """What a run tells that nothing happens to; the same for all tests, since equal seeds give equal runs."""
    if not kept_events:
        kept_events += run_events(make_run("alone"), Control())
    return kept_events
