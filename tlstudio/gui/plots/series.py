"""Growing buffers of points, and their exponential smoothing, both at a constant cost per point."""

import math
from array import array
from bisect import bisect_right
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SMOOTHING = (0.0, 0.6, 0.9, 0.98)
"""Shares of the past that smoothing keeps; 0 leaves the line as it is."""

_BLOCK = 256


class Series:
    """Points ``(x, y)`` with ``x`` never falling. Appending is amortised O(1); arrays are views, not copies.

    Each point may know the training step that it belongs to (never falling), so that what a run took back can go.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self._data: FloatArray = np.empty((2, max(capacity, 16)))
        self._length = 0
        self._steps = array("q")
        self._smooth: dict[float, _Smoothed] = {}

    def __len__(self) -> int:
        return self._length

    @property
    def x(self) -> FloatArray:
        return self._data[0, : self._length]

    @property
    def y(self) -> FloatArray:
        return self._data[1, : self._length]

    def append(self, x: float, y: float, step: int = 0) -> None:
        """Adds one point. What is not finite is left out: a line cannot show it."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        if self._length == self._data.shape[1]:
            grown: FloatArray = np.empty((2, self._length * 2))
            grown[:, : self._length] = self._data
            self._data = grown
        self._data[0, self._length] = x
        self._data[1, self._length] = y
        self._steps.append(step)
        self._length += 1

    def drop_after(self, step: int, x: float = math.inf) -> None:
        """Takes back every point of a later step, and every one beyond ``x``."""
        kept = min(bisect_right(self._steps, step), int(np.searchsorted(self.x, x, side="right")))
        if kept < self._length:
            del self._steps[kept:]
            self._length = kept
            self._smooth.clear()

    def smoothed(self, share: float) -> FloatArray:
        """``y`` smoothed by a bias-corrected exponential mean. Only points that are new are computed."""
        if share <= 0:
            return self.y
        return self._smooth.setdefault(share, _Smoothed(share)).of(self.y)


class _Smoothed:
    """Keeps the smoothed values so far; asks of a new point no look at the old ones."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._values: FloatArray = np.empty(1024)
        self._done = 0
        self._carry = 0.0  # the uncorrected mean after the last point that was computed

    def of(self, y: FloatArray) -> FloatArray:
        if y.size > self._values.size:
            grown: FloatArray = np.empty(max(y.size, self._values.size * 2))
            grown[: self._done] = self._values[: self._done]
            self._values = grown
        while self._done < y.size:
            block = y[self._done : self._done + _BLOCK]
            kernel, powers = _kernel(self._share)
            n = block.size
            raw = kernel[:n, :n] @ block + powers[:n] * self._carry
            weight = 1.0 - self._share ** np.arange(self._done + 1.0, self._done + n + 1.0)
            self._values[self._done : self._done + n] = raw / weight
            self._carry = float(raw[-1])
            self._done += n
        return self._values[: y.size]


@lru_cache(maxsize=8)
def _kernel(share: float) -> tuple[FloatArray, FloatArray]:
    """The recursion ``m = share * m + (1 - share) * y`` over a block, written as one matrix."""
    steps = np.arange(_BLOCK, dtype=np.float64)
    distance = steps[:, None] - steps[None, :]
    kernel = np.where(distance >= 0, (1.0 - share) * share ** np.maximum(distance, 0.0), 0.0)
    return kernel, share ** (steps + 1.0)
