"""Labels that are probably wrong, by models that have not seen the item (nor what belongs to it)."""

import json
from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from tlstudio.api.events import Event
from tlstudio.doctor import confident, crossval, domain
from tlstudio.doctor.case import Case
from tlstudio.doctor.features import Features
from tlstudio.doctor.findings import Finding, FoundItem, finding

_FAR = 4.0  # robust standard deviations of a residual
_FEWEST = 20  # items, below which nothing can be learnt of them
_GOOD = 0.9  # accuracy from which on a contradiction means something
_TELLS = 0.75  # area under the curve of a label, below which its suspects are mostly right
_WEAK = 0.5  # accuracy below which the suspicion itself is weak

Ints = npt.NDArray[np.int64]


def look(case: Case, features: Features, bonds: Ints) -> Generator[Event, None, list[Finding]]:
    """``bonds [N]``: of all items; equal numbers belong together and share a fold."""
    if len(features.positions) < _FEWEST or case.task.id == "segmentation":
        return []
    mine = bonds[features.positions]
    if case.task.id == "regression":
        return (yield from _numbers(case, features, mine))
    if case.task.id == "multilabel":
        return (yield from _several(case, features, mine))
    if case.task.id == "classification":
        return (yield from _one(case, features, mine))
    return []


def _one(case: Case, features: Features, bonds: Ints) -> Generator[Event, None, list[Finding]]:
    names, labels = np.unique([case.values[p] for p in features.positions], return_inverse=True)
    if len(names) < 2:
        return []
    labels = labels.astype(np.int64)
    folds = crossval.deal([str(v) for v in labels], bonds)
    stage = case.stage("Learning which labels fit", "folds")
    rows = yield from crossval.probabilities(
        features.for_models, labels, folds, stage, features.key(case, "label-errors", case.values, folds.tolist())
    )
    found = confident.suspects(rows, labels)
    listed = [
        case.item(
            int(features.positions[p]),
            f"Looks like {names[other]} ({100 * theirs:.0f} %), is labelled {names[labels[p]]} ({100 * given:.0f} %).",
            score,
        )
        for p, other, score, given, theirs in zip(*found, strict=True)
    ]
    accuracy = float((rows.argmax(1) == labels).mean())
    return _finding(case, listed, _how_sure(case, accuracy), accuracy >= _GOOD)


def _several(case: Case, features: Features, bonds: Ints) -> Generator[Event, None, list[Finding]]:
    """Each label on its own: is it missing, or one too many?"""
    present = case.targets.encode([case.values[p] for p in features.positions]) > 0.5
    folds = crossval.deal(case.targets.strata([case.values[p] for p in features.positions]), bonds)
    stage = case.stage("Learning which labels fit", "folds")
    worst = np.zeros(len(present))
    notes: dict[int, list[str]] = {}
    untold: list[str] = []
    for column, name in enumerate(case.info.class_names):
        labels = present[:, column].astype(np.int64)
        if min(labels.sum(), len(labels) - labels.sum()) < confident.FEWEST:
            continue
        key = features.key(case, "label-errors", name, case.values, folds.tolist())
        rows = yield from crossval.probabilities(features.for_models, labels, folds, stage, key)
        if domain.auc(rows[labels == 0, 1], rows[labels == 1, 1]) < _TELLS:
            untold.append(name)
            continue
        for p, other, score, _, theirs in zip(*confident.suspects(rows, labels), strict=True):
            what = "seems to be there and is not labelled" if other else "is labelled and does not seem to be there"
            notes.setdefault(int(p), []).append(f"{name} {what} ({100 * theirs:.0f} %).")
            worst[p] = max(worst[p], score)
    order = sorted(notes, key=lambda p: (-worst[p], p))
    listed = [case.item(int(features.positions[p]), " ".join(notes[p]), worst[p]) for p in order]
    if untold:
        names = ", ".join(untold[:5]) + (" and others" if len(untold) > 5 else "")
        case.skipped.append(f"Wrong labels of {names}: the features tell too little of them.")
    return _finding(case, listed, "")


def _numbers(case: Case, features: Features, bonds: Ints) -> Generator[Event, None, list[Finding]]:
    targets = np.array([json.loads(case.values[p]) for p in features.positions], np.float64)
    folds = crossval.deal(case.targets.strata([case.values[p] for p in features.positions]), bonds)
    stage = case.stage("Learning which values fit", "folds")
    expected = yield from crossval.predictions(features.for_models, targets, folds, stage)
    z = np.abs(confident.robust_z(targets - expected))
    worst, which = z.max(1), z.argmax(1)
    far = np.flatnonzero(worst > _FAR)
    names = case.info.class_names
    listed = [
        case.item(
            int(features.positions[p]),
            f"{names[which[p]] if len(names) > which[p] else 'value'} {targets[p, which[p]]:g}, where about "
            f"{expected[p, which[p]]:.3g} would be expected.",
            float(worst[p]),
        )
        for p in far[np.argsort(-worst[far], kind="stable")]
    ]
    return _finding(case, listed, "")


def _finding(case: Case, listed: list[FoundItem], sure: str, probable: bool = True) -> list[Finding]:
    if not listed:
        return []
    what = "value" if case.task.id == "regression" else "label"
    if probable:
        rest = f"a {what} that is probably wrong" if len(listed) == 1 else f"{what}s that are probably wrong"
        text = f"{case.count(len(listed), ('has', 'have'))} {rest}"
    else:
        text = f"{case.count(len(listed), ('looks', 'look'))} like another class than the {what} says; some are wrong"
    advice = (
        "Look through them from the top, relabel what is wrong, and stop where most are right; it is a suspicion, not "
        f"a verdict.{sure}"
    )
    return [finding("label-errors", "warning", f"{text}. The most suspicious come first.", advice, listed)]


def _how_sure(case: Case, accuracy: float) -> str:
    if accuracy >= _WEAK:
        return f" The model behind it is right for {100 * accuracy:.0f} % of the {case.several}."
    return (
        f" The model behind it is right for {100 * accuracy:.0f} % of the {case.several} only, so expect many of them "
        f"to be right; a better backbone (--backbone) sharpens it."
    )
