"""The real program as a subprocess."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.digits import write_digits
from tests.end2end.runs_in_terminals import nothing_left
from tlstudio.cli import run_command_line


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
    return in_home(home)


def in_home(home: Path) -> Cli:
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


@pytest.fixture
def here(home: Path) -> Cli:
    """The same command line in this process: for what surrounds a test, which need not start Python each time."""

    def run(*arguments: object, check: int = 0) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run_command_line([str(argument) for argument in arguments])
        assert status == check, f"exit status {status}\n{out.getvalue()}\n{err.getvalue()}"
        return Outcome(status, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def digit_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 real handwritten digits in ten class folders."""
    return write_digits(tmp_path_factory.mktemp("digits") / "digits", 300)


@pytest.fixture(scope="session")
def imported_digits(digit_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with those digits imported as 'digits'; copy it, don't change it."""
    project, run = tmp_path_factory.mktemp("imported") / "digits.tlproj", in_home(tmp_path_factory.mktemp("importing"))
    run("project", "create", project)
    run("data", "import", project, digit_pictures, "--name", "digits", "--json")
    return project


@pytest.fixture
def digits_project(imported_digits: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(imported_digits, tmp_path / "digits.tlproj"))


@dataclasses.dataclass(frozen=True)
class Learnt:
    """A project whose run 1 is finished, the home it was made in, and what the program said of it."""

    project: Path
    home: Path
    result: dict[str, Any]


@pytest.fixture(scope="session")
def learnt_digits(imported_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    """Copy it, don't change it."""
    home = tmp_path_factory.mktemp("learning")
    project = Path(shutil.copytree(imported_digits, tmp_path_factory.mktemp("learnt") / "digits.tlproj"))
    arguments = ("--dataset", "digits", "--backbone", "glyphnet", "--method", "feature-extraction", "--json")
    return Learnt(project, home, in_home(home)("train", project, *arguments).json)


@pytest.fixture
def learnt(learnt_digits: Learnt, home: Path, tmp_path: Path) -> Learnt:
    """A copy of the project, and its home in the test's own."""
    shutil.copytree(learnt_digits.home, home, dirs_exist_ok=True)
    project = Path(shutil.copytree(learnt_digits.project, tmp_path / "digits.tlproj"))
    return Learnt(project, home, learnt_digits.result)


@pytest.fixture
def project(digits_project: Path) -> Iterator[Path]:
    """A copy of it, in which no worker is left at the end."""
    with nothing_left(digits_project):
        yield digits_project
