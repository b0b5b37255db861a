"""Which pictures an export is verified on."""

from collections.abc import Sequence


def spread(labels: Sequence[int], most: int) -> list[int]:
    """Positions of at most ``most`` items, sorted: as evenly over the classes as their sizes allow.

    Each class gets the same share until it is used up; within a class the items are evenly spaced. Deterministic.
    """
    places: dict[int, list[int]] = {}
    for position, label in enumerate(labels):
        places.setdefault(label, []).append(position)
    shares = dict.fromkeys(places, 0)
    left = min(most, len(labels))
    while left:
        for label in sorted(places):
            if left and shares[label] < len(places[label]):
                shares[label] += 1
                left -= 1
    return sorted(
        items[index * len(items) // shares[label]] for label, items in places.items() for index in range(shares[label])
    )
