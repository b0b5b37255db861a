"""How long a network takes for a batch, at one precision and memory format or another."""

import copy
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

_BUDGET_S = 0.15  # of measurement for each setting, after one warm-up pass


class Setting(NamedTuple):
    """``precision``: ``float32`` or ``bfloat16``, of autocast."""

    precision: str
    memory_format: torch.memory_format

    @property
    def format_name(self) -> str:
        return "channels-last" if self.memory_format == torch.channels_last else "contiguous"

    @property
    def title(self) -> str:
        return f"{self.precision} and {self.format_name}"


def place(module: nn.Module, device: torch.device, memory_format: torch.memory_format) -> nn.Module:
    moved: nn.Module = module.to(device=device, memory_format=memory_format)  # type: ignore[call-overload]  # torch's stub lacks it
    return moved


def measure(
    model: nn.Module,
    device: torch.device,
    setting: Setting,
    example: torch.Tensor,
    *,
    training: bool,
    limit: float = float("inf"),
) -> float:
    """Seconds a pass over the inputs ``example``, on a copy of the model; infinite where it is not possible.

    One whose first pass takes longer than ``limit`` seconds is not timed again.
    """
    precision, memory_format = setting
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
        return float("inf")  # an operator without this precision; another setting is used


def _best_time(once: Callable[[], None]) -> float:
    best, spent = float("inf"), 0.0
    while spent < _BUDGET_S:
        start = time.perf_counter()
        once()
        elapsed = time.perf_counter() - start
        best, spent = min(best, elapsed), spent + elapsed
    return best
