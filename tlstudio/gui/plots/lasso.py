"""Which points lie within an outline that was drawn."""

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def inside(points: Points, polygon: Points) -> npt.NDArray[np.bool_]:
    """Which of ``points [N, 2]`` lie within ``polygon [M, 2]`` (even-odd rule)."""
    x, y = points[:, 0], points[:, 1]
    result = np.zeros(len(points), bool)
    previous = polygon[-1]
    for corner in polygon:
        crosses = (corner[1] > y) != (previous[1] > y)
        rise = previous[1] - corner[1]
        if rise:
            result ^= crosses & (x < (previous[0] - corner[0]) * (y - corner[1]) / rise + corner[0])
        previous = corner
    return result
