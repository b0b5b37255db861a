"""Altered copies of samples whose features are kept: the same whenever, and in whichever split, they are made."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch

from tlstudio.data.loading import Reading
from tlstudio.seeding import derive, local_randomness


@dataclasses.dataclass(frozen=True)
class View:
    """The ``number``-th altered copy of every sample in a run with this ``seed``."""

    augmentation: str
    flip: bool
    seed: int
    number: int

    @property
    def key(self) -> str:
        """What the cache must know of it beside the network."""
        return f"{self.augmentation}{'' if self.flip else ', upright'}, seed {self.seed}, view {self.number}"

    def seed_of(self, sha256: str) -> int:
        """Of the alteration of the sample with this content."""
        return derive(self.seed, "view", self.augmentation, self.number, sha256)


@dataclasses.dataclass(frozen=True)
class _Seeded:
    """A transform whose randomness comes with the sample."""

    transform: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, sample: torch.Tensor, seed: int) -> torch.Tensor:
        with local_randomness(seed):
            return self.transform(sample)


@dataclasses.dataclass(frozen=True)
class _SeededReading(Reading):
    seeds: tuple[int, ...] = ()

    def read(self, place: str, position: int) -> tuple[Any, ...]:
        return self.decode(place), self.seeds[position]


def view_reading(
    decode: Callable[[str], torch.Tensor],
    transform: Callable[[torch.Tensor], torch.Tensor],
    hashes: Sequence[str],
    view: View,
) -> Reading:
    """Reads samples as ``view`` sees them; ``hashes`` of their contents, by position."""
    return _SeededReading(decode, _Seeded(transform), seeds=tuple(view.seed_of(sha256) for sha256 in hashes))
