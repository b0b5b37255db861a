"""Randomness as a pure function of where it is needed, so that resuming a run is arithmetic."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive(seed: int, *where: str | int) -> int:
    """A 63-bit seed from the run's seed and a place such as ``("train", epoch, index)``."""
    text = "/".join([str(seed), *map(str, where)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(seed: int, *where: str | int) -> torch.Generator:
    """A CPU generator seeded from ``derive``."""
    return torch.Generator().manual_seed(derive(seed, *where))


def permutation(count: int, seed: int, *where: str | int) -> list[int]:
    """A permutation of ``0..count-1`` that depends on nothing but its arguments."""
    order: list[int] = torch.randperm(count, generator=generator(seed, *where)).tolist()
    return order


def seed_step(seed: int, device: torch.device) -> None:
    """Seeds what dropout and its like draw from, on the CPU and on ``device``, and what plugins may draw from: the
    global generators of Python and NumPy.

    ``torch.manual_seed`` would do the same, but notes a call, with its stack, for every accelerator that has not been
    initialised: too slow, and without end, for something done at each step.
    """
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def local_randomness(seed: int) -> Iterator[None]:
    """Code inside draws from torch's global CPU generator as if freshly seeded; outside nothing has changed."""
    state = torch.default_generator.get_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.default_generator.set_state(state)
