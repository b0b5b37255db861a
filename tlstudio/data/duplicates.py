"""Near duplicates: candidates from fingerprints, embeddings or pixels, proof by aligned pixels, clusters.

Fingerprints (:mod:`tlstudio.data.perceptual`) find copies that were resized, recompressed or flipped. Cropped copies
have other fingerprints; embeddings or pixels name them as candidates, and :func:`verify` tells them from different
photos of the same thing. Positions are those in the sequence that was given; pairs are ``(a, b)`` with ``a < b``.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import DataError
from tlstudio.data.alignment import Thumbnail, same_picture, thumbnail
from tlstudio.data.candidates import Ask, Pairs, candidates_from_embeddings, candidates_from_pixels
from tlstudio.data.fingerprints import bonds, near_pairs, nearest

__all__ = [
    "SAME", "Match", "bonds", "candidates", "candidates_from_embeddings", "candidates_from_hashes",
    "candidates_from_pixels", "clusters", "find", "near_pairs", "verify", "verify_pairs",
]  # fmt: skip

SAME = 0.5
"""From this certainty on, two pictures are held to be one photograph."""
_RADIUS = 20  # of 63 bits: candidates are verified, so that more may be asked for
_KEPT = 2048  # thumbnails in memory, about 22 kB each
_PIXELS_UP_TO = 10_000  # pictures; above, comparing all crops of all with all takes minutes
_FRUITLESS = 2000  # candidates in a row, the likeliest first, without a find: the rest is given up


class Match(NamedTuple):
    """``score``: 0 to 1, how sure it is that pictures ``a`` and ``b`` are one photograph."""

    a: int
    b: int
    score: float


def verify(place_a: str, place_b: str) -> float:
    """How sure it is that both are one photograph, from 0 to 1; see :data:`SAME`. Raises ``DataError``."""
    return same_picture(thumbnail(place_a), thumbnail(place_b))


def verify_pairs(places: Sequence[str], pairs: Iterable[tuple[int, int]]) -> Iterator[Match]:
    """Of each pair in turn. A picture that cannot be read is like no other (0)."""
    kept: OrderedDict[int, Thumbnail | None] = OrderedDict()

    def of(position: int) -> Thumbnail | None:
        if position in kept:
            kept.move_to_end(position)
            return kept[position]
        try:
            found = thumbnail(places[position])
        except DataError:
            found = None
        kept[position] = found
        if len(kept) > _KEPT:
            kept.popitem(last=False)
        return found

    for a, b in pairs:
        one, other = of(a), of(b)
        yield Match(a, b, same_picture(one, other) if one is not None and other is not None else 0.0)


def find(
    places: Sequence[str], phashes: Sequence[int | None], matrix: npt.NDArray[np.floating] | None = None,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> list[Match]:  # fmt: skip
    """All near duplicates among the pictures, the surest first, each proven by its pixels.

    ``matrix``: embeddings ``[N, D]`` of the same pictures; without them, pixels are compared where there are at most
    10,000 pictures. ``tick(done, total)`` is called with the candidates that were looked at, and may raise to stop.
    """
    pairs = candidates(places, phashes, matrix, lambda: tick(0, 0))
    found: list[Match] = []
    fruitless = 0
    for done, match in enumerate(verify_pairs(places, pairs), 1):
        if match.score >= SAME:
            found.append(match)
        fruitless = 0 if match.score >= SAME else fruitless + 1
        tick(done, len(pairs))
        if fruitless >= max(_FRUITLESS, len(places) // 4):
            break
    return sorted(found, key=lambda match: (-match.score, match.a, match.b))


def candidates(
    places: Sequence[str], phashes: Sequence[int | None], matrix: npt.NDArray[np.floating] | None = None,
    ask: Ask = lambda: None,
) -> list[tuple[int, int]]:  # fmt: skip
    """The pairs that are worth a look, the likeliest first: alternating between what names them."""
    lists = [candidates_from_hashes(phashes, ask=ask)]
    if matrix is not None:
        lists.append(candidates_from_embeddings(matrix, ask=ask))
    elif len(places) <= _PIXELS_UP_TO:
        lists.append(candidates_from_pixels(_thumbnails(places, ask), ask=ask))
    rank: dict[tuple[int, int], int] = {}
    for listed in lists:
        for position, (a, b) in enumerate(listed.tolist()):
            rank[a, b] = min(position, rank.get((a, b), position))
    return sorted(rank, key=lambda pair: (rank[pair], pair))


def candidates_from_hashes(phashes: Sequence[int | None], k: int = 3, ask: Ask = lambda: None) -> Pairs:
    """int64 ``[P, 2]``, the most similar first: of each picture the ``k`` with the nearest fingerprints."""
    return nearest(phashes, k, _RADIUS, ask)


def clusters(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The positions that are linked by pairs, directly or over others; each cluster and their list in order."""
    leader: dict[int, int] = {}

    def of(position: int) -> int:
        leader.setdefault(position, position)
        while leader[position] != position:
            leader[position] = leader[leader[position]]
            position = leader[position]
        return position

    for a, b in pairs:
        leader[of(b)] = of(a)
    together: dict[int, list[int]] = {}
    for position in sorted(leader):
        together.setdefault(of(position), []).append(position)
    return sorted(together.values())


def _thumbnails(places: Sequence[str], ask: Ask) -> Iterator[Thumbnail | None]:
    for place in places:
        ask()
        try:
            yield thumbnail(place)
        except DataError:
            yield None
