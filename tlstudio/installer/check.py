"""What the plugins of a folder do when a fresh process loads them.

Runs as ``python -c`` with the application's import path, the folder last: see :func:`check_site`.
"""

import dataclasses
import json
import os
import sys
import traceback
from pathlib import Path

from tlstudio.api.errors import PluginError
from tlstudio.control import Control
from tlstudio.installer.processes import execute
from tlstudio.installer.site import application_path
from tlstudio.registry import Registry

_LIMIT = 300.0  # seconds
_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from tlstudio.installer.check import main; main(sys.argv[2], sys.argv[3:])"
)


@dataclasses.dataclass(frozen=True)
class Found:
    """A plugin in that process, with what went wrong with it: pairs of sentence and traceback."""

    name: str
    distribution: str
    contributions: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]


def check_site(site: Path, thorough: tuple[str, ...], work: Path, control: Control) -> list[Found]:
    """Loads every plugin in a fresh process that sees ``site``; of those in ``thorough`` also the factories.

    Raises ``PluginError`` where that process does not live to tell.
    """
    answer = work / "check.json"
    answer.unlink(missing_ok=True)
    path = json.dumps([*application_path(), str(site)])
    environment = {k: v for k, v in os.environ.items() if k not in ("TLSTUDIO_SAFE_MODE", "PYTHONWARNINGS")}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", _START, path, str(answer), *thorough]
    outcome = execute(command, work, environment, control, _LIMIT)
    if outcome.status or not answer.exists():
        error = PluginError(f"the application does not start with it: {outcome.last_lines(1) or 'it ends silently'}")
        error.add_note(outcome.last_lines(40))
        raise error
    return [
        Found(f["name"], f["distribution"], tuple(f["contributions"]), tuple(map(tuple, f["problems"])))
        for f in json.loads(answer.read_text(encoding="utf-8"))
    ]


def main(answer: str, thorough: list[str]) -> None:
    """In the fresh process: writes what it found as JSON to the file ``answer``."""
    registry = Registry.discover(safe_mode=False)
    found = []
    for plugin in registry.plugins:
        problems = [(p.sentence, p.traceback) for p in registry.problems if p.plugin == plugin.name and p.serious]
        if plugin.name in thorough:
            problems += _load_factories(registry, plugin.contributions)
        found.append(
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "contributions": plugin.contributions,
                "problems": problems,
            }
        )
    Path(answer).write_text(json.dumps(found), encoding="utf-8")


def _load_factories(registry: Registry, contributions: tuple[str, ...]) -> list[tuple[str, str]]:
    problems = []
    for contribution in contributions:
        kind, _, identifier = contribution.partition(": ")
        try:
            registry.get(kind, identifier).load()
        except PluginError as error:
            problems.append((str(error), traceback.format_exc()))
    return problems
