"""Train, val and test: stratified, seeded, and without a leak.

A cluster (exact copies of a picture, or the members of a group) goes to one split as a whole. The answer is a pure
function of the files' content, labels, groups, given splits and the seed; the order in which a file system lists
them plays no part. It is sticky: an item that comes with a split keeps it, so that adding items to a data set, with
those that it has passed along as ``given``, never moves one of them.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence

from tlstudio.api.errors import DataError, UsageError
from tlstudio.data import notes
from tlstudio.data.clusters import Cluster, SplitItem, make_clusters
from tlstudio.data.sharing import share

SPLITS = ("train", "val", "test")
DEFAULT = (0.7, 0.15, 0.15)
_SET_ASIDE = 0.15  # of the training pictures, for a split that the source lacks


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """What the user asked for. ``given``: use the source's splits; None: where it has any."""

    given: bool | None = None
    ratios: tuple[float, float, float] = DEFAULT


@dataclasses.dataclass(frozen=True)
class SplitResult:
    """``splits`` has the name of one for each item; ``note`` and ``warnings`` are sentences."""

    splits: list[str]
    note: str
    warnings: list[str]


def parse_plan(text: str) -> SplitPlan:
    """Reads ``folders``, or three shares such as ``0.7,0.15,0.15`` or ``70/15/15``; empty is the default.

    Raises :class:`UsageError` with a sentence.
    """
    text = text.strip().lower()
    if not text or text == "auto":
        return SplitPlan()
    if text == "folders":
        return SplitPlan(given=True)
    try:
        numbers = [float(part.strip(" %")) for part in text.replace("/", ",").replace(";", ",").split(",")]
    except ValueError:
        numbers = []
    total = sum(numbers)
    if (
        len(numbers) == 3
        and all(0 < n < float("inf") for n in numbers)
        and any(abs(total - w) < 0.01 * w for w in (1, 100))
    ):
        return SplitPlan(given=False, ratios=(numbers[0] / total, numbers[1] / total, numbers[2] / total))
    raise UsageError(
        f"'{text}' is no way to split. Write 'folders' for the splits that the source has, or three shares above 0 "
        f"for train, val and test that make 1, such as 0.7,0.15,0.15."
    )


def split(items: Sequence[SplitItem], plan: SplitPlan, seed: int = 0) -> SplitResult:
    """Assigns every item. Raises :class:`DataError` where given splits were asked for and there are none."""
    has_given = any(item.given for item in items)
    if plan.given and not has_given:
        raise DataError(
            "The source gives no splits: there are no folders train, val and test, and no column named split. "
            "Import it with shares, such as --splits 0.7,0.15,0.15."
        )
    use_given = has_given and plan.given is not False
    clusters = make_clusters(items)
    chosen: list[str] = [_given(items, c) if use_given else "" for c in clusters]
    free = [position for position, name in enumerate(chosen) if not name]
    _fill(items, clusters, chosen, free, dict(zip(SPLITS, plan.ratios, strict=True)), seed)
    lacking = _set_aside(items, clusters, chosen, seed) if use_given else []
    splits = [""] * len(items)
    for cluster, name in zip(clusters, chosen, strict=True):
        for member in cluster.members:
            splits[member] = name
    note = notes.how(items, clusters, plan.ratios, seed, use_given, len(free), lacking, _SET_ASIDE)
    warnings = [
        *notes.moved(items, splits if use_given else []),
        *notes.conflicts(items, clusters),
        *notes.gaps(items, clusters, splits, use_given),
    ]
    return SplitResult(splits, note, warnings)


def _given(items: Sequence[SplitItem], cluster: Cluster) -> str:
    """The split that most of the cluster's files are given; of two with as many the one that is held out more."""
    votes = Counter(items[member].given for member in cluster.members if items[member].given)
    return max(votes, key=lambda name: (votes[name], SPLITS.index(name)), default="")


def _set_aside(items: Sequence[SplitItem], clusters: list[Cluster], chosen: list[str], seed: int) -> list[str]:
    """Takes what the source lacks, val or test, from its training pictures; says which it lacked."""
    if "train" not in chosen:
        raise DataError("The source gives no training pictures. Name a folder train, or import it with shares instead.")
    lacking = [name for name in SPLITS[1:] if name not in chosen]
    if lacking:
        training = [position for position, name in enumerate(chosen) if name == "train"]
        shares = {"train": 1 - _SET_ASIDE * len(lacking), **dict.fromkeys(lacking, _SET_ASIDE)}
        _fill(items, clusters, chosen, training, shares, seed)
    return lacking


def _fill(
    items: Sequence[SplitItem], clusters: list[Cluster], chosen: list[str], positions: list[int],
    shares: dict[str, float], seed: int,
) -> None:  # fmt: skip
    for position, name in zip(positions, share(items, [clusters[p] for p in positions], shares, seed), strict=True):
        chosen[position] = name
