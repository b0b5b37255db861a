"""Files that must not be parted: exact copies of one another, and members of one group."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


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


class Cluster(NamedTuple):
    """``key`` depends on the content alone; ``members`` are positions; ``label`` is that of most of them."""

    key: bytes
    label: str
    members: tuple[int, ...]
    mixed: bool  # more than one picture: a group


def make_clusters(items: Sequence[SplitItem]) -> list[Cluster]:
    """Every item in exactly one cluster, ordered by key: whatever the order of the items, the answer is the same."""
    leader = list(range(len(items)))

    def find(position: int) -> int:
        while leader[position] != position:
            leader[position] = leader[leader[position]]
            position = leader[position]
        return position

    first_of: dict[bytes | str, int] = {}
    for position, item in enumerate(items):
        for bond in (item.sha256, item.group):
            if bond:
                other = first_of.setdefault(bond, position)
                leader[find(position)] = find(other)
    members: dict[int, list[int]] = {}
    for position in range(len(items)):
        members.setdefault(find(position), []).append(position)
    return sorted((_cluster(items, positions) for positions in members.values()), key=lambda c: c.key)


def _cluster(items: Sequence[SplitItem], positions: list[int]) -> Cluster:
    if len(positions) == 1:
        item = items[positions[0]]
        return Cluster(item.sha256, item.label, (positions[0],), False)
    labels = Counter(items[p].label for p in positions)
    hashes = {items[p].sha256 for p in positions}
    most = min(labels, key=lambda label: (-labels[label], label))
    ordered = sorted(positions, key=lambda p: (items[p].sha256, items[p].path))
    return Cluster(min(hashes), most, tuple(ordered), len(hashes) > 1)
