"""Files that appear whole or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def put_in_place(temporary: Path, target: Path) -> None:
    """Makes a finished file appear under its name; after a power cut it is there whole, or not at all."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, target)


def write_json(target: Path, payload: Mapping[str, Any]) -> None:
    """Writes ``target``, making its folder. Raises ``OSError``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(payload, indent=2, ensure_ascii=False), encoding="utf-8")
    put_in_place(temporary, target)
