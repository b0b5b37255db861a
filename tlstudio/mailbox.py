"""Commands to a run whose worker is not a child of this process: lines of JSON in a file of the run's folder."""

import json
import os
from pathlib import Path
from typing import Any

FILE = "commands.jsonl"


def encode(command: str, **arguments: Any) -> str:
    """One line, without the newline: what a worker reads from its standard input and from the file alike."""
    return json.dumps({"command": command, **arguments})


def decode(line: str) -> dict[str, Any] | None:
    """``None`` for what is no command."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("command"), str) else None


def post(run_dir: Path, line: str) -> None:
    """Appends an encoded command; the worker looks twenty times a second."""
    descriptor = os.open(run_dir / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def clear(run_dir: Path) -> None:
    """Before a worker starts: what was meant for an earlier one is not for it."""
    (run_dir / FILE).unlink(missing_ok=True)


class Reader:
    """Hands out each complete line once."""

    def __init__(self, run_dir: Path) -> None:
        self._path, self._position, self._rest = run_dir / FILE, 0, b""

    def lines(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                chunk = file.read()
        except OSError:
            return []
        self._position += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line.decode("utf-8", errors="replace") for line in lines]
