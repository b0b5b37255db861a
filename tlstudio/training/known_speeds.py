"""What was measured on this machine, so that it measures a network once and then keeps to its choice."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import torch

from tlstudio import paths
from tlstudio.training import devices
from tlstudio.training.speed import Setting


def key(name: str, crop: int, training: bool, device: torch.device, settings: Sequence[Setting]) -> str:
    """Of the network ``name`` at inputs of ``crop`` pixels, on this machine with this torch."""
    machine = [platform.machine(), platform.processor(), torch.get_num_threads(), devices.title(device)]
    text = json.dumps([name, crop, training, torch.__version__, machine, [setting.title for setting in settings]])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def load(key: str) -> list[float] | None:
    """Seconds of each setting; ``None`` where they were never measured on this machine."""
    try:
        seconds = json.loads(_file().read_text(encoding="utf-8"))[key]
        return [float(value) for value in seconds]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(key: str, seconds: Sequence[float]) -> None:
    path = _file()
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps({**known, key: list(seconds)}), encoding="utf-8")
    os.replace(temporary, path)


def _file() -> Path:
    return paths.cache_dir() / "runtime.json"
