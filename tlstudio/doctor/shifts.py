"""Whether training and test, or two data sets, can be told apart by their features."""

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from tlstudio.api.events import Event
from tlstudio.doctor.case import Case
from tlstudio.doctor.domain import Shift, shift
from tlstudio.doctor.features import Features
from tlstudio.doctor.findings import Finding, FoundItem, finding

APART = 0.8
_SLIGHT = 0.6
_SHOWN = 100  # items that are most unlike the other side


def between_splits(
    case: Case, features: Features, bonds: npt.NDArray[np.int64]
) -> Generator[Event, None, list[Finding]]:
    """Train against test."""
    splits = np.array([case.splits[p] for p in features.positions])
    train, test = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test")
    order = np.concatenate([train, test])
    result = yield from shift(
        features.matrix[train], features.matrix[test], bonds[features.positions[order]],
        case.stage("Comparing training and test", "folds"), features.key(case, "shift", case.splits),
    )  # fmt: skip
    if result is None or result.low <= _SLIGHT:
        return []
    listed = _most_unlike(case, features.positions[order[result.positions]], result, "test")
    sentence = f"Training and test can be told apart: {_figures(result)}; 0.5 would be no difference."
    if result.auc > APART:
        advice = (
            "Test figures then say how well it works elsewhere, not on more of the same. If that is not meant (another "
            "camera, day or site in each split), split anew by chance; if it is, augment strongly, keep validation "
            "like test, and expect less."
        )
        return [finding("shift", "warning", sentence, advice, listed, 1)]
    advice = "A slight difference; look at whether the items below share a camera, a day or a site."
    return [finding("shift", "note", sentence, advice, listed, 1)]


def between_datasets(
    case: Case, features: Features, other: Features, name: str, bonds: npt.NDArray[np.int64]
) -> Generator[Event, None, list[Finding]]:
    """This data set against another one."""
    theirs = bonds.max(initial=0) + 1 + np.arange(len(other.positions))
    result = yield from shift(
        features.matrix, other.matrix, np.concatenate([bonds[features.positions], theirs]),
        case.stage(f"Comparing with {name}", "folds"),
        features.key(case, "against", name, other.weights, len(other.positions)),
    )  # fmt: skip
    if result is None:
        case.skipped.append(f"{name} or this data set has too few items to compare the two.")
        return []
    case.likeness = {"dataset": name, "revision": case.project.dataset(name).revision, "auc": result.auc,
                     "low": result.low, "high": result.high, "mmd": result.mmd, "p": result.p}  # fmt: skip
    mine = result.positions < len(features.positions)
    part = result._replace(scores=result.scores[mine], positions=result.positions[mine])
    listed = _most_unlike(case, features.positions[part.positions], part, "", reverse=True)
    sentence = f"This data set and {name}: {_figures(result)}; 0.5 would be no difference, 1 no likeness."
    if result.auc > APART:
        advice = (
            f"What is learnt on one will work worse on the other. Label some items of {name} and train on both, or use "
            "a method for domain adaptation; strong augmentation helps a little."
        )
        return [finding("shift-against", "warning", sentence, advice, listed, 1)]
    return [finding("shift-against", "note", sentence, "They are alike enough to be joined.", listed, 1)]


def _figures(result: Shift) -> str:
    return (
        f"a classifier between them reaches an area under the curve of {result.auc:.2f} (95 % interval "
        f"{result.low:.2f} to {result.high:.2f}), their squared mean discrepancy (MMD²) is {result.mmd:.3f} "
        f"(p {result.p:.2g})"
    )


def _most_unlike(
    case: Case, positions: npt.NDArray[np.int64], result: Shift, split: str, reverse: bool = False
) -> list[FoundItem]:
    scores = 1 - result.scores if reverse else result.scores
    order = [int(i) for i in np.argsort(-scores, kind="stable") if not split or case.splits[positions[i]] == split]
    return [
        case.item(int(positions[i]), f"unlike the other side: {100 * scores[i]:.0f} %", float(scores[i]))
        for i in order[:_SHOWN]
    ]
