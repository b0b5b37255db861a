"""Batches whose order and augmentation are pure functions of (seed, stream, epoch, sample), whoever loads them."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from tlstudio.api.errors import DataError
from tlstudio.data.transforms import decode
from tlstudio.seeding import derive, local_randomness, permutation

Key = tuple[int, int]  # epoch, position in the split


@dataclasses.dataclass(frozen=True)
class PictureBatch:
    """``pictures``: uint8 ``[N, 3, H, W]``; ``positions``: where in the split; ``failures``: what could not be read."""

    pictures: torch.Tensor
    positions: list[int]
    failures: list[tuple[int, str]]

    def pin_memory(self) -> "PictureBatch":
        return dataclasses.replace(self, pictures=self.pictures.pin_memory())


class PictureDataset(Dataset[tuple[int, "torch.Tensor | str"]]):
    """Decodes and transforms one picture; a file that cannot be read yields its sentence instead."""

    def __init__(
        self, paths: Sequence[str], transform: Callable[[torch.Tensor], torch.Tensor], seed: int, stream: str
    ) -> None:
        self._paths, self._transform, self._seed, self._stream = paths, transform, seed, stream

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, key: Key) -> "tuple[int, torch.Tensor | str]":
        epoch, position = key
        try:
            picture = decode(self._paths[position])
        except DataError as error:
            return position, str(error)
        with local_randomness(derive(self._seed, self._stream, epoch, position)):
            return position, self._transform(picture)


def collate(samples: "list[tuple[int, torch.Tensor | str]]") -> PictureBatch:
    good = [(position, picture) for position, picture in samples if isinstance(picture, torch.Tensor)]
    pictures = torch.stack([picture for _, picture in good]) if good else torch.empty(0, 3, 1, 1, dtype=torch.uint8)
    failures = [(position, reason) for position, reason in samples if isinstance(reason, str)]
    return PictureBatch(pictures, [position for position, _ in good], failures)


def drops_last(count: int, batch_size: int) -> bool:
    """Whether training leaves out the last batch of an epoch: a single sample has no batch statistics."""
    return count > 1 and count % batch_size == 1


class _Batches:
    """A batch sampler for one epoch at a time; lives in the main process, so that workers can stay alive."""

    def __init__(self, count: int, batch_size: int, seed: int, stream: str, shuffle: bool) -> None:
        self._count, self._size, self._seed, self._stream, self._shuffle = (
            count,
            batch_size,
            seed,
            stream,
            shuffle,
        )
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        whole = -(-self._count // self._size)
        return whole - drops_last(self._count, self._size) if self._shuffle else whole

    def __iter__(self) -> Iterator[list[Key]]:
        order = (
            permutation(self._count, self._seed, self._stream, "order", self.epoch)
            if self._shuffle
            else list(range(self._count))
        )
        for start in range(self.first * self._size, len(self) * self._size, self._size):
            yield [(self.epoch, position) for position in order[start : start + self._size]]


class PictureLoader:
    """Batches of one split. ``shuffle`` permutes by (seed, stream, epoch); ``first`` skips batches when resuming."""

    def __init__(
        self,
        paths: Sequence[str],
        transform: Callable[[torch.Tensor], torch.Tensor],
        *,
        batch_size: int,
        seed: int = 0,
        stream: str = "evaluation",
        shuffle: bool = False,
        workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self._batches = _Batches(len(paths), batch_size, seed, stream, shuffle)
        # Few batches are loaded faster than worker processes start.
        workers = workers if len(self._batches) >= 4 else 0
        self._loader: DataLoader[PictureBatch] = DataLoader(
            PictureDataset(paths, transform, seed, stream),  # type: ignore[arg-type]  # yields batches after collate
            batch_sampler=self._batches,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=pin_memory,
            persistent_workers=workers > 0,
            prefetch_factor=2 if workers else None,
        )

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[PictureBatch]:
        self._batches.epoch, self._batches.first = epoch, first
        return iter(self._loader)
