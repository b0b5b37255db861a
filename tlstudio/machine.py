"""What ``tlstudio doctor`` says of this machine."""

import importlib.metadata
import os
import platform
import shutil
from typing import Any

from tlstudio import __version__, paths


def describe() -> dict[str, Any]:
    """Versions, devices, memory, folders, and what ``auto`` would choose and why. Imports torch."""
    import torch

    from tlstudio.training.devices import cpu_reason

    gpu = torch.cuda.is_available()
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if gpu else []
    free = shutil.disk_usage(_existing(paths.data_dir())).free
    return {
        "tlstudio": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {name: _version(name) for name in ("torch", "torchvision", "onnxruntime", "PySide6-Essentials")},
        "cpu": {"cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "memory_gib": _memory_gib(),
        "gpus": devices,
        "device": devices[0] if devices else "CPU",
        "reason": f"{devices[0]} found." if devices else cpu_reason(),
        "folders": {
            "data": str(paths.data_dir()),
            "settings": str(paths.config_dir()),
            "cache": str(paths.cache_dir()),
            "free_gib": round(free / 2**30, 1),
        },
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def _existing(path: Any) -> Any:
    while not path.exists():
        path = path.parent
    return path
