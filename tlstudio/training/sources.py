"""Where batches come from: samples through the loader, or rows of cached features."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch

from tlstudio.api.errors import TrainingError
from tlstudio.api.phases import Batch, Stream
from tlstudio.data import loading
from tlstudio.data.loading import SampleBatch, SampleLoader, drops_last
from tlstudio.places import printable
from tlstudio.project import SplitData
from tlstudio.training.reading import make_reading, strata_of
from tlstudio.training.runtime import Runtime
from tlstudio.training.sides import take
from tlstudio.training.subject import Subject


class Source(Protocol):
    """One stream. ``failures`` maps files that could not be read to the reason; ``notes`` are sentences to be told."""

    failures: dict[str, str]
    notes: list[str]

    def __len__(self) -> int:
        """Batches per epoch."""
        ...

    @property
    def samples(self) -> int: ...

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[int, Batch]]:
        """From batch ``first`` on, each with its number; one of which nothing could be read is left out."""
        ...


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Some samples of a split. ``targets``: theirs, in that order; ``None``: those of the split."""

    positions: list[int]
    targets: torch.Tensor | None = None


class SampleSource:
    failures: dict[str, str]
    notes: list[str]

    def __init__(
        self,
        split: SplitData,
        root: Path,
        stream: Stream,
        subject: Subject,
        runtime: Runtime,
        seed: int,
        chosen: Chosen | None = None,
    ) -> None:
        """``chosen``: only these of the split's samples, with these targets where there are any."""
        places = list(range(len(split.paths))) if chosen is None else chosen.positions
        self._positions = torch.tensor(places, dtype=torch.int64)
        targets = None if chosen is None else chosen.targets
        split = split if chosen is None else take(split, places)
        self._paths, self.failures, self.notes = split.paths, {}, []
        self._targets = subject.targets_of(split) if targets is None else targets
        self._device = runtime.device
        if stream.preprocessing is not None:
            subject = dataclasses.replace(subject, preprocessing=stream.preprocessing)
        reading = make_reading(subject, split, root, stream.augmentation, stream.flip, stream.views)
        self._views = len(stream.views)
        strata = strata_of(subject, split) if stream.sampler != "natural" and split.values else ()
        self._normalize = subject.make_samples().normalizer(runtime.device, runtime.memory_format)
        self._make_loader: Callable[[int], SampleLoader] = lambda workers: SampleLoader(
            split.paths,
            reading,
            batch_size=stream.batch_size,
            seed=seed,
            stream=stream.name,
            shuffle=True,
            sampler=stream.sampler,
            strata=strata,
            workers=workers,
            pin_memory=runtime.device.type == "cuda",
        )
        self._loader = self._make_loader(runtime.workers)

    def __len__(self) -> int:
        return len(self._loader)

    @property
    def samples(self) -> int:
        return len(self._paths)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[int, Batch]]:
        for number, batch in self._numbered(epoch, first):
            for position, reason in batch.failures:
                self.failures.setdefault(printable(self._paths[position]), reason)
            if len(batch.positions) > 1 or (batch.positions and len(self._paths) == 1):
                yield number, self._move(batch)

    def _numbered(self, epoch: int, number: int) -> Iterator[tuple[int, SampleBatch]]:
        """Order and augmentation are functions of the place, so another loader can go on where one broke down."""
        try:
            for batch in self._loader.epoch(epoch, number):
                yield number, batch
                number += 1
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            self.notes.append(
                "A process that loads samples ended unexpectedly (most often because memory ran out). Loading goes "
                "on without such processes; nothing was left out."
            )
            self._loader = self._make_loader(0)
            yield from self._numbered(epoch, number)

    def _move(self, batch: SampleBatch) -> Batch:
        places = torch.tensor(batch.positions)
        targets = self._targets[places] if batch.masks is None else batch.masks
        targets = targets.to(self._device, non_blocking=True)
        targets = targets if batch.masks is None else targets.long()
        if not self._views:
            return Batch(self._normalize(batch.inputs), targets, self._positions[places])
        first, *others = (self._normalize(view) for view in batch.inputs.unbind(1))
        return Batch(first, targets, self._positions[places], tuple(others))


class FeatureSource:
    """Batches of cached features ``[N, D]``, in the order that the samples would have. ``strata``: for its sampler;
    ``views``: features of altered copies of the same samples.
    """

    failures: dict[str, str]
    notes: list[str]

    def __init__(
        self,
        features: torch.Tensor,
        targets: torch.Tensor,
        stream: Stream,
        device: torch.device,
        seed: int,
        strata: Sequence[int] = (),
        views: Sequence[torch.Tensor] = (),
    ) -> None:
        self._features, self._targets = features.to(device), targets.to(device)
        self._views = [view.to(device) for view in views]
        self._sampler, self._strata = stream.sampler, strata
        self._size, self._seed, self._name = stream.batch_size, seed, stream.name
        self.failures, self.notes = {}, []

    def __len__(self) -> int:
        count = len(self._targets)
        return -(-count // self._size) - drops_last(count, self._size)

    @property
    def samples(self) -> int:
        return len(self._targets)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[int, Batch]]:
        order = torch.tensor(loading.order(self.samples, self._strata, self._sampler, self._seed, self._name, epoch))
        for number in range(first, len(self)):
            positions = order[number * self._size : (number + 1) * self._size]
            rows = positions.to(self._features.device)
            views = tuple(view[rows] for view in self._views)
            yield number, Batch(self._features[rows], self._targets[rows], positions, views)


Place = tuple[int, int]  # epoch of a stream, number of its next batch


class Streams:
    """All streams of a phase. One epoch is that of the first; the others go round, each in epochs of its own.

    ``others``: where each of them is; with the epoch and the first stream's next batch, that is all there is to
    know in order to go on.
    """

    def __init__(self, sources: dict[str, Source]) -> None:
        self.sources = sources
        self._first, *self._rest = sources
        self.others: dict[str, Place] = {}

    def __len__(self) -> int:
        return len(self.sources[self._first])

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[int, dict[str, Batch]]]:
        """From batch ``first`` of the first stream on; ``others`` decides about the rest unless ``first`` is 0."""
        if not first:
            self.others = {name: divmod(epoch * len(self), max(1, len(self.sources[name]))) for name in self._rest}
        rest = {name: self._endless(name) for name in self._rest}
        for number, batch in self.sources[self._first].epoch(epoch, first):
            yield number, {self._first: batch, **{name: next(other) for name, other in rest.items()}}

    def _endless(self, name: str) -> Iterator[Batch]:
        (epoch, first), empty = self.others[name], 0
        while empty < 2:  # two epochs without a batch: nothing of it can be read any more
            empty += 1
            for number, batch in self.sources[name].epoch(epoch, first):
                self.others[name], empty = (epoch, number + 1), 0
                yield batch
            epoch, first = epoch + 1, 0
        raise TrainingError(f"Nothing of the stream '{name}' can be read any more. Is the drive still connected?")
