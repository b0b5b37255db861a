"""The range of values that a chart shows."""

import math

import numpy as np

from tlstudio.gui.plots.series import FloatArray


def inside(place: float, text: float, room: float) -> float:
    """How much of a text that is ``text`` pixels wide lies left of ``place``, 0 to 1: it stands on the side where there
    is more room, and does not leave the ``room`` where that can be helped.
    """
    wish = 1.0 if place > room / 2 else 0.0
    if text <= 0:
        return wish
    return min(max(wish, 1 - (room - place) / text, 0.0), max(place / text, 0.0), 1.0)


def extent(shown: list[FloatArray], *, log: bool) -> tuple[float, float]:
    """A range that does not creep with every point: its top is the next round number."""
    if not shown:
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = min(float(y.min()) for y in shown), max(float(y.max()) for y in shown)
    if log:
        positive = [float(np.quantile(y[y > 0], 0.01)) for y in shown if (y > 0).any()]
        return (min(positive), max(high, min(positive) * 1.1)) if positive else (0.1, 1.0)
    step = 10.0 ** math.floor(math.log10(max(abs(high), abs(low), 1e-9))) / 2
    top = math.ceil(high / step) * step
    if low > 0.6 * high > 0:  # a flat line high up: zero would take the room that its shape needs
        step = 10.0 ** math.floor(math.log10(max(high - low, high * 0.02)))
        return math.floor(low / step) * step, math.ceil(high / step) * step + step
    return (0.0 if low >= 0 else math.floor(low / step) * step), top if top > 0 else step
