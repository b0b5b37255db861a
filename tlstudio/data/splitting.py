"""Train, val and test: stratified, seeded, and without a leak.

A cluster (exact copies of a picture, near duplicates, or the members of a group) goes to one split as a whole. The
answer is a pure function of the files' content, labels, groups, times, given splits and the seed; the order in which
a file system lists them plays no part. It is sticky: an item that comes with a split keeps it, so that adding items to
a data set, with those that it has passed along as ``fixed``, never moves one of them. Where no split without a leak
exists, the warnings say so.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tlstudio.api.errors import DataError, UsageError
from tlstudio.data import notes
from tlstudio.data.clusters import Clusters, Numbers, SplitItem, make_clusters
from tlstudio.data.sharing import Contents, contents_of, draw, presence_of, share
from tlstudio.data.split_files import read_split_files
from tlstudio.data.timing import Times, share_by_time, times_of

SPLITS = ("train", "val", "test")
DEFAULT = (0.7, 0.15, 0.15)
_SET_ASIDE = 0.15  # of the training samples, for a split that the source lacks
_MOST_FOLDS = 100


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """What the user asked for. ``given``: use the source's splits; None: where it has any.

    ``kind``: ``shares``, ``time`` (the oldest train, the newest test), ``kfold`` (``fold`` of ``folds``, from 1, is
    the test split, the next one val) or ``files`` (lists in the file or folder ``source`` say which).
    """

    given: bool | None = None
    ratios: tuple[float, float, float] = DEFAULT
    kind: str = "shares"
    folds: int = 0
    fold: int = 0
    source: str = ""


@dataclasses.dataclass(frozen=True)
class SplitResult:
    """``splits`` has the name of one for each item; ``note`` and ``warnings`` are sentences."""

    splits: list[str]
    note: str
    warnings: list[str]


def parse_plan(text: str) -> SplitPlan:
    """Reads ``folders``; three shares such as ``0.7,0.15,0.15`` or ``70/15/15``; ``time:`` and shares, or ``time``;
    ``kfold:5:1``; ``files:`` and the path of a table or a folder (:mod:`tlstudio.data.split_files`); empty is the
    default. Raises :class:`UsageError` with a sentence.
    """
    text = text.strip()
    kind, _, rest = text.partition(":")
    match kind.strip().lower():
        case "" | "auto":
            return SplitPlan()
        case "folders":
            return SplitPlan(given=True)
        case "time":
            return SplitPlan(given=False, kind="time", ratios=_ratios(rest, text) if rest.strip() else DEFAULT)
        case "kfold":
            return _folds(rest, text)
        case "files" if rest.strip():
            return SplitPlan(given=True, kind="files", source=rest.strip())
    return SplitPlan(given=False, ratios=_ratios(text, text))


def _ratios(text: str, whole: str) -> tuple[float, float, float]:
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
        return numbers[0] / total, numbers[1] / total, numbers[2] / total
    raise UsageError(
        f"'{whole}' is no way to split. Write 'folders' for the splits that the source has, or three shares above 0 "
        f"for train, val and test that make 1, such as 0.7,0.15,0.15; time:0.7,0.15,0.15 splits by time, kfold:5:1 "
        f"makes the first of five folds the test split, files:PATH reads lists."
    )


def _folds(text: str, whole: str) -> SplitPlan:
    parts = text.split(":")
    folds, fold = (int(part) if part.strip().isdecimal() else 0 for part in (*parts, "", "")[:2])
    if len(parts) != 2 or not 3 <= folds <= _MOST_FOLDS or not 1 <= fold <= folds:
        raise UsageError(
            f"'{whole}' is no way to split. Write kfold:K:I with 3 to {_MOST_FOLDS} folds, of which the I-th (1 to K) "
            f"is for testing and the next one for validation, such as kfold:5:1."
        )
    return SplitPlan(given=False, kind="kfold", folds=folds, fold=fold)


def split(
    items: Sequence[SplitItem], plan: SplitPlan, seed: int = 0, pairs: Iterable[tuple[int, int]] = (),
    classes: bool = True,
) -> SplitResult:  # fmt: skip
    """Assigns every item. ``pairs``: positions known to be copies, which stay together like those that fingerprints
    tell. ``classes``: the labels are classes, about which a person wants to know if a split lacks one; false: strata.

    Raises :class:`DataError` where given splits or times were asked for and there are none.
    """
    if plan.kind == "files":
        items = read_split_files(Path(plan.source), items)
    free_given = any(item.given and not item.fixed for item in items)
    if plan.given and not free_given and not all(item.fixed for item in items):
        raise DataError(
            "The source gives no splits: there are no folders train, val and test, and no column named split. "
            "Import it with shares, such as --splits 0.7,0.15,0.15."
        )
    use_given = free_given and plan.given is not False
    times = times_of(items) if plan.kind == "time" else None
    clusters = make_clusters(items, pairs)
    contents = contents_of(items, clusters)
    chosen = _given(items, clusters, use_given)
    was_free = chosen < 0
    if times is not None:
        chosen = share_by_time(times, clusters, plan.ratios, chosen)
    else:
        _fill(contents, clusters, chosen, plan, seed)
    fixed = any(item.fixed for item in items)
    lacking = _set_aside(contents, clusters, chosen, seed) if use_given and not fixed else []
    splits = [SPLITS[number] for number in chosen[clusters.of].tolist()]
    _beside_what_is_fixed(items, splits)
    return SplitResult(
        splits,
        _note(items, clusters, plan, seed, use_given, int(was_free[clusters.of].sum()), lacking, times),
        _warnings(items, clusters, plan, splits, use_given, was_free, times, classes),
    )


def _note(
    items: Sequence[SplitItem], clusters: Clusters, plan: SplitPlan, seed: int, use_given: bool, free: int,
    lacking: Sequence[str], times: Times | None,
) -> str:  # fmt: skip
    if times is not None:
        how = notes.by_time(plan.ratios)
    elif plan.kind == "kfold":
        how = notes.by_folds(plan.folds, plan.fold, seed)
    elif use_given:
        origin = f"lists in {plan.source}" if plan.kind == "files" else "source"
        how = notes.given(plan.ratios, seed, free, lacking, _SET_ASIDE, origin)
    else:
        how = notes.by_chance(plan.ratios, seed)
    return " ".join([*how, *notes.together(items, clusters)])


def _warnings(
    items: Sequence[SplitItem], clusters: Clusters, plan: SplitPlan, splits: Sequence[str], use_given: bool,
    was_free: np.ndarray, times: Times | None, classes: bool,
) -> list[str]:  # fmt: skip
    ratios = (1 - 2 / plan.folds, 1 / plan.folds, 1 / plan.folds) if plan.kind == "kfold" else plan.ratios
    return [
        *notes.moved(items, splits if use_given else []),
        *notes.torn(items, clusters, splits),
        *(times.warnings(items, clusters, splits) if times is not None else ()),
        *(notes.leak_free(items, clusters, splits, ratios) if was_free.all() else ()),
        *notes.conflicts(items, clusters, classes),
        *notes.gaps(items, clusters, splits, classes),
    ]


def _given(items: Sequence[SplitItem], clusters: Clusters, use_given: bool) -> Numbers:
    """The split of each cluster that has one, by number, and -1 of the others. What is fixed decides; otherwise it is
    the split that most of the cluster's files are given. Of two with as many it is the one that is held out more.
    """
    number = {name: position for position, name in enumerate(SPLITS)}
    votes = np.zeros((2, len(clusters.keys), len(SPLITS)), np.int64)
    for position, item in enumerate(items):
        if item.given in number and (item.fixed or use_given):
            votes[int(item.fixed), clusters.of[position], number[item.given]] += 1
    decisive = np.where(votes[1].any(1)[:, None], votes[1] > 0, votes[0])
    best = len(SPLITS) - 1 - decisive[:, ::-1].argmax(1)
    return np.where(decisive.any(1), best, -1)


def _beside_what_is_fixed(items: Sequence[SplitItem], splits: list[str]) -> None:
    """What is fixed stays. Where new items tie fixed ones of several splits together, a copy stands with its original,
    else with its group.
    """
    held: dict[bytes | str, str] = {}
    for item in items:
        if item.fixed and item.given:
            ties: tuple[bytes | str, ...] = (item.sha256, item.group)
            for tie in ties:
                held[tie] = max(item.given, held.get(tie, item.given), key=SPLITS.index)
    held.pop("", None)
    for position, item in enumerate(items) if held else ():
        if item.fixed and item.given:
            splits[position] = item.given
        else:
            splits[position] = held.get(item.sha256) or held.get(item.group) or splits[position]


def _fill(contents: Contents, clusters: Clusters, chosen: Numbers, plan: SplitPlan, seed: int) -> None:
    """Gives every cluster without a split one."""
    free = np.flatnonzero(chosen < 0)
    if plan.kind == "kfold":
        folds = share(
            contents.take(free), draw(clusters.keys[free], seed), [1 / plan.folds] * plan.folds,
            np.zeros((plan.folds, contents.width), np.int64), False,
        )  # fmt: skip
        chosen[free] = np.where(folds == plan.fold - 1, 2, np.where(folds == plan.fold % plan.folds, 1, 0))
    elif len(free):
        present = presence_of(contents, chosen, len(SPLITS))
        chosen[free] = share(contents.take(free), draw(clusters.keys[free], seed), plan.ratios, present, True)


def _set_aside(contents: Contents, clusters: Clusters, chosen: Numbers, seed: int) -> list[str]:
    """Takes what the source lacks, val or test, from its training samples; says which it lacked."""
    held = np.bincount(chosen, minlength=len(SPLITS))
    if not held[0]:
        raise DataError("The source gives no training samples. Name a folder train, or import it with shares instead.")
    lacking = [number for number in (1, 2) if not held[number]]
    if lacking:
        training = np.flatnonzero(chosen == 0)
        shares = [1 - _SET_ASIDE * len(lacking), *[_SET_ASIDE] * len(lacking)]
        present = np.zeros((len(shares), contents.width), np.int64)
        answer = share(contents.take(training), draw(clusters.keys[training], seed), shares, present, True)
        chosen[training] = np.array([0, *lacking])[answer]
    return [SPLITS[number] for number in lacking]
