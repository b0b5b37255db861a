"""Searches many fingerprints (:mod:`tlstudio.data.perceptual`) for those that differ in few of their bits.

Mirror images count: the distance of two is the lesser of that to the one and that to the other's mirror image.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tlstudio.data.candidates import Ask, Pairs, most_first
from tlstudio.data.perceptual import MIRRORED

Hashes = npt.NDArray[np.uint64]
_EXACT_UP_TO = 20_000  # all with all: 2 s on one core
_BANDS = ((0, 16), (16, 16), (32, 16), (48, 15))  # first bit, bits
_LONGEST = 400  # fingerprints with the same band that are compared with each other
_WORK = 400_000_000  # comparisons for how crowded it is around the candidates: 2 s
_FAR = 255


def nearest(phashes: Sequence[int | None], k: int, radius: int, ask: Ask = lambda: None) -> Pairs:
    """Of each the ``k`` nearest with at most ``radius`` different bits, the nearest pairs first; ``None`` is near no
    other.

    Of more than 20,000: all pairs with at most 3 different bits, and of those with up to 7 the ones that share a
    quarter of the fingerprint.
    """
    there, hashes = _known(phashes)
    count = len(hashes)
    if count < 2:
        return np.zeros((0, 2), np.int64)
    if count > _EXACT_UP_TO:
        pairs, distances = _by_bands(hashes, min(radius, 7), ask)
        return there[pairs[np.argsort(distances, kind="stable")]].reshape(-1, 2)
    k = min(k, count - 1)
    near, how = np.zeros((count, k), np.int64), np.zeros((count, k), np.float32)
    for start, distance in _blocks(hashes, hashes, ask):
        rows = np.arange(start, start + len(distance))
        distance[np.arange(len(rows)), rows] = _FAR
        best = np.argpartition(distance, k - 1, axis=1)[:, :k]
        near[rows], how[rows] = best, -np.take_along_axis(distance, best, 1).astype(np.float32)
    pairs = most_first(near, how)
    return there[pairs[_distance(hashes[pairs[:, 0]], hashes[pairs[:, 1]]) <= radius]].reshape(-1, 2)


def bonds(phashes: Sequence[int | None] | Hashes) -> Pairs:
    """The pairs that are copies as far as fingerprints alone can tell: nearer to each other than is usual among these
    pictures, with a gap around them. Pictures that are all alike (digits, signs) therefore have next to none. A
    picture is near all that it is held together with, not only the next one: bonds make no chains.
    """
    there, hashes = _known(phashes)
    unique, first, which, counts = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
    radius = _usual_radius(unique)
    if radius < 0:
        pairs, distances = np.zeros((0, 2), np.int64), np.zeros(0, np.uint8)
    else:
        pairs, distances = _near(unique, radius, lambda: None)
    several = np.flatnonzero(counts > 1)
    own = np.stack([several, several], 1)
    pairs, distances = np.concatenate([own, pairs]), np.concatenate([np.zeros(len(own), np.uint8), distances])
    apart = _stand_apart(unique, pairs, distances, max(radius, 0))
    kept = _complete(unique, counts, pairs[apart], distances[apart], 2 * max(radius, 0), max(100, len(hashes) // 50))
    alone = kept[:, 0] == kept[:, 1]
    doubled = np.zeros(len(unique), bool)
    doubled[kept[alone, 0]] = True
    again = np.setdiff1d(np.flatnonzero(doubled[which]), first)
    found = np.concatenate([np.stack([first[which[again]], again], 1), first[kept[~alone]]])
    return np.sort(there[found], axis=1).reshape(-1, 2)


def _near(hashes: Hashes, radius: int, ask: Ask) -> tuple[Pairs, npt.NDArray[np.uint8]]:
    return (_all_with_all if len(hashes) <= _EXACT_UP_TO else _by_bands)(hashes, radius, ask)


def _stand_apart(hashes: Hashes, pairs: Pairs, distances: npt.NDArray[np.uint8], radius: int) -> npt.NDArray[np.bool_]:
    """Whether nothing lies just outside of the radius around either picture of a pair; the farther apart they are
    themselves, the wider the gap. Of very many pictures, a part is looked at.
    """
    asked, where = np.unique(pairs, return_inverse=True)
    where = where.reshape(-1, 2)
    looked_at = hashes[:: max(1, -(-len(asked) * len(hashes) // _WORK))]
    widest = 3 * radius // 2 + 4
    within = np.zeros((len(asked), widest + 1), np.int64)
    for start, distance in _blocks(hashes[asked], looked_at, lambda: None):
        for bits in range(radius, widest + 1):
            within[start : start + len(distance), bits] = np.count_nonzero(distance <= bits, axis=1)
    gap = 3 * distances.astype(np.int64) // 2 + 4
    crowd = [within[where[:, side], np.maximum(gap, radius)] - within[where[:, side], radius] for side in (0, 1)]
    alone: npt.NDArray[np.bool_] = crowd[0] + crowd[1] == 0
    return alone


def _complete(
    hashes: Hashes, counts: npt.NDArray[np.int64], pairs: Pairs, distances: npt.NDArray[np.uint8],
    widest: int, largest: int,
) -> Pairs:  # fmt: skip
    """Those pairs that join sets whose members are all near each other and not too many; the nearest pairs first."""
    members: dict[int, list[int]] = {}
    leader: dict[int, int] = {}
    kept: list[int] = []
    order = np.lexsort((pairs[:, 1], pairs[:, 0], distances))
    for position, (a, b) in zip(order.tolist(), pairs[order].tolist(), strict=True):
        one, other = leader.get(a, a), leader.get(b, b)
        ours, theirs = members.get(one, [one]), members.get(other, [other])
        if one == other:
            if a == b and counts[a] <= largest:
                kept.append(position)
            continue
        if int(counts[ours].sum() + counts[theirs].sum()) > largest:
            continue
        if len(ours) * len(theirs) > 1 and _distance(hashes[ours][:, None], hashes[theirs]).max() > widest:
            continue
        kept.append(position)
        members[one] = ours + theirs
        leader.update(dict.fromkeys(theirs, one))
        leader[one] = one
    return pairs[np.array(kept, np.int64)].reshape(-1, 2)


def _known(phashes: Sequence[int | None] | Hashes) -> tuple[npt.NDArray[np.int64], Hashes]:
    if isinstance(phashes, np.ndarray):
        return np.arange(len(phashes)), phashes
    there = np.array([position for position, one in enumerate(phashes) if one is not None], np.int64)
    hashes = np.fromiter((one for one in phashes if one is not None), np.uint64, len(there))
    return there, hashes


def _distance(a: Hashes, b: Hashes) -> npt.NDArray[np.uint8]:
    different = a ^ b
    least: npt.NDArray[np.uint8] = np.minimum(
        np.bitwise_count(different), np.bitwise_count(different ^ np.uint64(MIRRORED))
    )
    return least


def _blocks(asked: Hashes, hashes: Hashes, ask: Ask) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """The distances ``[B, N]`` of some of those asked for to all others, with the position of their first."""
    step = max(1, 4_000_000 // max(1, len(hashes)))
    for start in range(0, len(asked), step):
        ask()
        yield start, _distance(asked[start : start + step, None], hashes[None, :])


def _all_with_all(hashes: Hashes, radius: int, ask: Ask) -> tuple[Pairs, npt.NDArray[np.uint8]]:
    found: list[Pairs] = [np.zeros((0, 2), np.int64)]
    distances: list[npt.NDArray[np.uint8]] = [np.zeros(0, np.uint8)]
    for start, distance in _blocks(hashes, hashes, ask):
        a, b = np.nonzero(distance <= radius)
        upper = b > a + start
        a, b = a[upper], b[upper]
        found.append(np.stack([a + start, b], 1))
        distances.append(distance[a, b])
    return np.concatenate(found), np.concatenate(distances)


def _by_bands(hashes: Hashes, radius: int, ask: Ask) -> tuple[Pairs, npt.NDArray[np.uint8]]:
    """Two fingerprints with at most three different bits are the same in one of four bands at least."""
    count = len(hashes)
    both = np.concatenate([hashes, hashes ^ np.uint64(MIRRORED)])
    codes: list[npt.NDArray[np.uint64]] = []
    for first, bits in _BANDS:
        ask()
        band = (both >> np.uint64(first)) & np.uint64((1 << bits) - 1)
        # Within a band those with a similar rest are neighbours, for bands that very many share.
        rest = (both << np.uint64(64 - first)) | (both >> np.uint64(first + bits)) if first else both >> np.uint64(bits)
        order = np.lexsort((rest, band)).astype(np.int64)
        band, ordered = band[order].astype(np.uint16), both[order]
        for off in range(1, _LONGEST):
            same = np.flatnonzero(band[off:] == band[:-off])
            if not len(same):
                break
            near = np.bitwise_count(ordered[same] ^ ordered[same + off]) <= radius
            a, b = order[same[near]] % count, order[same[near] + off] % count
            codes.append(_codes(a[a != b], b[a != b]))
    unique = np.unique(np.concatenate(codes)) if codes else np.zeros(0, np.uint64)
    pairs = np.stack([(unique >> np.uint64(32)).astype(np.int64), (unique & np.uint64(0xFFFFFFFF)).astype(np.int64)], 1)
    return pairs, _distance(hashes[pairs[:, 0]], hashes[pairs[:, 1]])


def _codes(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    low, high = np.minimum(a, b).astype(np.uint64), np.maximum(a, b).astype(np.uint64)
    return np.unique(low << np.uint64(32) | high)


def _usual_radius(hashes: Hashes) -> int:
    """A third of the distance at which a picture has its fifth neighbour, in the middle: -1 where nothing is usual."""
    count = len(hashes)
    if count < 2:
        return -1
    asked = hashes[:: max(1, count // 300)]
    rank = min(5, count - 1)
    fifth = [
        float(value)
        for _, distance in _blocks(asked, hashes, lambda: None)
        for value in np.partition(distance, rank, axis=1)[:, rank]  # 0 is the picture itself
    ]
    usual = float(np.median(fifth))
    return min(6, int(usual * 0.35)) if count > 5 else 4
