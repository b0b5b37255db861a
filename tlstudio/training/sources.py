"""Where batches come from: pictures through the loader, or rows of cached features."""

from collections.abc import Generator, Iterator
from typing import Protocol

import torch

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.method import Batch, Stream
from tlstudio.data.loading import PictureBatch, PictureLoader, drops_last
from tlstudio.data.transforms import Normalizer, make_transform
from tlstudio.project import SplitData
from tlstudio.seeding import permutation
from tlstudio.training.runtime import Runtime


class Source(Protocol):
    """One stream. ``failures`` collects files that could not be read, for the loop to tell."""

    failures: list[tuple[str, str]]

    def __len__(self) -> int:
        """Batches per epoch."""
        ...

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]: ...


class PictureSource:
    def __init__(
        self, split: SplitData, stream: Stream, preprocessing: Preprocessing, runtime: Runtime, seed: int
    ) -> None:
        self._paths, self.failures = split.paths, []
        self._labels = torch.tensor(split.labels, dtype=torch.int64)
        self._device = runtime.device
        self._normalize = Normalizer(preprocessing, runtime.device, runtime.memory_format)
        self._loader = PictureLoader(
            split.paths,
            make_transform(preprocessing, stream.augmentation, stream.flip),
            batch_size=stream.batch_size,
            seed=seed,
            stream=stream.name,
            shuffle=True,
            workers=runtime.workers,
            pin_memory=runtime.device.type == "cuda",
        )

    failures: list[tuple[str, str]]

    def __len__(self) -> int:
        return len(self._loader)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        for batch in self._loader.epoch(epoch, first):
            self.failures += [(self._paths[position], reason) for position, reason in batch.failures]
            if len(batch.positions) > 1 or (batch.positions and len(self._paths) == 1):
                yield self._move(batch)

    def _move(self, batch: PictureBatch) -> Batch:
        positions = torch.tensor(batch.positions)
        targets = self._labels[positions].to(self._device, non_blocking=True)
        return Batch(self._normalize(batch.pictures), targets, positions)


class FeatureSource:
    """Batches of cached features ``[N, D]``, permuted as the pictures would be."""

    def __init__(
        self, features: torch.Tensor, labels: torch.Tensor, stream: Stream, device: torch.device, seed: int
    ) -> None:
        self._features, self._labels = features.to(device), labels.to(device)
        self._size, self._seed, self._name = stream.batch_size, seed, stream.name
        self.failures: list[tuple[str, str]] = []

    def __len__(self) -> int:
        count = len(self._labels)
        return -(-count // self._size) - drops_last(count, self._size)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        order = torch.tensor(permutation(len(self._labels), self._seed, self._name, "order", epoch))
        for number in range(first, len(self)):
            positions = order[number * self._size : (number + 1) * self._size]
            rows = positions.to(self._features.device)
            yield Batch(self._features[rows], self._labels[rows], positions)


def together(sources: dict[str, Source], epoch: int) -> Generator[dict[str, Batch], None, None]:
    """One epoch of the first source; the others go round, each at its own place in its own epochs."""
    first, *rest = sources
    length = len(sources[first])
    others = {name: _endless(sources[name], epoch * length) for name in rest}
    for batch in sources[first].epoch(epoch):
        yield {first: batch, **{name: next(other) for name, other in others.items()}}


def _endless(source: Source, position: int) -> Iterator[Batch]:
    epoch, first = divmod(position, max(1, len(source)))
    while True:
        yield from source.epoch(epoch, first)
        epoch, first = epoch + 1, 0
