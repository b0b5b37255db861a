"""The nearest neighbours of every row by cosine, exactly, block by block: never N x N numbers at once."""

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from tlstudio.api.events import Event
from tlstudio.doctor.reducing import Matrix
from tlstudio.doctor.stages import Stage

_ROWS, _COLUMNS = 1024, 16_384  # of a block of products: 64 MB
_LANES = 32


def nearest(
    rows: Matrix, k: int, stage: Stage, key: str = ""
) -> Generator[Event, None, tuple[npt.NDArray[np.int64], Matrix]]:
    """``rows [N, D]`` of length 1. Returns positions and cosines ``[N, min(k, N - 1)]``, the nearest first.

    What is done is kept under ``key``, so that it goes on where it was interrupted.
    """
    count = len(rows)
    k = max(0, min(k, count - 1))
    positions, cosines = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
    meter = stage.meter(count)
    for start in range(0, count if k else 0, _ROWS):
        yield from stage.pause()
        end = min(start + _ROWS, count)
        found = stage.cache.load(f"{key}-{start}") if key else None
        if found is None:
            found = dict(zip(("positions", "cosines"), _block(rows, start, end, k), strict=True))
            if key:
                stage.cache.save(f"{key}-{start}", **found)
        positions[start:end], cosines[start:end] = found["positions"], found["cosines"]
        yield from meter.advance(end - start)
    return positions, cosines


def _block(rows: Matrix, start: int, end: int, k: int) -> tuple[npt.NDArray[np.int64], Matrix]:
    best_at: npt.NDArray[np.int64] = np.empty((end - start, 0), np.int64)
    best: Matrix = np.empty((end - start, 0), np.float32)
    for left in range(0, len(rows), _COLUMNS):
        right = min(left + _COLUMNS, len(rows))
        products = rows[start:end] @ rows[left:right].T
        inside = np.arange(max(start, left), min(end, right))
        products[inside - start, inside - left] = -2.0  # nothing is its own neighbour
        at = _largest(products, k)
        best_at = np.concatenate([best_at, at + left], 1)
        best = np.concatenate([best, np.take_along_axis(products, at, 1)], 1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best_at, best = np.take_along_axis(best_at, order, 1), np.take_along_axis(best, order, 1)
    return best_at, best


def _largest(products: Matrix, k: int) -> npt.NDArray[np.int64]:
    """Columns of the ``k`` largest of each row, in no order. They lie in the ``k`` lanes with the largest maxima."""
    count, columns = products.shape
    k = min(k, columns)
    lanes = columns // _LANES
    if lanes <= 4 * k:
        return np.argpartition(-products, k - 1, axis=1)[:, :k]
    whole = lanes * _LANES
    maxima = products[:, :whole].reshape(count, _LANES, lanes).max(1)
    chosen = np.argpartition(-maxima, k - 1, axis=1)[:, :k]
    inside = (chosen[:, None, :] + (np.arange(_LANES) * lanes)[None, :, None]).reshape(count, -1)
    rest = np.broadcast_to(np.arange(whole, columns), (count, columns - whole))
    candidates = np.concatenate([inside, rest], 1)
    values = np.take_along_axis(products, candidates, 1)
    return np.take_along_axis(candidates, np.argpartition(-values, k - 1, axis=1)[:, :k], 1)
