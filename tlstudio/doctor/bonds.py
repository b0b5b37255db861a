"""What belongs together: items joined by equal keys or by pairs, as one number for each group."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Pairs = npt.NDArray[np.int64]
"""Positions ``[M, 2]``."""


def components(count: int, pairs: Pairs, *keys: Sequence[str]) -> npt.NDArray[np.int64]:
    """int64 ``[count]``: equal where items are joined by pairs or by equal, non-empty keys, in any number of steps."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    joined = [pairs.reshape(-1, 2), *(_chain(column) for column in keys)]
    edges = np.concatenate(joined) if joined else np.empty((0, 2), np.int64)
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    numbers: npt.NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return numbers


def _chain(column: Sequence[str]) -> Pairs:
    last: dict[str, int] = {}
    edges = []
    for position, key in enumerate(column):
        if key:
            if key in last:
                edges.append((last[key], position))
            last[key] = position
    return np.array(edges, np.int64).reshape(-1, 2)


def members(numbers: npt.NDArray[np.int64], among: Iterable[int] | None = None) -> list[list[int]]:
    """Groups of more than one position each, in the order of their first; ``among``: of these positions alone."""
    groups: dict[int, list[int]] = {}
    for position in range(len(numbers)) if among is None else among:
        groups.setdefault(int(numbers[position]), []).append(position)
    return [group for group in groups.values() if len(group) > 1]
