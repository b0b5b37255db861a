"""Which samples an export is verified on."""

from collections.abc import Hashable, Sequence


def spread(strata: Sequence[Hashable], most: int) -> list[int]:
    """Positions of at most ``most`` items, sorted: as evenly over the strata (classes) as their sizes allow.

    Each gets the same share until it is used up; within one the items are evenly spaced. Deterministic.
    """
    positions: dict[Hashable, list[int]] = {}
    for position, stratum in enumerate(strata):
        positions.setdefault(stratum, []).append(position)
    shares = dict.fromkeys(positions, 0)
    left = min(most, len(strata))
    while left:
        for stratum in sorted(positions, key=str):
            if left and shares[stratum] < len(positions[stratum]):
                shares[stratum] += 1
                left -= 1
    return sorted(
        items[index * len(items) // shares[stratum]]
        for stratum, items in positions.items()
        for index in range(shares[stratum])
    )
