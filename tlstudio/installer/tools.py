"""uv or pip: what would be added to the application's environment, and one package into a folder."""

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path

from tlstudio.api.errors import PluginError
from tlstudio.control import Control
from tlstudio.installer.manifest import normalise
from tlstudio.installer.processes import Outcome, execute

_LINE = re.compile(r"^ ([+~-]) ([A-Za-z0-9._-]+)(?:==(\S+)| @ (\S+))", re.MULTILINE)
_UNREACHABLE = re.compile(
    r"dns error|name resolution|nodename nor servname|getaddrinfo failed|connection refused|connect error|"
    r"error sending request|failed to fetch|network is unreachable|network connectivity is disabled|"
    r"newconnectionerror|connecttimeout|tunnel error|timed out|"
    r"because the network (?:is|was) disabled|could not connect",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Addition:
    """A package that the resolver wants to add. ``version`` is empty for the file or folder asked for."""

    name: str  # normalised
    version: str


class Tool:
    """Runs in ``work``, a folder that is removed afterwards; writes its temporary files there too."""

    def __init__(self, work: Path, control: Control) -> None:
        self._work, self._control = work, control
        self._uv = _find_uv()
        self._python = sys.executable
        if not self._uv and importlib.util.find_spec("pip") is None:
            raise PluginError(
                "Neither uv nor pip is there to install plugins with; this adds pip to the application: "
                f"{self._python} -m ensurepip"
            )

    def plan(self, argument: str, constraints: Path) -> list[Addition]:
        """What ``argument`` needs beyond the application's environment. Changes nothing."""
        if self._uv:
            common = ["--dry-run", "--break-system-packages", "--constraint", str(constraints)]
            text = self._run_uv(common, [argument]).output
            return [Addition(normalise(m[2]), m[3] or "") for m in _LINE.finditer(text) if m[1] == "+"]
        report = self._work / "report.json"
        options = ["--dry-run", "--quiet", "--report", str(report), "--constraint", str(constraints)]
        self._run_pip([*options, "--break-system-packages", argument])
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
        return [Addition(normalise(i["metadata"]["name"]), i["metadata"]["version"]) for i in found]

    def fetch(self, argument: str, into: Path) -> None:
        """Unpacks the one package ``argument``, without what it needs, into the empty folder ``into``."""
        if self._uv:
            self._run_uv(["--no-deps", "--link-mode", "copy", "--target", str(into)], [argument])
        else:
            self._run_pip(["--quiet", "--no-deps", "--no-compile", "--target", str(into), argument])

    def _run_uv(self, options: list[str], arguments: list[str]) -> Outcome:
        command = [self._uv, "pip", "install", "--color", "never", "--no-progress", "--python", self._python]
        outcome = self._execute([*command, *options, *arguments])
        if outcome.status and _UNREACHABLE.search(outcome.output):
            # Without a network, what was fetched before may still be enough.
            again = self._execute([*command, "--offline", *options, *arguments])
            outcome = again if again.status == 0 else outcome
        return self._checked(outcome)

    def _run_pip(self, arguments: list[str]) -> Outcome:
        return self._checked(self._execute([self._python, "-m", "pip", "install", "--no-input", *arguments]))

    def _execute(self, command: list[str]) -> Outcome:
        environment = {
            **os.environ,
            "TMPDIR": str(self._work),
            "TEMP": str(self._work),
            "TMP": str(self._work),
        }
        environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "NO_COLOR": "1"}
        return execute(command, self._work, environment, self._control)

    def _checked(self, outcome: Outcome) -> Outcome:
        if outcome.status == 0:
            return outcome
        if _UNREACHABLE.search(outcome.output):
            reason = (
                "a package is needed that is not on this machine, and the package index cannot be reached. "
                "Connect to the network, or install a wheel that needs nothing else"
            )
        else:
            reason = _reason(outcome.output) or f"the installer ended with status {outcome.status}"
        error = PluginError(reason)
        error.add_note(outcome.last_lines(40))
        raise error


def _reason(output: str) -> str:
    """What the installer gives as its error, on one line of at most 500 characters; empty where it gives none."""
    _, found, text = output.rpartition("\nERROR: ") if "\nERROR: " in output else output.partition("error: ")
    line = " ".join(text.replace("cause: ", "").split()) if found else ""
    return (line if len(line) <= 500 else f"{line[:500]} ...").rstrip(". ")


def _find_uv() -> str:
    """The one beside the application's Python, else the one on the path; empty where there is none."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    return beside or shutil.which("uv") or ""
