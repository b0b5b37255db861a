"""A small project that many tests begin with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlstudio.api.events import Finished
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.worker import events_of


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
