"""The batch size: doubled as long as more samples a second come of it, and memory suffices."""

import dataclasses
import time
from collections.abc import Generator
from typing import Any

import torch

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event, Progress
from tlstudio.api.phases import Batch
from tlstudio.control import Control
from tlstudio.finding import copies, curves
from tlstudio.finding.copies import RunCopy
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.sources import Streams
from tlstudio.training.stepping import Batches

SMALLEST, LARGEST = 4, 1024
_SECONDS = 0.5  # of measurement for each size, after one step that does not count


def find_batch_job(
    control: Control, project: str, request: dict[str, Any], largest: int = LARGEST
) -> Generator[Event, None, dict[str, Any]]:
    """The job ``find-batch``: see :func:`find_batch`."""
    with Project.open(project) as opened:
        return (yield from find_batch(control, opened, Registry.discover(), request, largest))


def find_batch(
    control: Control, project: Project, registry: Registry, request: dict[str, Any], largest: int = LARGEST
) -> Generator[Event, None, dict[str, Any]]:
    """On a copy of the run that ``request`` describes, by whole steps: forward, backward, update.

    ``sizes`` and ``samples_per_second`` at each; ``memory_bytes`` on a GPU, at its peak. ``suggestion``: the size
    after which less than 5 % is gained by doubling; at most a fourth of the training samples, so that an epoch has
    steps. Raises ``UsageError``, ``TrainingError`` where not even the smallest fits, and ``StoppedByUser``.
    """
    with copies.same_randomness(), copies.scratch() as folder:
        copy = yield from copies.make(control, project, registry, request, folder)
        _, batch = next(iter(Streams(copy.sources).epoch(0)))
        first = next(iter(copy.sources.values()))
        most = max(SMALLEST, min(largest, first.samples // 4))
        sizes, speeds, memory, ended = list[int](), list[float](), list[int](), "largest"
        size = SMALLEST
        while size <= most:
            control.raise_if_stopped()
            yield Progress(done=len(sizes), total=0, unit="sizes", text=f"Batches of {size}")
            try:
                speed, peak = _measure(copy, _tiled(batch, size))
            except TrainingError:
                if not sizes:
                    raise
                speed, peak = 0.0, 0
            if not speed:
                ended = "memory"
                break
            sizes, speeds, memory = [*sizes, size], [*speeds, speed], [*memory, peak]
            if curves.best_batch(speeds)[1]:
                ended = "speed"
                break
            size *= 2
        best, _ = curves.best_batch(speeds)
        now = copy.option("batch_size")
        return {
            "phase": copy.phase.title,
            "sizes": sizes,
            "samples_per_second": [round(speed, 2) for speed in speeds],
            "memory_bytes": memory,
            "ended_by": ended,
            "suggestion": sizes[best],
            "option": "batch_size" if now is not None else "",
            "value": sizes[best] if now is not None else None,
            "now": now,
            "note": _note(ended, sizes[best]),
        }


def _note(ended: str, size: int) -> str:
    why = {
        "speed": "Larger batches bring no more samples a second.",
        "memory": "A larger batch does not fit into memory.",
        "largest": "Larger ones were not tried: an epoch is to have some steps.",
    }[ended]
    return f"{why} It is the fastest batch, not the best for learning: with a larger one, raise the learning rate too."


def _measure(copy: RunCopy, batch: Batches) -> tuple[float, int]:
    """Samples a second and peak memory; 0 where the batch had to be cut into parts."""
    stepper, device = copy.stepper, copy.prepared.runtime.device
    count = len(next(iter(batch.values())).targets)
    stepper.rate = 1e-6  # so that the weights hardly move meanwhile
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    best, spent = float("inf"), 0.0
    for number in range(1_000):
        started = time.perf_counter()
        float(stepper.step([batch], 0, 0).loss)
        elapsed = time.perf_counter() - started
        if stepper.parts > 1:
            stepper.parts = 1
            return 0.0, 0
        if number:
            best, spent = min(best, elapsed), spent + elapsed
            if spent > _SECONDS:
                break
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return count / best, int(peak)


def _tiled(batch: Batches, size: int) -> Batches:
    """So many samples in the first stream, in the others as many for each of these as there are now."""
    base = len(next(iter(batch.values())).targets)
    return {name: _repeat(own, max(1, round(len(own.targets) * size / base))) for name, own in batch.items()}


def _repeat(batch: Batch, count: int) -> Batch:
    places = torch.arange(count) % len(batch.targets)
    there = places.to(batch.inputs.device)
    return dataclasses.replace(
        batch,
        inputs=batch.inputs[there],
        targets=batch.targets[places.to(batch.targets.device)],
        indices=batch.indices[places],
        views=tuple(view[there] for view in batch.views),
    )
