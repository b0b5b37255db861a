"""A child process that can be stopped, with everything it said."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tlstudio.api.errors import PluginError
from tlstudio.control import Control

LIMIT = 3600.0  # seconds; a large plugin over a slow line


@dataclasses.dataclass(frozen=True)
class Outcome:
    status: int
    output: str  # standard output and standard error as they came

    def last_lines(self, count: int) -> str:
        lines = [line.rstrip() for line in self.output.splitlines() if line.strip()]
        return "\n".join(lines[-count:])


def execute(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    control: Control,
    limit: float = LIMIT,
) -> Outcome:
    """Runs ``command`` in ``folder``. Ends it, and raises ``StoppedByUser``, when the user asks to stop.

    Raises ``PluginError`` where it cannot be started or takes longer than ``limit`` seconds.
    """
    log = folder / "output.txt"
    try:
        with log.open("wb") as sink:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise PluginError(f"{command[0]} could not be started: {error}") from error
    deadline = time.monotonic() + limit
    try:
        while process.poll() is None:
            control.raise_if_stopped()
            if time.monotonic() > deadline:
                raise PluginError(f"{Path(command[0]).name} was not done after {limit / 60:.0f} minutes")
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.poll() is None:
            _end(process)
    return Outcome(process.returncode, log.read_text(encoding="utf-8", errors="replace"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With everything that it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
