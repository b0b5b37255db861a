"""Which device computes, and why that one: falling back to the CPU is never silent."""

import os
import shutil
from pathlib import Path

import torch

from tlstudio.api.errors import UsageError


def find(wanted: str) -> tuple[torch.device, str]:
    """The device ``wanted`` (``auto``: the best there is), and in a sentence why. Raises ``UsageError`` where it cannot
    be used.
    """
    if wanted not in ("auto", ""):
        try:
            device = torch.device(wanted)
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:
            first = str(error).strip().partition("\n")[0].rstrip(".")
            raise UsageError(
                f"The device '{wanted}' cannot be used here: {first}. 'tlstudio doctor' lists the devices; "
                "'auto' takes the best one."
            ) from error
        return device, f"{title(device)}, as set."
    if torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
        return device, f"{title(device)} found."
    if torch.backends.mps.is_available():
        return torch.device("mps"), "Apple GPU found."
    return torch.device("cpu"), cpu_reason()


def title(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return {"cpu": "CPU", "mps": "Apple GPU"}.get(device.type, device.type)


def cpu_reason() -> str:
    """Why the CPU is used."""
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        built = torch.version.cuda
        why = f"this torch is built for CUDA {built}" if built else "this torch is built without CUDA"
        return f"There is an NVIDIA driver, but torch {torch.__version__} cannot use the GPU ({why}): the CPU is used."
    return "No GPU was found: the CPU is used."


def loaders(device: torch.device) -> int:
    """How many processes beside a network on ``device`` should read samples."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device.type == "cpu":
        # The network itself keeps every core busy; loaders beside it only help where there are cores to spare.
        return 0 if cores <= 4 else min(4, cores // 4)
    return max(1, min(8, cores - 1))
