"""The real program as a subprocess."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits


@dataclasses.dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be exactly one JSON object."""
        return json.loads(self.out)


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(home: Path) -> Cli:
    """Runs ``tlstudio`` with the test's own home; ``check`` is the exit status that is expected."""

    def run(*arguments: object, check: int = 0, timeout: float = 240) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "tlstudio", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "TLSTUDIO_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == check, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def digit_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 real handwritten digits in ten class folders."""
    folder, digits = tmp_path_factory.mktemp("digits") / "digits", load_digits()
    for number in range(300):
        place = folder / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(digits.images[number] * 255 / 16, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(place / f"{number:04d}.png")
    return folder


@pytest.fixture
def digits_project(cli: Cli, digit_pictures: Path, tmp_path: Path) -> Path:
    """A project with those digits imported as 'digits'."""
    project = tmp_path / "digits.tlproj"
    cli("project", "create", project)
    cli("data", "import", project, digit_pictures, "--name", "digits", "--json")
    return project
