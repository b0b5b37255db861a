"""Items that lie far from all others in the space of features."""

import numpy as np

from tlstudio.doctor.case import Case
from tlstudio.doctor.confident import robust_z
from tlstudio.doctor.features import Features, Neighbours
from tlstudio.doctor.findings import Finding, finding

_FAR = 3.5  # robust standard deviations above the median distance
_FEWEST = 30
_MOST = 0.05  # share of the items: more are no exceptions


def look(case: Case, features: Features, neighbours: Neighbours) -> list[Finding]:
    if len(features.positions) < _FEWEST or not neighbours.cosines.shape[1]:
        return []
    distance = 1.0 - neighbours.cosines.mean(1, dtype=np.float64)
    z = robust_z(distance)
    order = np.argsort(-z, kind="stable")
    far = [int(row) for row in order if z[row] > _FAR][: max(1, int(_MOST * len(order)))]
    if not far:
        return []
    listed = [
        case.item(
            int(features.positions[row]),
            f"mean distance {distance[row]:.2f} to its {neighbours.cosines.shape[1]} nearest; usual are "
            f"{np.median(distance):.2f}",
            float(z[row]),
        )
        for row in far
    ]
    sentence = f"{case.count(len(listed))} unlike all others. The most unusual come first."
    advice = "Exclude what does not belong here; what is merely rare deserves more examples."
    return [finding("outliers", "note", sentence, advice, listed)]
