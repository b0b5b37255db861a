"""Which pictures could be near duplicates of one another, by their pixels."""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from tlstudio.data.alignment import Thumbnail, resized

Pairs = npt.NDArray[np.int64]
"""``[P, 2]``: two positions each, the smaller first; no pair twice."""
Ask = Callable[[], None]
"""Called now and then; raises to stop."""
_Rows = npt.NDArray[np.float32]

_BLOCK = 64 << 20  # bytes of similarities that are in memory at a time
_SIDE = 12  # pixels that are compared
_KEPT = 36  # pixels of which parts are taken
_PARTS = tuple((side, step * (_KEPT - side) // 2) for side in (32, 28) for step in range(3))  # of either direction


def candidates_from_pixels(thumbnails: Iterable[Thumbnail | None], k: int = 4, ask: Ask = lambda: None) -> Pairs:
    """The most similar first: of each picture, its parts and their mirror images, the ``k`` pictures that look most
    like one of them at 12 x 12 pixels. ``None`` is like no other. 10,000 pictures take about a minute on one core.
    """
    there: list[int] = []
    kept: list[_Rows] = []
    for position, one in enumerate(thumbnails):
        if one is not None:
            there.append(position)
            kept.append(resized(one.fine, _KEPT, _KEPT))
    if len(kept) < 2:
        return np.zeros((0, 2), np.int64)
    pictures = np.stack(kept)
    whole = _units(np.stack([resized(one, _SIDE, _SIDE) for one in kept]))

    def parts(start: int, stop: int) -> _Rows:
        block = pictures[start:stop]
        seen = [block]
        for high, top in _PARTS:
            seen += [block[:, top : top + high, left : left + wide] for wide, left in _PARTS if wide == high]
        small = [np.stack([resized(one, _SIDE, _SIDE) for one in part]) for part in seen]
        return np.stack([_units(one) for part in small for one in (part, part[:, :, ::-1])], 1)

    versions = 2 * (1 + len(_PARTS) ** 2 // 2)
    return np.array(there, np.int64)[_most_similar(whole, parts, versions, k, ask)].reshape(-1, 2)


def _units(pictures: _Rows) -> _Rows:
    rows = pictures.reshape(len(pictures), -1)
    rows = rows - rows.mean(1, keepdims=True)
    unit: _Rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return unit


def _most_similar(rows: _Rows, queries: Callable[[int, int], _Rows], versions: int, k: int, ask: Ask) -> Pairs:
    """``queries(start, stop)``: of these rows all the versions that are compared, ``[B, V, D]``, each unit length."""
    count = len(rows)
    k = min(k, count - 1)
    step = max(1, _BLOCK // (4 * count * versions))
    near, how = np.zeros((count, k), np.int64), np.zeros((count, k), np.float32)
    for start in range(0, count, step):
        ask()
        stop = min(start + step, count)
        asked = queries(start, stop)
        likeness = (asked.reshape(-1, asked.shape[2]) @ rows.T).reshape(stop - start, -1, count).max(1)
        likeness[np.arange(stop - start), np.arange(start, stop)] = -2
        best = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
        near[start:stop], how[start:stop] = best, np.take_along_axis(likeness, best, 1)
    return most_first(near, how)


def most_first(near: npt.NDArray[np.int64], how: npt.NDArray[np.float32]) -> Pairs:
    """``near`` ``[N, k]``: the neighbours of each; ``how``: their similarity. The pairs, the most similar first."""
    count, k = near.shape
    own = np.repeat(np.arange(count), k)
    other, alike = near.ravel(), how.ravel()
    low, high = np.minimum(own, other), np.maximum(own, other)
    order = np.lexsort((-alike, high, low))
    low, high, alike = low[order], high[order], alike[order]
    first = np.ones(len(low), bool)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    low, high, alike = low[first], high[first], alike[first]
    order = np.argsort(-alike, kind="stable")
    return np.stack([low[order], high[order]], 1)
