"""Logits of files, and features of files, batch by batch."""

import time
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import nn

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.data.features import FeatureCache
from tlstudio.data.loading import PictureBatch, PictureLoader
from tlstudio.data.transforms import EvaluationTransform, Normalizer
from tlstudio.training.holding import hold
from tlstudio.training.memory import in_parts
from tlstudio.training.runtime import Runtime


def predict_files(
    model: nn.Module,
    paths: Sequence[str],
    preprocessing: Preprocessing,
    *,
    control: Control | None = None,
    batch_size: int = 32,
    runtime: Runtime | None = None,
) -> Generator[Event, None, tuple[np.ndarray, list[int]]]:
    """Yields progress; returns logits float32 ``[N, C]`` and the positions of the files that could be read.

    Without a ``runtime`` it computes in float32 where the model lies. Raises ``StoppedByUser`` when asked to stop,
    ``Parked`` when asked to park.
    """
    device = runtime.device if runtime else next(model.parameters()).device
    memory_format = runtime.memory_format if runtime else torch.contiguous_format
    normalize = Normalizer(preprocessing, device, memory_format)
    loader = PictureLoader(
        paths,
        EvaluationTransform(preprocessing),
        batch_size=batch_size,
        workers=runtime.workers if runtime else 0,
        pin_memory=device.type == "cuda",
    )
    model.eval()
    outputs: list[torch.Tensor] = []
    kept: list[int] = []
    meter = _Meter(len(paths), "pictures")
    for batch in loader.epoch(0):
        if control:
            control.raise_if_leaving()
        yield from unreadable(batch, paths)
        if batch.positions:
            with (
                torch.inference_mode(),
                runtime.autocast() if runtime else torch.autocast("cpu", enabled=False),
            ):
                outputs.append(in_parts(model, normalize(batch.pictures)).float().cpu())
            kept += batch.positions
        yield from meter.advance(len(batch.positions) + len(batch.failures))
    logits = torch.cat(outputs).numpy() if outputs else np.empty((0, 0), np.float32)
    return logits, kept


def compute_features(
    backbone: nn.Module,
    paths: Sequence[str],
    hashes: Sequence[str],
    preprocessing: Preprocessing,
    cache: FeatureCache,
    runtime: Runtime,
    control: Control,
    batch_size: int = 32,
) -> Generator[Event, None, None]:
    """Fills ``cache`` with what it lacks of ``paths``; one pass of the frozen backbone, each picture once.

    A batch is computed whole where it lacks anything, since a sum may depend in its last bit on what else is in its
    batch: features are the same however often the pass was interrupted.
    """
    starts = sorted({position - position % batch_size for position in cache.missing(hashes)})
    if not starts:
        return
    places = [p for start in starts for p in range(start, min(start + batch_size, len(paths)))]
    wanted = [paths[position] for position in places]
    normalize = Normalizer(preprocessing, runtime.device, runtime.memory_format)
    loader = PictureLoader(
        wanted,
        EvaluationTransform(preprocessing),
        batch_size=batch_size,
        workers=runtime.workers,
        pin_memory=runtime.device.type == "cuda",
    )
    backbone.eval()
    meter = _Meter(len(wanted), "pictures", "Computing features once")
    for batch in loader.epoch(0):
        yield from hold(control)
        control.raise_if_leaving()
        yield from unreadable(batch, wanted)
        if batch.positions:
            with torch.inference_mode(), runtime.autocast():
                rows = in_parts(backbone, normalize(batch.pictures)).float().cpu()
            names = [hashes[places[position]] for position in batch.positions]
            fresh = cache.missing(names)
            cache.add([names[i] for i in fresh], rows[fresh])
        yield from meter.advance(len(batch.positions) + len(batch.failures))


def unreadable(batch: PictureBatch, paths: Sequence[str]) -> Generator[Event, None, None]:
    for position, reason in batch.failures:
        yield Message(level="warning", text=f"{paths[position]} was skipped: {reason}")


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
