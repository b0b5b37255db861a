"""A colour map whose steps look alike: dark violet over green to yellow, also for those who do not see red or green."""

import functools

import numpy as np
import numpy.typing as npt

_STOPS = (
    (22, 6, 46), (40, 22, 92), (48, 49, 128), (45, 79, 142), (39, 107, 145), (34, 134, 143), (38, 161, 133),
    (70, 186, 112), (122, 207, 81), (183, 221, 53), (250, 231, 48),
)  # fmt: skip


@functools.cache
def table() -> npt.NDArray[np.uint8]:
    """``[256, 3]``, from low to high."""
    places = np.linspace(0, 255, len(_STOPS))
    columns = [np.interp(np.arange(256), places, channel) for channel in zip(*_STOPS, strict=True)]
    colours: npt.NDArray[np.uint8] = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    return colours


def coloured(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """``[H, W]`` to RGB ``[H, W, 3]``."""
    return np.take(table(), levels, axis=0)
