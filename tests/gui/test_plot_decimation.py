import numpy as np
import pytest

from tlstudio.gui.plots.decimate import peaks


@pytest.mark.parametrize("count", [1001, 1499, 1999, 2000, 123_457])
def test_that_fewer_points_leave_no_gap_and_lose_no_spike(count: int) -> None:
    x = np.arange(count, dtype=np.float64)
    y = np.random.default_rng(0).normal(size=count)
    y[count // 3], y[-5] = 50.0, -50.0
    kept_x, kept_y = peaks(x, y, 500)
    assert len(kept_x) <= 2 * 500 + 4
    assert {50.0, -50.0} <= set(kept_y)
    assert np.diff(kept_x).max() <= 2 * -(-count // 500)
    assert (kept_x[0], kept_x[-1]) == (0, count - 1)
