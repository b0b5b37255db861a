"""Fewer points that draw the same picture."""

import numpy as np

from tlstudio.gui.plots.series import FloatArray


def visible(x: FloatArray, left: float, right: float) -> slice:
    """The points between ``left`` and ``right``, and one more on each side so that lines reach the edges."""
    first = int(np.searchsorted(x, left, side="left")) - 1
    last = int(np.searchsorted(x, right, side="right")) + 1
    return slice(max(first, 0), min(last, x.size))


def peaks(x: FloatArray, y: FloatArray, bins: int) -> tuple[FloatArray, FloatArray]:
    """Keeps the lowest and the highest point of each of at most ``bins`` stretches, so that no spike is lost.

    Returns the points unchanged where there are no more than two for each bin.
    """
    n = x.size
    if bins < 1 or n <= 2 * bins:
        return x, y
    size = -(-n // bins)  # rounded up, so that what is left over is less than one bin
    bins = n // size
    head = size * bins
    folded = y[:head].reshape(bins, size)
    starts = np.arange(bins) * size
    low, high = starts + folded.argmin(axis=1), starts + folded.argmax(axis=1)
    index = np.empty(2 * bins, dtype=np.intp)
    index[0::2] = np.minimum(low, high)
    index[1::2] = np.maximum(low, high)
    ends = {0, n - 1}
    if head < n:  # what did not fill a whole bin
        ends |= {head + int(y[head:].argmin()), head + int(y[head:].argmax())}
    index = np.union1d(index, np.asarray(sorted(ends), dtype=np.intp))
    return x[index], y[index]


def evenly(x: FloatArray, y: FloatArray, points: int) -> tuple[FloatArray, FloatArray]:
    """Every k-th point and the last one: enough for a line that is smooth already."""
    step = max(1, x.size // max(points, 1))
    if step == 1:
        return x, y
    index = np.append(np.arange(0, x.size - 1, step), x.size - 1)
    return x[index], y[index]
