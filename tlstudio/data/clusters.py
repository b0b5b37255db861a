"""Files that must not be parted: exact copies, near duplicates, and members of one group."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class SplitItem(NamedTuple):
    """A file as splitting sees it. What is empty or ``None`` plays no part.

    ``label``: the class or stratum that every split gets its share of. ``given``: the split that the source gives
    it, or that it has already. ``fixed``: it has that split already in a data set that is added to, and is never
    moved, whatever the plan says. ``time``: an ISO date, or a number. ``phash``: :mod:`tlstudio.data.perceptual`.
    """

    path: str
    label: str
    sha256: bytes
    given: str = ""
    group: str = ""
    time: str = ""
    phash: int | None = None
    fixed: bool = False


class Clusters(NamedTuple):
    """Every item in exactly one cluster; numbered by content, so that the order of the items plays no part.

    ``of``: the cluster of each item ``[N]``. ``keys``: uint64 ``[K]``, ascending, from the content alone. ``sizes``:
    items in each. ``contents``: different contents in each. ``near``: items that near duplicates alone have joined
    to a cluster.
    """

    of: Numbers
    keys: npt.NDArray[np.uint64]
    sizes: Numbers
    contents: Numbers
    near: int

    def members(self) -> tuple[Numbers, Numbers]:
        """The items in the order of their clusters, and where each cluster begins: ``[N]`` and ``[K + 1]``."""
        return np.argsort(self.of, kind="stable"), np.concatenate([[0], np.cumsum(self.sizes)])


def make_clusters(items: Sequence[SplitItem], pairs: Iterable[tuple[int, int]] = ()) -> Clusters:
    """``pairs``: positions that are known to be copies besides those that their fingerprints tell."""
    contents = np.fromiter((_key(item) for item in items), np.uint64, len(items))
    keys, content_of = np.unique(contents, return_inverse=True)
    content_of = content_of.reshape(-1)
    leader = array("q", range(len(keys)))
    first_of: dict[str, int] = {}
    for item, content in zip(items, content_of.tolist(), strict=True):
        if item.group:
            _join(leader, first_of.setdefault(item.group, content), content)
    before = _leaders(leader)
    for a, b in _near(items, content_of):
        _join(leader, a, b)
    for a, b in pairs:
        _join(leader, int(content_of[a]), int(content_of[b]))
    after = _leaders(leader)
    # A cluster's leader is its least content, so that these are numbered by content.
    least, cluster_of = np.unique(after, return_inverse=True)
    cluster_of = cluster_of.reshape(-1)
    parts = np.bincount(cluster_of[np.unique(before)], minlength=len(least))
    of = cluster_of[content_of]
    sizes = np.bincount(of, minlength=len(least))
    return Clusters(of, keys[least], sizes, np.bincount(cluster_of, minlength=len(least)), int(sizes[parts > 1].sum()))


def _near(items: Sequence[SplitItem], content_of: Numbers) -> Iterator[tuple[int, int]]:
    """The contents that are near duplicates of each other."""
    if not any(item.phash is not None for item in items):
        return
    from tlstudio.data.fingerprints import bonds

    none = np.iinfo(np.int64).max  # perceptual.py leaves it out
    phashes = np.full(int(content_of.max()) + 1, none)
    own = np.fromiter((none if item.phash is None else item.phash for item in items), np.int64, len(items))
    np.minimum.at(phashes, content_of, own)
    known = np.flatnonzero(phashes < none)
    yield from known[bonds(phashes[known].astype(np.uint64))].tolist()


def _key(item: SplitItem) -> int:
    content = item.sha256 or item.path.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")


def _find(leader: "array[int]", position: int) -> int:
    while leader[position] != position:
        leader[position] = leader[leader[position]]
        position = leader[position]
    return position


def _join(leader: "array[int]", a: int, b: int) -> None:
    a, b = _find(leader, a), _find(leader, b)
    leader[max(a, b)] = min(a, b)


def _leaders(leader: "array[int]") -> Numbers:
    return np.fromiter((_find(leader, position) for position in range(len(leader))), np.int64, len(leader))
