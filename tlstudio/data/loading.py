"""Batches whose order and augmentation are pure functions of (seed, stream, epoch, sample), whoever loads them."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from tlstudio.api.errors import DataError
from tlstudio.api.phases import Sampler
from tlstudio.data.masks import MaskReader
from tlstudio.seeding import derive, local_randomness, permutation

Key = tuple[int, int]  # epoch, position in the split
Sample = tuple[int, "tuple[torch.Tensor, torch.Tensor | None] | str"]


@dataclasses.dataclass(frozen=True)
class SampleBatch:
    """``inputs``: ``[N, ...]`` before normalisation; ``masks``: uint8 ``[N, H, W]`` where targets are masks;
    ``positions``: where in the split; ``failures``: what could not be read, and why.
    """

    inputs: torch.Tensor
    positions: list[int]
    failures: list[tuple[int, str]]
    masks: torch.Tensor | None = None

    def pin_memory(self) -> "SampleBatch":
        masks = None if self.masks is None else self.masks.pin_memory()
        return dataclasses.replace(self, inputs=self.inputs.pin_memory(), masks=masks)


@dataclasses.dataclass(frozen=True)
class Reading:
    """How one sample becomes an input. ``decode`` takes a place; ``transform`` what that gives, and the mask where
    there are ``masks``. With ``views``, transforms of further views, inputs are ``[1 + V, ...]``.
    """

    decode: Callable[[str], torch.Tensor]
    transform: Callable[..., Any]
    masks: MaskReader | None = None
    views: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = ()

    def read(self, place: str, position: int) -> tuple[Any, ...]:
        """What ``transform`` is given. Raises ``DataError``."""
        if self.masks is None:
            return (self.decode(place),)
        return self.decode(place), torch.from_numpy(self.masks.read(position))

    def make(self, raw: tuple[Any, ...]) -> Any:
        """The input, or the input and its mask. Draws from torch's global CPU generator."""
        if not self.views:
            return self.transform(*raw)
        return torch.stack([self.transform(*raw), *(view(raw[0]) for view in self.views)])


class SampleDataset(Dataset[Sample]):
    """Decodes and transforms one sample; one that cannot be read yields its sentence instead."""

    def __init__(self, places: Sequence[str], reading: Reading, seed: int, stream: str) -> None:
        self._places, self._reading, self._seed, self._stream = places, reading, seed, stream

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, key: Key) -> Sample:
        epoch, position = key
        try:
            raw = self._reading.read(self._places[position], position)
            with local_randomness(derive(self._seed, self._stream, epoch, position)):
                made = self._reading.make(raw)
        except DataError as error:
            return position, str(error)
        return position, made if isinstance(made, tuple) else (made, None)


def collate(samples: list[Sample]) -> SampleBatch:
    good = [(position, made) for position, made in samples if not isinstance(made, str)]
    failures = [(position, reason) for position, reason in samples if isinstance(reason, str)]
    if not good:
        return SampleBatch(torch.empty(0, 3, 1, 1, dtype=torch.uint8), [], failures)
    masks = [mask for _, (_, mask) in good if mask is not None]
    return SampleBatch(
        torch.stack([inputs for _, (inputs, _) in good]),
        [position for position, _ in good],
        failures,
        torch.stack(masks) if masks else None,
    )


def drops_last(count: int, batch_size: int) -> bool:
    """Whether training leaves out the last batch of an epoch: a single sample has no batch statistics."""
    return count > 1 and count % batch_size == 1


def order(count: int, strata: Sequence[int], sampler: Sampler, seed: int, stream: str, epoch: int) -> list[int]:
    """The positions of an epoch of training: each once, or drawn with replacement so that every stratum comes as often
    (balanced), or by the root of its size (square-root). Depends on nothing but its arguments.
    """
    if sampler == "natural" or not len(strata):
        return permutation(count, seed, stream, "order", epoch)
    _, inverse, sizes = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
    chance = sizes[inverse] ** (-1.0 if sampler == "balanced" else -0.5)
    random = np.random.default_rng(derive(seed, stream, "draw", epoch))
    drawn: list[int] = random.choice(count, count, p=chance / chance.sum()).tolist()
    return drawn


class _Batches:
    """A batch sampler for one epoch at a time; lives in the main process, so that workers can stay alive."""

    def __init__(self, count: int, batch_size: int, ordered: Callable[[int], list[int]] | None) -> None:
        self._count, self._size, self._ordered = count, batch_size, ordered
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        whole = -(-self._count // self._size)
        return whole - drops_last(self._count, self._size) if self._ordered else whole

    def __iter__(self) -> Iterator[list[Key]]:
        positions = self._ordered(self.epoch) if self._ordered else list(range(self._count))
        for start in range(self.first * self._size, len(self) * self._size, self._size):
            yield [(self.epoch, position) for position in positions[start : start + self._size]]


class SampleLoader:
    """Batches of one split. ``shuffle`` orders by (seed, stream, epoch), with ``strata`` by ``sampler``; ``first``
    skips batches when resuming.
    """

    def __init__(
        self,
        places: Sequence[str],
        reading: Reading,
        *,
        batch_size: int,
        seed: int = 0,
        stream: str = "evaluation",
        shuffle: bool = False,
        sampler: Sampler = "natural",
        strata: Sequence[int] = (),
        workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        def ordered(epoch: int) -> list[int]:
            return order(len(places), strata, sampler, seed, stream, epoch)

        self._batches = _Batches(len(places), batch_size, ordered if shuffle else None)
        # Few batches are loaded faster than worker processes start.
        workers = workers if len(self._batches) >= 4 else 0
        self._loader: DataLoader[SampleBatch] = DataLoader(
            SampleDataset(places, reading, seed, stream),  # type: ignore[arg-type]  # yields batches after collate
            batch_sampler=self._batches,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=pin_memory,
            persistent_workers=workers > 0,
            prefetch_factor=2 if workers else None,
        )

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[SampleBatch]:
        self._batches.epoch, self._batches.first = epoch, first
        return iter(self._loader)
