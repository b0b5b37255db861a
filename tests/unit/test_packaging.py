"""The pins fit the project, for every supported Python, and name no index."""

import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"


def pins() -> dict[str, str]:
    found = {}
    for line in (PACKAGING / "constraints.txt").read_text(encoding="utf-8").splitlines():
        requirement = Requirement(line)
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", line
        found[requirement.name.lower().replace("_", "-")] = specifier.version
    return found


def test_that_every_dependency_is_pinned_to_a_version_that_it_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = pins()
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["gui"],
        *project["optional-dependencies"]["dev"],
    ]
    for text in wanted:
        requirement = Requirement(text)
        version = known[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(version), text


@pytest.mark.parametrize("name", ["constraints.txt", "build-constraints.txt", "debian-packages.txt"])
def test_that_the_lists_hold_names_alone_and_no_address(name: str):
    for line in (PACKAGING / name).read_text(encoding="utf-8").splitlines():
        assert re.match(r"^[A-Za-z0-9]", line), line
        assert "://" not in line
        assert " @ " not in line
        assert not line.startswith(("nvidia-", "cuda-", "triton")), "torch pins these itself"


def test_that_the_check_of_qts_system_libraries_answers():
    pytest.importorskip("PySide6")
    script = str(PACKAGING / "check_qt.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (done.stdout == "")
    assert done.stderr == ""


def test_that_the_desktop_entry_starts_the_command_that_the_project_installs():
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]  # keys are case-sensitive there
    entry.read(PACKAGING / "tlstudio.desktop", encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert entry["Desktop Entry"]["Exec"].split()[0] in project["scripts"]
