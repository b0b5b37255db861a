"""What makes a first assignment of clusters to splits a good one: even shares, and every class everywhere."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tlstudio.data.clusters import Numbers

if TYPE_CHECKING:
    from tlstudio.data.sharing import Contents

_Floats = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]
UNIMPORTANT = 0.01
"""The weight of a class that is in fewer clusters than there are splits: where all else is equal, it is trained on."""
_MOST = 600  # clusters that are moved about one by one; of more, the small ones even out the large ones by themselves
_SWAPPED = 300
_CELLS = 2_000_000
_ROUNDS = 400
_CANDIDATES = 5_000


def improve(
    contents: "Contents", ratios: _Floats, rare: _Flags, present: Numbers, chosen: Numbers, large: Numbers
) -> None:
    """Moves and swaps clusters as long as the shares of the labels and of all items come nearer to what is wanted."""
    part = contents.take(large)
    if not 1 < len(large) <= _MOST or len(large) * part.width > _CELLS:
        return
    splits = len(ratios)
    table = np.zeros((len(large), part.width))
    table[part.owner(), part.column] = part.number
    used = table.any(0)
    table, rare, outside = table[:, used], rare[used], present[:, used]
    total = table.sum(0)
    weight = np.where(rare, UNIMPORTANT, 1) / total**2
    weight[-1] *= max(1, len(total) - 1)  # the shares of all items weigh as much as those of all labels together
    place = chosen[large]
    target = ratios[:, None] * total
    target[:, rare] = 0
    target[0, rare] = total[rare]
    excess = np.stack([table[place == split].sum(0) for split in range(splits)]) - target
    there = table > 0
    counts = np.stack([there[place == split].sum(0) for split in range(splits)]) + outside
    weighted = table * weight
    own = (table * weighted).sum(1)
    likeness = weighted @ table.T if len(large) <= _SWAPPED else None
    everyone = np.arange(len(large))
    for _ in range(_ROUNDS):
        pull = weighted @ excess.T
        may_leave = ~(there & (counts[place] <= 1) & ~rare).any(1)
        change = 2 * own[:, None] + 2 * (pull - pull[everyone, place][:, None])
        change[everyone, place] = 0
        change[~may_leave] = 0
        cluster, split = divmod(int(change.argmin()), splits)
        best = float(change[cluster, split])
        moves = [(cluster, split)]
        if likeness is not None:
            across = pull[:, place]
            at_home = pull[everyone, place]
            swap = 2 * (own[:, None] + own[None, :] - 2 * likeness)
            swap += 2 * (across - at_home[:, None] - at_home[None, :] + across.T)
            swap[place[:, None] == place[None, :]] = 0
            swap[~may_leave] = 0
            swap[:, ~may_leave] = 0
            one, other = divmod(int(swap.argmin()), len(large))
            if swap[one, other] < best - 1e-12:
                best = float(swap[one, other])
                moves = [(one, int(place[other])), (other, int(place[one]))]
        if best > -1e-9:
            break
        for cluster, split in moves:
            for name, sign in ((int(place[cluster]), -1), (split, 1)):
                excess[name] += sign * table[cluster]
                counts[name] += sign * there[cluster]
            place[cluster] = split
    chosen[large] = place


def deal(
    stratum: Numbers, chances: npt.NDArray[np.uint64], wanted: _Floats, held: _Floats, lacks: _Flags,
    chosen: Numbers, single: Numbers,
) -> None:  # fmt: skip
    """Deals single items out, class by class, by chance; what rounding takes from a split is made up for in the next
    class. ``held`` is what the splits have already; those without a class are dealt last.
    """
    if not len(single):
        return
    order = single[np.lexsort((chances[single], stratum[single]))]
    labels, start = np.unique(stratum[order], return_index=True)
    carry = np.zeros(len(wanted))
    for label, begin, end in zip(labels.tolist(), start.tolist(), [*start[1:].tolist(), len(order)], strict=True):
        number = end - begin
        want = np.maximum(wanted[:, label] - held[:, label], 0)
        if want.sum() <= 0:
            want = np.maximum(wanted[:, -1], 1e-9)
        exact = number * want / want.sum()
        given = np.floor(exact + 1e-9).astype(np.int64)
        given[np.argsort(given - exact - carry, kind="stable")[: number - int(given.sum())]] += 1
        for split in np.flatnonzero(lacks[:, label] & (given == 0)).tolist():
            donor = int(given.argmax())
            if given[donor] > 1:
                given[donor] -= 1
                given[split] += 1
        carry = np.clip(carry + exact - given, -1, 1)  # tiny classes are no burden on the others
        chosen[order[begin:end]] = np.repeat(np.arange(len(given)), given)
        held[:, -1] += given


def cover(
    contents: "Contents", chances: npt.NDArray[np.uint64], rare: _Flags, present: Numbers, chosen: Numbers,
    movable: _Flags,
) -> None:  # fmt: skip
    """Gives each split a cluster of every class that has enough of them, the smallest that can be spared elsewhere.
    ``present``: in how many clusters of each split a label is; it is kept up to date.
    """
    needed = (present.sum(0) >= len(present)) & ~rare
    lacking = (present == 0) & needed
    lacking[0] |= (present[0] == 0) & rare & (present.sum(0) > 1)  # what two clusters have can be trained on at least
    missing = [(int(s), int(label)) for s, label in zip(*np.nonzero(lacking), strict=True)]
    if not missing:
        return
    sizes = contents.number[contents.start[1:] - 1]
    owner = contents.owner()
    by_label = np.argsort(contents.column, kind="stable")
    first = np.searchsorted(contents.column[by_label], np.arange(contents.width + 1))
    for split, label in missing:
        if present[split, label]:
            continue
        holders = owner[by_label[first[label] : first[label + 1]]]
        holders = holders[movable[holders] & (chosen[holders] != split)]
        holders = holders[np.lexsort((chances[holders], sizes[holders]))][:_CANDIDATES]
        for cluster in holders.tolist():
            columns = contents.column[contents.start[cluster] : contents.start[cluster + 1]]
            donor = int(chosen[cluster])
            if (present[donor, columns][needed[columns]] > 1).all():
                present[donor, columns] -= 1
                present[split, columns] += 1
                chosen[cluster] = split
                break
