"""The sentences that go with a split: how it came about, and what is wrong with the data."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from tlstudio.data.clusters import Clusters, SplitItem

_SHOWN = 5
_FAR_OFF = 0.05  # of all items, from the share that was asked for
UNLABELLED = (
    "These samples have no labels. All of them are in the training split, for methods that learn from samples without "
    "labels."
)
_HELD_OUT = (("val", "validation"), ("test", "test"))


def by_chance(ratios: Sequence[float], seed: int) -> list[str]:
    return [f"Split {_chance(ratios, seed)}."]


def by_time(ratios: Sequence[float]) -> list[str]:
    return [f"Split by time: the oldest for training, the newest for the test, {_shares(ratios)} % of them."]


def by_folds(folds: int, fold: int, seed: int) -> list[str]:
    return [
        f"Fold {fold} of {folds} is the test split, fold {fold % folds + 1} is for validation and the others are for "
        f"training. The {folds} folds are the same for every choice of one, by chance (seed {seed}) and alike in every "
        f"class."
    ]


def given(
    ratios: Sequence[float], seed: int, free: int, lacking: Sequence[str], set_aside: float, origin: str
) -> list[str]:
    said = [f"The splits are those of the {origin}."]
    if free:
        said.append(f"What it leaves open ({_count(free, 'file')}) was split {_chance(ratios, seed)}.")
    for name in lacking:
        what = {"val": "validation", "test": "the test"}[name]
        said.append(
            f"It has none for {what}, so {100 * set_aside:.4g} % of its training samples were set aside, by chance "
            f"(seed {seed}) and alike in every class."
        )
    return said


def together(items: Sequence[SplitItem], clusters: Clusters) -> list[str]:
    """What was not parted."""
    said = []
    groups = len({item.group for item in items if item.group})
    if groups:
        said.append(f"Files of the same group ({groups} groups) are in the same split.")
    if int(clusters.contents.sum()) < len(items):
        said.append("Exact copies are in the same split.")
    if clusters.near:
        said.append(
            f"{_count(clusters.near, 'file')} were held together as near duplicates: resized, recompressed or flipped "
            f"copies, by their fingerprints alone."
        )
    return said


def moved(items: Sequence[SplitItem], splits: Sequence[str]) -> list[str]:
    """Files that are not in the split that the source gives them. ``splits`` is empty where it gave none."""
    # A training sample that was set aside for a split that the source lacks is no surprise.
    there = {item.given for item in items}
    found = [
        i.path for i, name in zip(items, splits, strict=bool(splits)) if i.given and i.given != name and name in there
    ]
    if not found:
        return []
    return [
        f"{_count(len(found), 'file')} moved to another split than the source gives, since a copy or a member of the "
        f"same group is there: {some(found)}."
    ]


def torn(items: Sequence[SplitItem], clusters: Clusters, splits: Sequence[str]) -> list[str]:
    """What belongs together and lies in several splits, since items that a data set has already are never moved."""
    if not any(item.fixed for item in items):
        return []
    codes = {name: number for number, name in enumerate(sorted(set(splits)))}
    numbers = np.fromiter((codes[name] for name in splits), np.int64, len(items))
    first = np.zeros(len(clusters.keys), np.int64)
    first[clusters.of] = numbers
    other = np.unique(clusters.of[first[clusters.of] != numbers])
    if not len(other):
        return []
    within = np.flatnonzero(np.isin(clusters.of, other))
    new = [items[position].path for position in within.tolist() if not items[position].fixed]
    tail = f" New among them: {some(new)}." if new else ""
    return [
        f"A leak: {len(within)} files that belong together ({_count(len(other), 'set')} of copies or of one group) are "
        f"in different splits, where they were before; what a data set has is not moved when items are added.{tail} "
        f"Split the data set anew, or exclude them."
    ]


def leak_free(
    items: Sequence[SplitItem], clusters: Clusters, splits: Sequence[str], ratios: Sequence[float]
) -> list[str]:
    """Says with numbers where what belongs together leaves no split, or none with the shares that were asked for."""
    if len(clusters.keys) == len(items):
        return []
    counts = Counter(splits)
    largest = int(clusters.sizes.argmax())
    size, parts = int(clusters.sizes[largest]), len(clusters.keys)
    what = "groups or sets of copies" if any(item.group for item in items) else "different samples"
    if parts < 3:
        return [
            f"There is no split without a leak: the {len(items)} files make up {parts} {what}, and three splits need "
            f"three at least. Add data of other groups, or group by something finer."
        ]
    off = [abs(counts[name] / len(items) - ratio) for name, ratio in zip(("train", "val", "test"), ratios, strict=True)]
    if max(off) <= max(_FAR_OFF, 1.5 / len(items)):
        return []
    got = " / ".join(f"{100 * counts[name] / len(items):.3g}" for name in ("train", "val", "test"))
    inside = (item.group for item, of in zip(items, clusters.of.tolist(), strict=True) if of == largest)
    named = next(filter(None, inside), "")
    who = f"the group '{named}'" if named else "one set of copies"
    return [
        f"Without a leak the shares are {got} % instead of {_shares(ratios)} %: the {len(items)} files make up "
        f"{parts} {what}, and the largest, {who}, holds {size} of them. Add data of other groups, group by something "
        f"finer, or ask for other shares."
    ]


def conflicts(items: Sequence[SplitItem], clusters: Clusters, classes: bool = True) -> list[str]:
    """Samples that are there more than once, with different labels."""
    if not classes or int(clusters.contents.sum()) == len(items):
        return []
    counts = Counter(item.sha256 for item in items if item.sha256)
    by_content: dict[bytes, list[SplitItem]] = {}
    for item in items:
        if counts[item.sha256] > 1:
            by_content.setdefault(item.sha256, []).append(item)
    found = [
        " = ".join(f"{item.path} ({item.label})" for item in sorted(same))
        for same in by_content.values()
        if len({item.label for item in same}) > 1
    ]
    if not found:
        return []
    return [
        f"{_count(len(found), 'sample')} {'carries' if len(found) == 1 else 'carry'} more than one label, in exact "
        f"copies: {some(sorted(found))}. Decide which label is right and delete the other copy."
    ]


def gaps(items: Sequence[SplitItem], clusters: Clusters, splits: Sequence[str], classes: bool = True) -> list[str]:
    """Classes that are missing from a split, and splits that are empty."""
    said = []
    if classes:
        held = Counter(zip((item.label for item in items), splits, strict=True))
        labels = sorted({item.label for item in items if item.label})
        number = {label: position for position, label in enumerate(labels)}
        codes = np.fromiter((number.get(item.label, -1) for item in items), np.int64, len(items))
        pairs = np.unique((clusters.of * (len(labels) + 1) + codes)[codes >= 0]) % (len(labels) + 1)
        distinct = dict(zip(labels, np.bincount(pairs, minlength=len(labels)).tolist(), strict=False))
        totals = Counter(item.label for item in items)
        small = [label for label in labels if distinct[label] < 3 and held[label, "train"] == totals[label]]
        if small:
            said.append(
                f"{_count(len(small), 'class')} with fewer than 3 different samples or groups cannot be split and "
                f"stay in training, so that nothing tells how well they are recognised: "
                f"{some(f'{label} ({distinct[label]})' for label in small)}. Add samples of them."
            )
        alone = set(small)
        for name, what in (("train", "training"), *_HELD_OUT):
            empty = [label for label in labels if not held[label, name] and label not in alone]
            if empty and name in splits:
                tail = "cannot be learned" if name == "train" else f"play no part in the {what} results"
                few = [label for label in empty if distinct[label] < 3]
                why = f" ({_count(len(few), 'class')} of them in fewer than 3 groups)" if few else ""
                said.append(f"{_count(len(empty), 'class')} without {what} samples {tail}{why}: {some(empty)}.")
    for name, what in _HELD_OUT:
        if name not in splits:
            said.append(f"There are no {what} samples at all. Add samples before training.")
    return said


def some(found: Iterable[str]) -> str:
    listed = list(found)
    shown = "; ".join(listed[:_SHOWN])
    return f"{shown}; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else shown


def _chance(ratios: Sequence[float], seed: int) -> str:
    return f"{_shares(ratios)} % for training, validation and test, by chance (seed {seed}) and alike in every class"


def _shares(ratios: Sequence[float]) -> str:
    return " / ".join(f"{100 * ratio:.4g}" for ratio in ratios)


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
