"""The sentences that go with a split: how it came about, and what is wrong with the data."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tlstudio.data.clusters import Cluster, SplitItem

_SHOWN = 5


def how(
    items: Sequence[SplitItem], clusters: Sequence[Cluster], ratios: tuple[float, float, float], seed: int,
    use_given: bool, free: int, lacking: Sequence[str], set_aside: float,
) -> str:  # fmt: skip
    """How the splits came about."""
    shares = " / ".join(f"{100 * ratio:.4g}" for ratio in ratios)
    by_chance = f"{shares} % for training, validation and test, by chance (seed {seed}) and alike in every class"
    if use_given:
        said = ["The splits are those of the source."]
        if free:
            said.append(f"What it leaves open was split {by_chance}.")
        for name in lacking:
            what = {"val": "validation", "test": "the test"}[name]
            said.append(
                f"It has none for {what}, so {100 * set_aside:.4g} % of its training pictures were set aside, by "
                "chance "
                f"(seed {seed}) and alike in every class."
            )
    else:
        said = [f"Split {by_chance}."]
    if any(item.group for item in items):
        said.append("Files of the same group are in the same split.")
    if len(clusters) < len(items):
        said.append("Exact copies are in the same split.")
    return " ".join(said)


def moved(items: Sequence[SplitItem], splits: Sequence[str]) -> list[str]:
    """Files that are not in the split that the source gives them. ``splits`` is empty where it gave none."""
    # A training picture that was set aside for a split that the source lacks is no surprise.
    given = {item.given for item in items}
    found = [
        i.path for i, name in zip(items, splits, strict=bool(splits)) if i.given and i.given != name and name in given
    ]
    if not found:
        return []
    return [
        f"{_count(found, 'file')} moved to another split than the source gives, since a copy or a member of the same "
        f"group is there: {_some(found)}."
    ]


def conflicts(items: Sequence[SplitItem], clusters: Sequence[Cluster]) -> list[str]:
    """Pictures that are there more than once, with different labels."""
    by_content: dict[bytes, list[SplitItem]] = {}
    for cluster in clusters:
        if len(cluster.members) > 1:
            for member in cluster.members:
                by_content.setdefault(items[member].sha256, []).append(items[member])
    found = [
        " = ".join(f"{item.path} ({item.label})" for item in same)
        for same in by_content.values()
        if len({item.label for item in same}) > 1
    ]
    if not found:
        return []
    return [
        f"{_count(found, 'picture')} carry more than one label, in exact copies: {_some(sorted(found))}. Decide which "
        f"label is right and delete the other copy."
    ]


def gaps(items: Sequence[SplitItem], clusters: Sequence[Cluster], splits: Sequence[str], use_given: bool) -> list[str]:
    """Classes that are missing from a split."""
    held = {name: Counter[str]() for name in ("train", "val", "test")}
    for item, name in zip(items, splits, strict=True):
        held[name][item.label] += 1
    labels = sorted({item.label for item in items})
    distinct = Counter(label for c in clusters for label in {items[member].label for member in c.members})
    said = []
    small = [label for label in labels if distinct[label] < 3 and held["train"][label] == _total(held, label)]
    if small:
        unit = "different pictures or groups"
        said.append(
            f"{_count(small, 'class')} with fewer than 3 {unit} cannot be split and stay in training, so that nothing "
            f"tells how well they are recognised: {_some(f'{label} ({distinct[label]})' for label in small)}. "
            f"Add pictures of them."
        )
    for name, what in (("train", "training"), ("val", "validation"), ("test", "test")):
        empty = [label for label in labels if not held[name][label] and label not in small]
        if empty:
            tail = "cannot be learned" if name == "train" else f"play no part in the {what} results"
            said.append(f"{_count(empty, 'class')} without {what} pictures {tail}: {_some(empty)}.")
    for name, what in (("val", "validation"), ("test", "test")):
        if not held[name]:
            said.append(f"There are no {what} pictures at all. Add pictures before training.")
    return said


def _total(held: dict[str, Counter[str]], label: str) -> int:
    return sum(counts[label] for counts in held.values())


def _count(found: Sequence[object], noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{len(found)} {noun if len(found) == 1 else plural}"


def _some(found: Iterable[str]) -> str:
    listed = list(found)
    shown = "; ".join(listed[:_SHOWN])
    return f"{shown}; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else shown
