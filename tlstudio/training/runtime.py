"""What a run runs on: device, precision, memory format, loader processes. Measured on the actual model, and said."""

import contextlib
import dataclasses
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import nn

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import UsageError
from tlstudio.training import devices, known_speeds
from tlstudio.training.spec import RuntimePreferences
from tlstudio.training.speed import Setting, measure, place

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
        return Setting(self.precision, self.memory_format).format_name

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
    device, device_reason = devices.find(preferences.device)
    settings = _settings(preferences, device, example(1).is_floating_point())
    if len(settings) == 1:
        setting, reason = settings[0], "as set"
    else:
        setting, reason = _fastest(
            settings,
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
        device_name=devices.title(device),
        precision=setting.precision,
        memory_format=setting.memory_format,
        workers=preferences.workers if preferences.workers >= 0 else devices.loaders(device),
        threads=torch.get_num_threads(),
        reason=f"{device_reason} {setting.title}: {reason}.",
    )


def again(saved: dict[str, Any], preferences: RuntimePreferences) -> Runtime | None:
    """What an interrupted run began with, since another precision or number of threads gives other numbers; ``None``
    where this machine does not offer it.
    """
    try:
        device, _ = devices.find(saved["device"])
    except UsageError:
        return None
    cores = os.cpu_count() or 1
    if devices.title(device) != saved["device_name"] or saved["threads"] > 8 * cores:
        return None
    if torch.get_num_threads() != saved["threads"]:
        torch.set_num_threads(saved["threads"])
    last = saved["memory_format"] == "channels-last"
    setting = Setting(saved["precision"], torch.channels_last if last else torch.contiguous_format)
    return Runtime(
        device=device,
        device_name=saved["device_name"],
        precision=setting.precision,
        memory_format=setting.memory_format,
        workers=preferences.workers if preferences.workers >= 0 else devices.loaders(device),
        threads=saved["threads"],
        reason=f"As the run began: {setting.title}.",
    )


def _settings(preferences: RuntimePreferences, device: torch.device, pictures: bool) -> list[Setting]:
    """Those that the preferences leave open, the plain one first."""
    if not pictures:  # lookups and sums, which gain nothing
        precision = "float32" if preferences.precision == "auto" else preferences.precision
        return [Setting(precision, torch.contiguous_format)]
    precisions = ["float32", "bfloat16"] if preferences.precision == "auto" else [preferences.precision]
    if device.type == "mps" or (device.type == "cuda" and not torch.cuda.is_bf16_supported()):
        precisions = ["float32"]
    if preferences.memory_format == "auto":
        formats = [torch.contiguous_format, torch.channels_last]
    else:
        formats = [torch.channels_last if preferences.memory_format == "channels-last" else torch.contiguous_format]
    # bfloat16 without channels-last is never the fastest; where both are free it is not worth a measurement.
    return [
        Setting(precision, memory_format)
        for precision in precisions
        for memory_format in formats
        if precision == "float32" or memory_format == formats[-1]
    ]


def _fastest(
    settings: list[Setting],
    model: nn.Module,
    device: torch.device,
    *,
    example: Callable[[int], torch.Tensor],
    crop: int,
    gflops: float,
    training: bool,
    name: str,
    batch_size: int,
) -> tuple[Setting, str]:
    batch = max(1, min(batch_size, int(10 / max(gflops, 0.02)))) if device.type == "cpu" else batch_size
    key = known_speeds.key(f"{name}, batch {batch}", crop, training, device, settings)
    seconds = known_speeds.load(key)
    if seconds is None or len(seconds) != len(settings):
        seconds = []
        for setting in settings:
            limit = 1.5 * min(seconds, default=float("inf"))
            seconds.append(measure(model, device, setting, example(batch), training=training, limit=limit))
        known_speeds.save(key, seconds)
    plain, best = seconds[0], min(range(len(settings)), key=seconds.__getitem__)
    if best == 0 or plain < seconds[best] * _WORTH_IT:
        others = min(seconds[1:]) / plain
        return settings[0], f"nothing else was faster here (the next took {others:.2f} times as long)"
    faster = plain / seconds[best]
    return settings[best], f"measured {faster:.1f} times as fast as {settings[0].title} on this network"
