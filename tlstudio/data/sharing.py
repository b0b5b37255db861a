"""Deals clusters out to splits in given shares, alike in every class."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from tlstudio.data.clusters import Cluster, SplitItem


def share(items: Sequence[SplitItem], clusters: Sequence[Cluster], shares: dict[str, float], seed: int) -> list[str]:
    """The split of each cluster. ``shares`` sum to 1, the training split first.

    A class with fewer clusters than there are splits stays in the first one. Every other class is present in each,
    wherever that can be had without parting a cluster.
    """
    if any(cluster.mixed for cluster in clusters):
        return _share_groups(items, clusters, shares, seed)
    return _share_pictures(clusters, shares, seed)


def _share_pictures(clusters: Sequence[Cluster], shares: dict[str, float], seed: int) -> list[str]:
    """Clusters of one picture each: every class is split on its own by scikit-learn; rounding evens out over
    classes.
    """
    from sklearn.model_selection import train_test_split

    first, *others = shares
    chosen = [first] * len(clusters)
    by_class: dict[str, list[int]] = {}
    for position, cluster in enumerate(clusters):
        by_class.setdefault(cluster.label, []).append(position)
    owed = dict.fromkeys(others, 0.0)
    for label in sorted(by_class):
        rest = by_class[label]
        if len(rest) < len(shares):
            continue
        for place, name in enumerate(others):
            owed[name] += shares[name] * len(by_class[label])
            most = len(rest) - (len(others) - place)  # one is left for each split that follows, and for the first
            number = max(1, min(most, round(owed[name])))
            owed[name] = max(-1.0, owed[name] - number)  # tiny classes are no burden on the others
            rest, taken = train_test_split(rest, test_size=number, random_state=_random_state(seed, label, name))
            for position in taken:
                chosen[position] = name
    return chosen


def _random_state(seed: int, label: str, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\t{label}\t{name}".encode()).digest()[:4], "big")


def _share_groups(
    items: Sequence[SplitItem], clusters: Sequence[Cluster], shares: dict[str, float], seed: int
) -> list[str]:
    """Clusters of several labels and sizes, the largest first, each to where most is still wanted of its labels."""
    first, *others = shares
    contents = [Counter(items[member].label for member in cluster.members) for cluster in clusters]
    presence = Counter(label for content in contents for label in content)
    totals = sum(contents, Counter())
    wanted = {name: {label: totals[label] * part for label in totals} for name, part in shares.items()}
    chosen = [first] * len(clusters)
    movable = [p for p, content in enumerate(contents) if min(presence[label] for label in content) >= len(shares)]
    for position in set(range(len(clusters))).difference(movable):
        for label, number in contents[position].items():
            wanted[first][label] -= number
    drawn = {p: hashlib.sha256(f"{seed}".encode() + clusters[p].key).digest() for p in movable}
    for position in sorted(movable, key=lambda p: (-len(clusters[p].members), drawn[p])):
        content = contents[position]
        need = {n: sum(v * wanted[n][label] / totals[label] ** 2 for label, v in content.items()) for n in shares}
        name = max(shares, key=lambda n: need[n])
        chosen[position] = name
        for label, number in content.items():
            wanted[name][label] -= number
    _complete(contents, chosen, first, others, sorted(movable, key=lambda p: (len(clusters[p].members), drawn[p])))
    return chosen


def _complete(
    contents: Sequence[Counter[str]],
    chosen: list[str],
    first: str,
    others: Sequence[str],
    smallest_first: Sequence[int],
) -> None:
    """Gives each split a cluster of every class that has enough of them, taken from the first split."""
    held = {name: Counter[str]() for name in (first, *others)}
    for content, name in zip(contents, chosen, strict=True):
        held[name].update(content.keys())
    for name in others:
        for label in sorted({label for p in smallest_first for label in contents[p]}):
            if held[name][label]:
                continue
            for position in smallest_first:
                content = contents[position]
                if chosen[position] == first and label in content and all(held[first][one] > 1 for one in content):
                    chosen[position] = name
                    held[first].subtract(content.keys())
                    held[name].update(content.keys())
                    break
