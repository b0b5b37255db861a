"""What a run runs on: device, precision, memory format, loader processes. Measured on the actual model, and said."""

import contextlib
import copy
import dataclasses
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from tlstudio import paths
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import UsageError
from tlstudio.training.spec import RuntimePreferences

_BUDGET_S = 0.15  # of measurement for each candidate, after one warm-up pass
_WORTH_IT = 1.15  # how much faster another precision must be before it is used


@dataclasses.dataclass(frozen=True)
class Runtime:
    """``precision`` is the one of autocast; parameters and optimizer stay float32."""

    device: torch.device
    device_name: str
    precision: str
    memory_format: torch.memory_format
    workers: int
    threads: int
    reason: str

    @property
    def format_name(self) -> str:
        return "channels-last" if self.memory_format == torch.channels_last else "contiguous"

    def autocast(self) -> AbstractContextManager[object]:
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def place(self, module: nn.Module) -> nn.Module:
        return place(module, self.device, self.memory_format)

    def saved(self) -> dict[str, Any]:
        """For :func:`again`."""
        return {
            "device": str(self.device),
            "device_name": self.device_name,
            "precision": self.precision,
            "memory_format": self.format_name,
            "threads": self.threads,
        }

    def resumes(self, deterministic: bool) -> str:
        """How closely a run that was interrupted repeats one that was not."""
        if self.device.type == "cpu" or deterministic:
            return "An interrupted run goes on exactly as if it had not been interrupted, to the last bit."
        return (
            f"An interrupted run goes on from exactly the same numbers. What follows may differ by rounding, since the "
            f"fastest algorithms of the {self.device_name} do not always add in the same order; for exact "
            "repetition, set 'deterministic'."
        )

    def memory_bytes(self) -> int:
        """Of the GPU where there is one, otherwise of this process."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        with (
            contextlib.suppress(OSError, ValueError, IndexError),
            open("/proc/self/statm", encoding="ascii") as file,
        ):
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0


def place(module: nn.Module, device: torch.device, memory_format: torch.memory_format) -> nn.Module:
    moved: nn.Module = module.to(device=device, memory_format=memory_format)  # type: ignore[call-overload]  # torch's stub lacks it
    return moved


class Sizes(NamedTuple):
    """``crop``: side of an input in pixels; ``gflops``: multiply-adds in 1e9 for one sample."""

    crop: int
    gflops: float


def sizes(example: torch.Tensor, descriptor: BackboneDescriptor) -> Sizes:
    """What one input ``[1, ...]`` means for the network."""
    if not example.is_floating_point():
        return Sizes(example.shape[-1], descriptor.gflops)
    crop, frames = example.shape[-1], example.shape[1] if example.ndim == 5 else 1
    return Sizes(crop, frames * descriptor.gflops * (crop / max(1, descriptor.input_size)) ** 2)


def choose(
    preferences: RuntimePreferences,
    model: nn.Module,
    *,
    example: Callable[[int], torch.Tensor],
    crop: int,
    gflops: float,
    training: bool,
    name: str,
    batch_size: int = 32,
) -> Runtime:
    """Decides; ``name`` identifies the network, so that a machine measures it once and then keeps to its choice.

    ``example`` gives a batch of inputs; ``gflops`` for one sample of ``crop`` pixels. It is measured at
    ``batch_size`` where that takes no more than seconds: how much a precision gains depends on it.
    """
    device, device_reason = _device(preferences.device)
    threads = torch.get_num_threads()
    workers = preferences.workers if preferences.workers >= 0 else _workers(device)
    candidates = _candidates(preferences, device, example(1).is_floating_point())
    if len(candidates) == 1:
        (precision, memory_format), reason = candidates[0], "as set"
    else:
        precision, memory_format, reason = _fastest(
            candidates,
            model,
            device,
            example=example,
            crop=crop,
            gflops=gflops,
            training=training,
            name=name,
            batch_size=batch_size,
        )
    return Runtime(
        device=device,
        device_name=device_name(device),
        precision=precision,
        memory_format=memory_format,
        workers=workers,
        threads=threads,
        reason=f"{device_reason} {_title(precision, memory_format)}: {reason}.",
    )


def again(saved: dict[str, Any], preferences: RuntimePreferences) -> Runtime | None:
    """What an interrupted run began with, since another precision or number of threads gives other numbers; ``None``
    where this machine does not offer it.
    """
    try:
        device = torch.device(saved["device"])
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        return None
    cores = os.cpu_count() or 1
    if device_name(device) != saved["device_name"] or saved["threads"] > 8 * cores:
        return None
    if torch.get_num_threads() != saved["threads"]:
        torch.set_num_threads(saved["threads"])
    return Runtime(
        device=device,
        device_name=saved["device_name"],
        precision=saved["precision"],
        memory_format=torch.channels_last if saved["memory_format"] == "channels-last" else torch.contiguous_format,
        workers=preferences.workers if preferences.workers >= 0 else _workers(device),
        threads=saved["threads"],
        reason=f"As the run began: {_title(saved['precision'], saved['memory_format'])}.",
    )


def chosen_device(preferences: RuntimePreferences) -> torch.device:
    """The device that :func:`choose` will take. Raises ``UsageError``."""
    return _device(preferences.device)[0]


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return {"cpu": "CPU", "mps": "Apple GPU"}.get(device.type, device.type)


def _device(wanted: str) -> tuple[torch.device, str]:
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
        return device, f"{device_name(device)}, as set."
    if torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
        return device, f"{device_name(device)} found."
    if torch.backends.mps.is_available():
        return torch.device("mps"), "Apple GPU found."
    return torch.device("cpu"), cpu_reason()


def cpu_reason() -> str:
    """Why the CPU is used: falling back to it is never silent."""
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        built = torch.version.cuda
        why = f"this torch is built for CUDA {built}" if built else "this torch is built without CUDA"
        return f"There is an NVIDIA driver, but torch {torch.__version__} cannot use the GPU ({why}): the CPU is used."
    return "No GPU was found: the CPU is used."


def _workers(device: torch.device) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device.type == "cpu":
        # The network itself keeps every core busy; loaders beside it only help where there are cores to spare.
        return 0 if cores <= 4 else min(4, cores // 4)
    return max(1, min(8, cores - 1))


def _candidates(
    preferences: RuntimePreferences, device: torch.device, pictures: bool
) -> list[tuple[str, torch.memory_format]]:
    if not pictures:  # lookups and sums, which gain nothing
        precision = "float32" if preferences.precision == "auto" else preferences.precision
        return [(precision, torch.contiguous_format)]
    precisions = ["float32", "bfloat16"] if preferences.precision == "auto" else [preferences.precision]
    if device.type == "mps" or (device.type == "cuda" and not torch.cuda.is_bf16_supported()):
        precisions = ["float32"]
    if preferences.memory_format == "auto":
        formats = [torch.contiguous_format, torch.channels_last]
    else:
        formats = [torch.channels_last if preferences.memory_format == "channels-last" else torch.contiguous_format]
    # bfloat16 without channels-last is never the fastest; where both are free it is not worth a measurement.
    return [
        (precision, memory_format)
        for precision in precisions
        for memory_format in formats
        if precision == "float32" or memory_format == formats[-1]
    ]


def _fastest(
    candidates: list[tuple[str, torch.memory_format]],
    model: nn.Module,
    device: torch.device,
    *,
    example: Callable[[int], torch.Tensor],
    crop: int,
    gflops: float,
    training: bool,
    name: str,
    batch_size: int,
) -> tuple[str, torch.memory_format, str]:
    batch = max(1, min(batch_size, int(10 / max(gflops, 0.02)))) if device.type == "cpu" else batch_size
    key = _machine_key(f"{name}, batch {batch}", crop, training, device, candidates)
    seconds = _remembered(key)
    if seconds is None or len(seconds) != len(candidates):
        seconds = []
        for candidate in candidates:
            limit = 1.5 * min(seconds, default=float("inf"))
            seconds.append(_measure(model, device, candidate, example(batch), training=training, limit=limit))
        _remember(key, seconds)
    plain, best = seconds[0], min(range(len(candidates)), key=seconds.__getitem__)
    if plain < seconds[best] * _WORTH_IT:
        best = 0
    precision, memory_format = candidates[best]
    if best == 0:
        others = min(seconds[1:]) / plain
        return (
            precision,
            memory_format,
            f"nothing else was faster here (the next took {others:.2f} times as long)",
        )
    return (
        precision,
        memory_format,
        f"measured {plain / seconds[best]:.1f} times as fast as {_title(*candidates[0])} on this network",
    )


def _title(precision: str, memory_format: torch.memory_format | str) -> str:
    last = memory_format in (torch.channels_last, "channels-last")
    return f"{precision} and {'channels-last' if last else 'contiguous'}"


def _measure(
    model: nn.Module,
    device: torch.device,
    candidate: tuple[str, torch.memory_format],
    example: torch.Tensor,
    *,
    training: bool,
    limit: float = float("inf"),
) -> float:
    """Seconds a pass over the inputs ``example``, on a copy of the model; infinite where it is not possible.

    One whose first pass takes longer than ``limit`` seconds is not timed again.
    """
    precision, memory_format = candidate
    probe = place(copy.deepcopy(model), device, memory_format).eval()
    for parameter in probe.parameters():
        parameter.requires_grad_(training)
    inputs = example.to(device)
    if inputs.ndim == 4:
        inputs = inputs.to(memory_format=memory_format)

    def once() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            output = probe(inputs)
        if training:
            output.float().sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    try:
        with torch.set_grad_enabled(training):
            started = time.perf_counter()
            once()
            first = time.perf_counter() - started
            return first if first > 2 * limit else _best_time(once)
    except RuntimeError:
        return float("inf")  # an operator without this precision; another candidate is used


def _best_time(once: Callable[[], None]) -> float:
    best, spent = float("inf"), 0.0
    while spent < _BUDGET_S:
        start = time.perf_counter()
        once()
        elapsed = time.perf_counter() - start
        best, spent = min(best, elapsed), spent + elapsed
    return best


def _machine_key(
    name: str,
    crop: int,
    training: bool,
    device: torch.device,
    candidates: list[tuple[str, torch.memory_format]],
) -> str:
    machine = [platform.machine(), platform.processor(), torch.get_num_threads(), device_name(device)]
    text = json.dumps([name, crop, training, torch.__version__, machine, [_title(*c) for c in candidates]])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _memory_file() -> Path:
    return paths.cache_dir() / "runtime.json"


def _remembered(key: str) -> list[float] | None:
    try:
        seconds = json.loads(_memory_file().read_text(encoding="utf-8"))[key]
        return [float(value) for value in seconds]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never measured on this machine


def _remember(key: str, seconds: list[float]) -> None:
    path = _memory_file()
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps({**known, key: seconds}), encoding="utf-8")
    os.replace(temporary, path)
