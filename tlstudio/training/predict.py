"""Outputs of samples, and features of samples, batch by batch."""

import dataclasses
import time
from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from torch import nn

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.data.features import FeatureCache
from tlstudio.data.loading import Reading, SampleBatch, SampleLoader
from tlstudio.data.views import View, view_reading
from tlstudio.places import printable
from tlstudio.training.holding import hold
from tlstudio.training.memory import in_parts
from tlstudio.training.runtime import Runtime
from tlstudio.training.subject import Subject

Reduce = Callable[[torch.Tensor, SampleBatch], torch.Tensor]


class NotNumbers(TrainingError):
    """What a network says, or its loss, is NaN or infinite: nothing that is computed of it means anything."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """Where and how something is computed once: a run's runtime, or plainly in float32 where the model lies."""

    device: torch.device
    memory_format: torch.memory_format
    workers: int
    runtime: Runtime | None

    @classmethod
    def of(cls, runtime: Runtime | None, model: nn.Module) -> "Machine":
        if runtime:
            return cls(runtime.device, runtime.memory_format, runtime.workers, runtime)
        first = next(iter([*model.parameters(), *model.buffers()]), torch.empty(0))
        return cls(first.device, torch.contiguous_format, 0, None)

    def forward(self, model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        with (
            torch.inference_mode(),
            self.runtime.autocast() if self.runtime else torch.autocast("cpu", enabled=False),
        ):
            return in_parts(model, inputs).float()


def predict_samples(
    model: nn.Module,
    places: Sequence[str],
    subject: Subject,
    reading: Reading,
    *,
    control: Control | None = None,
    batch_size: int = 32,
    runtime: Runtime | None = None,
    reduce: Reduce | None = None,
) -> Generator[Event, None, tuple[np.ndarray, list[int]]]:
    """Yields progress; returns outputs float32 ``[N, ...]`` and the positions of the samples that could be read.

    ``reduce`` makes less of the outputs of a batch, before they are kept. Without a ``runtime`` it computes in float32
    where the model lies. Raises ``StoppedByUser`` when asked to stop, ``Parked`` when asked to park, ``NotNumbers``,
    and ``TrainingError`` where none of ``places`` can be read.
    """
    outputs, kept = yield from _outputs(model, places, subject, reading, control, batch_size, runtime, reduce)
    check_read(kept, places, subject.modality.noun[1])
    return outputs, kept


def predict_files(
    model: nn.Module,
    places: Sequence[str],
    subject: Subject,
    *,
    control: Control | None = None,
    batch_size: int = 32,
    runtime: Runtime | None = None,
) -> Generator[Event, None, tuple[np.ndarray, list[int]]]:
    """:func:`predict_samples` of files that nobody knows the targets of; perhaps none of them can be read."""
    samples = subject.make_samples()
    reading = Reading(samples.decode, samples.transform("none", False))
    return (yield from _outputs(model, places, subject, reading, control, batch_size, runtime))


def _outputs(
    model: nn.Module,
    places: Sequence[str],
    subject: Subject,
    reading: Reading,
    control: Control | None,
    batch_size: int,
    runtime: Runtime | None,
    reduce: Reduce | None = None,
) -> Generator[Event, None, tuple[np.ndarray, list[int]]]:
    machine = Machine.of(runtime, model)
    normalize = subject.make_samples().normalizer(machine.device, machine.memory_format)
    loader = SampleLoader(
        places, reading, batch_size=batch_size, workers=machine.workers, pin_memory=machine.device.type == "cuda"
    )
    model.eval()
    outputs: list[torch.Tensor] = []
    kept: list[int] = []
    meter = _Meter(len(places), subject.modality.noun[1])
    for batch in loader.epoch(0):
        if control:
            control.raise_if_leaving()
        yield from unreadable(batch, places)
        if batch.positions:
            found = machine.forward(model, normalize(batch.inputs))
            _check_numbers(found, batch, places, "The model answers")
            outputs.append(reduce(found, batch).cpu() if reduce else found.cpu())
            kept += batch.positions
        yield from meter.advance(len(batch.positions) + len(batch.failures))
    return torch.cat(outputs).numpy() if outputs else np.empty((0, 0), np.float32), kept


def compute_features(
    backbone: nn.Module,
    places: Sequence[str],
    hashes: Sequence[str],
    subject: Subject,
    cache: FeatureCache,
    runtime: Runtime,
    control: Control,
    batch_size: int = 32,
    view: View | None = None,
) -> Generator[Event, None, None]:
    """Fills ``cache`` with what it lacks of ``places``; one pass of the frozen backbone, each sample once.

    ``view``: not of the samples themselves, but of altered copies of them (whose key the cache must have).

    A batch is computed whole where it lacks anything, since a sum may depend in its last bit on what else is in its
    batch: features are the same however often the pass was interrupted. Raises ``NotNumbers``.
    """
    starts = sorted({position - position % batch_size for position in cache.missing(hashes)})
    if not starts:
        return
    needed = [p for start in starts for p in range(start, min(start + batch_size, len(places)))]
    wanted = [places[position] for position in needed]
    machine = Machine.of(runtime, backbone)
    samples = subject.make_samples()
    normalize = samples.normalizer(machine.device, machine.memory_format)
    reading = Reading(samples.decode, samples.transform("none", False))
    if view:
        made = samples.transform(view.augmentation, view.flip)
        reading = view_reading(samples.decode, made, [hashes[p] for p in needed], view)
    loader = SampleLoader(
        wanted,
        reading,
        batch_size=batch_size,
        workers=machine.workers,
        pin_memory=machine.device.type == "cuda",
    )
    backbone.eval()
    what = f"Computing features of altered copies, {view.number + 1}" if view else "Computing features once"
    meter = _Meter(len(wanted), subject.modality.noun[1], what)
    for batch in loader.epoch(0):
        yield from hold(control)
        control.raise_if_leaving()
        yield from unreadable(batch, wanted)
        if batch.positions:
            rows = machine.forward(backbone, normalize(batch.inputs)).cpu()
            _check_numbers(rows, batch, wanted, "The backbone answers")
            names = [hashes[needed[position]] for position in batch.positions]
            fresh = cache.missing(names)
            cache.add([names[i] for i in fresh], rows[fresh])
        yield from meter.advance(len(batch.positions) + len(batch.failures))


def view_features(
    backbone: nn.Module,
    places: Sequence[str],
    hashes: Sequence[str],
    subject: Subject,
    views: Sequence[View],
    cache_of: Callable[[str], FeatureCache],
    runtime: Runtime,
    control: Control,
) -> Generator[Event, None, tuple[torch.Tensor, ...]]:
    """Features ``[N, D]`` of each of ``views``, from the caches that ``cache_of`` opens for their keys, or computed.

    ``places`` are those that can be read.
    """
    rows = []
    for view in views:
        cache = cache_of(view.key)
        yield from compute_features(backbone, places, hashes, subject, cache, runtime, control, view=view)
        rows.append(cache.get(hashes))
    return tuple(rows)


def _check_numbers(found: torch.Tensor, batch: SampleBatch, places: Sequence[str], what: str) -> None:
    finite = torch.isfinite(found.reshape(len(found), -1)).all(1)
    if not finite.all():
        place = places[batch.positions[int(finite.logical_not().nonzero()[0])]]
        raise NotNumbers(
            f"{what} {printable(place)} with what is no number (NaN or infinite). Its weights are damaged or too large "
            "to compute with: choose other weights, or train with a lower learning rate."
        )


def check_read(kept: Sequence[int], places: Sequence[str], noun: str) -> None:
    """Raises ``TrainingError`` where there are ``places``, and none of them could be read."""
    if places and not kept:
        raise TrainingError(
            f"None of {len(places):,} {noun} can be read any more, such as {printable(places[0])}. Is the drive still "
            "connected? Bring them back and resume the run, or import the data again."
        )


def unreadable(batch: SampleBatch, places: Sequence[str]) -> Generator[Event, None, None]:
    for position, reason in batch.failures:
        yield Message(level="warning", text=f"{printable(places[position])} was skipped: {reason}")


class _Meter:
    """Progress events, at most ten a second and one at the end."""

    def __init__(self, total: int, unit: str, text: str = "") -> None:
        self._total, self._unit, self._text = total, unit, text
        self._done, self._start, self._last = 0, time.monotonic(), 0.0

    def advance(self, count: int) -> Generator[Event, None, None]:
        self._done += count
        now = time.monotonic()
        if now - self._last < 0.1 and self._done < self._total:
            return
        self._last = now
        eta = (now - self._start) / max(self._done, 1) * (self._total - self._done)
        yield Progress(done=self._done, total=self._total, unit=self._unit, text=self._text, eta=round(eta, 1))
