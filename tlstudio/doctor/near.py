"""Items that show the same though they are not the same file: candidates by fingerprint and by features, verified."""

from collections.abc import Generator, Sequence

import numpy as np
import numpy.typing as npt

from tlstudio.api.events import Event, Progress
from tlstudio.data.alignment import SAME
from tlstudio.data.candidates import candidates_from_pixels
from tlstudio.data.fingerprints import nearest
from tlstudio.doctor import odd_texts
from tlstudio.doctor.bonds import Pairs
from tlstudio.doctor.case import Case
from tlstudio.doctor.features import Features, Neighbours
from tlstudio.doctor.likeness import Likeness

NONE: Pairs = np.empty((0, 2), np.int64)
_NEAREST = 3  # neighbours of each picture that are looked at, by fingerprints and by features
_RADIUS = 20  # of 63 bits: candidates are verified, so that more may be asked for
_BY_PIXELS_UP_TO = 2_000  # pictures, all parts of which are compared with all others
_FRUITLESS = 2_000  # candidates in a row, the likeliest first, without a find: the rest is given up
_CHUNK = 250


def find(case: Case, features: Features | None, neighbours: Neighbours | None) -> Generator[Event, None, Pairs]:
    """Positions ``[M, 2]`` in ``case.records``."""
    if case.modality.id == "text":
        return odd_texts.same_words(case)
    if case.modality.id != "image":
        case.skipped.append(
            f"Near duplicates: of {case.several}, copies are found where they are the same byte for byte."
        )
        return NONE
    if not case.info.root_found or len(case.records) < 2:
        return NONE
    alone = _first_of_each(case.hashes)
    likeness = Likeness(case)
    candidates = yield from _candidates(case, alone, likeness, features, neighbours)
    return (yield from _verified(case, candidates, likeness))


def _first_of_each(hashes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Positions of the first of equal files."""
    first: dict[str, int] = {}
    for position, sha256 in enumerate(hashes):
        first.setdefault(sha256, position)
    return np.array(list(first.values()), np.int64)


def _candidates(
    case: Case,
    alone: npt.NDArray[np.int64],
    likeness: Likeness,
    features: Features | None,
    neighbours: Neighbours | None,
) -> Generator[Event, None, list[tuple[int, int]]]:
    """The likeliest first: alternating between what names them."""
    text = "Looking for near duplicates"
    yield Progress(done=0, total=0, unit=case.several, text=text)
    stop = case.control.raise_if_stopped
    lists = [alone[nearest([case.records[p].phash for p in alone], _NEAREST, _RADIUS, stop)]]
    if features is not None and neighbours is not None:
        lists.append(_by_features(features, neighbours))
    if features is not None and len(alone) <= _BY_PIXELS_UP_TO:
        shown = [likeness.thumbnail(p) for p in alone.tolist()]
        lists.append(alone[candidates_from_pixels(shown, ask=stop)])
    known = set(alone.tolist())
    rank: dict[tuple[int, int], int] = {}
    for listed in lists:
        for position, (one, other) in enumerate(listed.reshape(-1, 2).tolist()):
            if one in known and other in known:
                pair = (min(one, other), max(one, other))
                rank[pair] = min(position, rank.get(pair, position))
    return sorted(rank, key=lambda pair: (rank[pair], pair))


def _by_features(features: Features, neighbours: Neighbours) -> Pairs:
    rows, cosines = neighbours.rows[:, :_NEAREST], neighbours.cosines[:, :_NEAREST]
    own = np.repeat(np.arange(len(rows)), rows.shape[1])
    order = np.argsort(-cosines.reshape(-1), kind="stable")
    pairs: Pairs = features.positions[np.stack([own, rows.reshape(-1)], 1)[order]]
    return pairs


def _verified(case: Case, candidates: list[tuple[int, int]], likeness: Likeness) -> Generator[Event, None, Pairs]:
    """Those that are one photograph."""
    stage = case.stage("Verifying near duplicates", "pairs")
    meter = stage.meter(len(candidates))
    most = max(_FRUITLESS, len(case.records) // 10)
    found: list[tuple[int, int]] = []
    fruitless = 0
    try:
        for done, pair in enumerate(candidates, 1):
            same = likeness.of(*pair) >= SAME
            fruitless = 0 if same else fruitless + 1
            if same:
                found.append(pair)
            if done % _CHUNK == 0:
                likeness.keep()
                yield from stage.pause()
            yield from meter.advance()
            if fruitless >= most:
                yield from meter.advance(len(candidates) - done)
                break
    finally:
        likeness.keep()
    return np.array(found, np.int64).reshape(-1, 2)
