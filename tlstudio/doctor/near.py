"""Items that show the same though they are not the same file: candidates by fingerprint and by features, verified."""

from collections import OrderedDict
from collections.abc import Generator, Sequence

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import DataError
from tlstudio.api.events import Event, Progress
from tlstudio.data import duplicates
from tlstudio.data.alignment import Thumbnail, same_picture, thumbnail
from tlstudio.doctor import odd_texts
from tlstudio.doctor.bonds import Pairs
from tlstudio.doctor.cache import digest
from tlstudio.doctor.case import Case
from tlstudio.doctor.features import Features, Neighbours

NONE: Pairs = np.empty((0, 2), np.int64)
_NEAREST = 3  # neighbours of each picture that are looked at
_BY_PIXELS_UP_TO = 2_000  # pictures, all parts of which are compared with all others
_FRUITLESS = 2_000  # candidates in a row, the likeliest first, without a find: the rest is given up
_CHUNK = 250
_IN_MEMORY = 2_048  # thumbnails, 22 kB each


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
    thumbnails = _Thumbnails(case)
    candidates = yield from _candidates(case, alone, thumbnails, features, neighbours)
    return (yield from _verified(case, candidates, thumbnails))


def _first_of_each(hashes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Positions of the first of equal files."""
    first: dict[str, int] = {}
    for position, sha256 in enumerate(hashes):
        first.setdefault(sha256, position)
    return np.array(list(first.values()), np.int64)


def _candidates(
    case: Case,
    alone: npt.NDArray[np.int64],
    thumbnails: "_Thumbnails",
    features: Features | None,
    neighbours: Neighbours | None,
) -> Generator[Event, None, list[tuple[int, int]]]:
    """The likeliest first: alternating between what names them."""
    text = "Looking for near duplicates"
    yield Progress(done=0, total=0, unit=case.several, text=text)
    stop = case.control.raise_if_stopped
    lists = [alone[duplicates.candidates_from_hashes([case.records[p].phash for p in alone], ask=stop)]]
    if features is not None and neighbours is not None:
        lists.append(_by_features(features, neighbours))
    if features is not None and len(alone) <= _BY_PIXELS_UP_TO:
        shown = [thumbnails[p] for p in alone.tolist()]
        lists.append(alone[duplicates.candidates_from_pixels(shown, ask=stop)])
    known = set(alone.tolist())
    rank: dict[tuple[int, int], int] = {}
    for listed in lists:
        for position, (one, other) in enumerate(listed.reshape(-1, 2).tolist()):
            if one in known and other in known:
                pair = (min(one, other), max(one, other))
                rank[pair] = min(position, rank.get(pair, position))
    return sorted(rank, key=lambda pair: (rank[pair], pair))


class _Thumbnails:
    """Of items, read when they are needed; ``None`` of what cannot be read."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._kept: OrderedDict[int, Thumbnail | None] = OrderedDict()

    def __getitem__(self, position: int) -> Thumbnail | None:
        if position in self._kept:
            self._kept.move_to_end(position)
            return self._kept[position]
        self._case.control.raise_if_stopped()
        try:
            found = thumbnail(self._case.places[position])
        except DataError:
            found = None
        self._kept[position] = found
        if len(self._kept) > _IN_MEMORY:
            self._kept.popitem(last=False)
        return found

    def likeness(self, one: int, other: int) -> float:
        a, b = self[one], self[other]
        return 0.0 if a is None or b is None else same_picture(a, b)


def _by_features(features: Features, neighbours: Neighbours) -> Pairs:
    rows, cosines = neighbours.rows[:, :_NEAREST], neighbours.cosines[:, :_NEAREST]
    own = np.repeat(np.arange(len(rows)), rows.shape[1])
    order = np.argsort(-cosines.reshape(-1), kind="stable")
    pairs: Pairs = features.positions[np.stack([own, rows.reshape(-1)], 1)[order]]
    return pairs


def _verified(case: Case, candidates: list[tuple[int, int]], thumbnails: _Thumbnails) -> Generator[Event, None, Pairs]:
    """Those that are one photograph. What was looked at is kept in chunks, so that it goes on after an interruption."""
    stage = case.stage("Verifying near duplicates", "pairs")
    meter = stage.meter(len(candidates))
    most = max(_FRUITLESS, len(case.records) // 4)
    found: list[tuple[int, int]] = []
    fruitless = 0
    for start in range(0, len(candidates), _CHUNK):
        yield from stage.pause()
        chunk = candidates[start : start + _CHUNK]
        key = "pairs-" + digest([(case.hashes[a], case.hashes[b]) for a, b in chunk])
        stored = case.cache.load(key)
        if stored is None:
            scores = np.array([thumbnails.likeness(a, b) for a, b in chunk], np.float64)
            case.cache.save(key, scores=scores)
        else:
            scores = stored["scores"]
        for pair, score in zip(chunk, scores.tolist(), strict=True):
            fruitless = 0 if score >= duplicates.SAME else fruitless + 1
            if score >= duplicates.SAME:
                found.append(pair)
        yield from meter.advance(len(chunk))
        if fruitless >= most:
            yield from meter.advance(len(candidates) - start - len(chunk))
            break
    return np.array(found, np.int64).reshape(-1, 2)
