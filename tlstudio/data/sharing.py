"""Deals clusters out to splits in given shares, alike in every class."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tlstudio.data.balancing import UNIMPORTANT, cover, deal, improve
from tlstudio.data.clusters import Clusters, Numbers, SplitItem


class Contents(NamedTuple):
    """What every cluster holds, cluster after cluster: ``column[start[k]:start[k + 1]]`` are the labels in cluster k
    and ``number`` the items that have them. The last column stands for all items, with a label or without.

    ``stratum``: the column of a cluster of one item (the last one: it has no label), and -1 of all others.
    """

    start: Numbers
    column: Numbers
    number: Numbers
    stratum: Numbers
    width: int

    def take(self, which: Numbers) -> "Contents":
        lengths = self.start[which + 1] - self.start[which]
        start = np.concatenate([[0], np.cumsum(lengths)])
        entry = np.repeat(self.start[which] - start[:-1], lengths) + np.arange(start[-1])
        return Contents(start, self.column[entry], self.number[entry], self.stratum[which], self.width)

    def owner(self) -> Numbers:
        """The cluster of every entry."""
        return np.repeat(np.arange(len(self.stratum)), np.diff(self.start))


def contents_of(items: Sequence[SplitItem], clusters: Clusters) -> Contents:
    names = sorted({item.label for item in items if item.label})
    number = {name: position for position, name in enumerate(names)}
    width, count = len(names) + 1, len(clusters.keys)
    labels = np.fromiter((number.get(item.label, -1) for item in items), np.int64, len(items))
    labelled = labels >= 0
    codes = clusters.of[labelled] * width + labels[labelled]
    codes, number_of = np.unique(codes, return_counts=True)
    # All clusters have an entry in the last column, which stands behind their labels.
    codes = np.concatenate([codes, np.arange(count) * width + width - 1])
    number_of = np.concatenate([number_of, clusters.sizes])
    order = np.argsort(codes, kind="stable")
    codes, number_of = codes[order], number_of[order]
    start = np.searchsorted(codes, np.arange(count + 1) * width)
    stratum = np.where(clusters.sizes == 1, codes[start[:-1]] % width, -1)
    return Contents(start, codes % width, number_of, stratum, width)


def draw(keys: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """A number for each cluster, by chance, from its key and the seed alone."""
    salt = int.from_bytes(hashlib.blake2b(f"{seed}".encode(), digest_size=8).digest(), "big")
    mixed = keys ^ np.uint64(salt)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def presence_of(contents: Contents, chosen: Numbers, splits: int) -> Numbers:
    """In how many clusters of each split a label occurs: ``[splits, width]``; ``chosen`` below 0 is no split."""
    where = np.repeat(chosen, np.diff(contents.start))
    codes = where[where >= 0] * contents.width + contents.column[where >= 0]
    return np.bincount(codes, minlength=splits * contents.width).reshape(splits, contents.width)


def share(
    contents: Contents, chances: npt.NDArray[np.uint64], shares: Sequence[float], present: Numbers, stay: bool
) -> Numbers:
    """The split of each cluster, by number. ``shares`` sum to 1. ``present``: as in :func:`presence_of`, what the
    splits hold besides.

    ``stay``: a class with fewer clusters than there are splits stays in the first one. Every other class is present
    in each split, wherever that can be had without parting a cluster.
    """
    splits, width = len(shares), contents.width
    ratios = np.array(shares, np.float64)
    total = np.bincount(contents.column, contents.number, width).astype(np.float64)
    rare = np.zeros(width, bool)
    if stay:
        rare[:-1] = (np.bincount(contents.column, minlength=width) + present.sum(0))[:-1] < splits
    stuck = _stuck(contents, rare, ratios)
    chosen = np.where(stuck, 0, -1)
    wanted = ratios[:, None] * total[None, :]
    wanted[:, rare] = 0
    wanted[0, rare] = total[rare]
    entry_stuck = stuck[contents.owner()]
    held = np.zeros((splits, width))
    held[0] = np.bincount(contents.column[entry_stuck], contents.number[entry_stuck], width)
    large = np.flatnonzero(~stuck & (contents.stratum < 0))
    if len(large):
        _greedy(
            contents, chances, wanted - held, np.where(rare, UNIMPORTANT, 1) / np.maximum(total, 1) ** 2, chosen, large
        )
        improve(contents, ratios, rare, present, chosen, large)
    held = _held(contents, chosen, splits)
    lacks = (present + presence_of(contents, chosen, splits)) == 0
    lacks[:, rare] = False
    single = np.flatnonzero(chosen < 0)
    deal(contents.stratum, chances, wanted, held, lacks, chosen, single)
    cover(contents, chances, rare, present + presence_of(contents, chosen, splits), chosen, ~stuck)
    return chosen


def _stuck(contents: Contents, rare: npt.NDArray[np.bool_], ratios: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """The clusters that stay in training for a rare class: all that have one, if the others suffice for the other
    splits; otherwise only those that have nothing else.
    """
    clusters, owner = len(contents.stratum), contents.owner()
    sizes = contents.number[contents.start[1:] - 1]
    labels = contents.column < contents.width - 1
    rares = np.bincount(owner[rare[contents.column]], minlength=clusters)
    stuck = rares > 0
    free = int(sizes[~stuck].sum())
    if free < (1 - ratios[0]) * sizes.sum() or np.count_nonzero(~stuck) < len(ratios) - 1:
        stuck &= rares == np.bincount(owner[labels], minlength=clusters)
    return stuck


def _held(contents: Contents, chosen: Numbers, splits: int) -> npt.NDArray[np.float64]:
    where = np.repeat(chosen, np.diff(contents.start))
    codes = where[where >= 0] * contents.width + contents.column[where >= 0]
    held = np.bincount(codes, contents.number[where >= 0], splits * contents.width).astype(np.float64)
    return held.reshape(splits, contents.width)


def _greedy(
    contents: Contents, chances: npt.NDArray[np.uint64], missing: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64], chosen: Numbers, large: Numbers,
) -> None:  # fmt: skip
    """The largest first, each to where most is still missing of its labels."""
    sizes = contents.number[contents.start[1:] - 1]
    for cluster in large[np.lexsort((chances[large], -sizes[large]))].tolist():
        entries = slice(contents.start[cluster], contents.start[cluster + 1])
        columns, count = contents.column[entries], contents.number[entries]
        name = int((missing[:, columns] @ (count * weight[columns])).argmax())
        chosen[cluster] = name
        missing[name, columns] -= count
