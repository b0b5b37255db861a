"""What is there more than once: exact and near copies, leaks between splits, labels that contradict one another."""

import json
from collections.abc import Callable, Sequence

import numpy as np

from tlstudio.doctor.bonds import Pairs, components, members
from tlstudio.doctor.case import Case
from tlstudio.doctor.findings import Finding, FoundItem, Severity, finding

_NAMED = 5  # others that the note of an item names
_DROP = "Exclude all but one of each set: copies count several times in training and in what is measured."
_VERSIONS = {
    "image": "resized, recompressed, cropped or mirrored",
    "text": "equal but for case, spaces and punctuation",
}
_RESPLIT = (
    "Split anew with near duplicates kept together, and by group where several show one patient, speaker or scene, "
    "or exclude the copies outside of the training split. Until then the test figures are too good."
)


def look(case: Case, near: Pairs) -> list[Finding]:
    """``near``: positions ``[M, 2]`` of items that show the same, though not byte for byte."""
    count = len(case.records)
    exact = components(count, np.empty((0, 2), np.int64), case.hashes)
    alike = components(count, near, case.hashes)
    same_sets = members(exact)
    near_sets = [group for group in members(alike) if len({int(exact[p]) for p in group}) > 1]
    return [
        *_leaks(case, same_sets, near_sets),
        *_conflicts(case, same_sets, near_sets),
        *_surplus(case, same_sets, near_sets),
        *_groups(case),
    ]


def _leaks(case: Case, same: Sequence[list[int]], near: Sequence[list[int]]) -> list[Finding]:
    crossing = [group for group in same if _crosses(case, group)]
    nearly = [group for group in near if _crosses(case, group)]
    found = []
    if crossing:
        sentence = (
            f"{case.count(len(crossing))} in more than one split, byte for byte: what is learnt from them is tested on "
            f"them."
        )
        found.append(_sets("leaks", "problem", sentence, _RESPLIT, case, crossing, _in_split(case)))
    if nearly:
        sentence = (
            f"{case.count(len(nearly))} in more than one split, in slightly different versions "
            f"({_VERSIONS.get(case.modality.id, 'not byte for byte')})."
        )
        found.append(_sets("near-leaks", "problem", sentence, _RESPLIT, case, nearly, _in_split(case)))
    return found


def _crosses(case: Case, group: Sequence[int]) -> bool:
    return len({case.splits[position] for position in group}) > 1


def _in_split(case: Case) -> Callable[[int], str]:
    return lambda position: f"{case.records[position].path} ({case.splits[position]})"


def _conflicts(case: Case, same: Sequence[list[int]], near: Sequence[list[int]]) -> list[Finding]:
    seen: set[int] = set()
    torn: list[list[int]] = []
    for group in (*same, *near):
        if len({_meaning(case, position) for position in group}) > 1 and not seen.issuperset(group):
            seen.update(group)
            torn.append(group)
    if not torn:
        return []
    what = case.task.label if case.task.label != "class" else "label"
    several = what if what.endswith("s") else f"{what}s"
    sentence = f"{case.count(len(torn))} there more than once with different {several}. Keep the copy that is right."
    advice = "Relabel or exclude the wrong one of each set; until then training is told both."
    return [
        _sets("label-conflicts", "problem", sentence, advice, case, torn,
              lambda p: f"{case.records[p].path} ({case.labels[p]})")
    ]  # fmt: skip


def _meaning(case: Case, position: int) -> str:
    value = case.values[position]
    if case.task.id != "segmentation":
        return value
    try:
        return str(json.loads(value).get("sha256", ""))
    except ValueError:
        return ""


def _surplus(case: Case, same: Sequence[list[int]], near: Sequence[list[int]]) -> list[Finding]:
    within = [group for group in same if not _crosses(case, group)]
    nearly = [group for group in near if not _crosses(case, group)]
    found = []
    if within:
        extra = sum(len(group) - 1 for group in within)
        sentence = (
            f"{case.count(len(within))} there more than once ({extra:,} surplus "
            f"{'copy' if extra == 1 else 'copies'} in all), in one split each."
        )
        found.append(_sets("duplicates", "warning", sentence, _DROP, case, within, lambda p: case.records[p].path))
    if nearly:
        sentence = f"{case.count(len(nearly))} there in several slightly different versions, in one split each."
        found.append(_sets("near-duplicates", "note", sentence, _DROP, case, nearly, lambda p: case.records[p].path))
    return found


def _groups(case: Case) -> list[Finding]:
    splits: dict[str, set[str]] = {}
    for group, split in zip(case.groups, case.splits, strict=True):
        if group:
            splits.setdefault(group, set()).add(split)
    crossing = sorted(group for group, names in splits.items() if len(names) > 1)
    if not crossing:
        return []
    inside = set(crossing)
    listed = [
        case.item(p, f"Group {group}, which is in {', '.join(sorted(splits[group]))}.", 1.0)
        for p, group in enumerate(case.groups)
        if group in inside
    ]
    listed.sort(key=lambda found: found["note"])
    one = len(crossing) == 1
    sentence = f"{len(crossing):,} {'group is' if one else 'groups are'} in more than one split."
    advice = "Split anew with groups kept together; otherwise the test figures say little about a new group."
    return [finding("group-leaks", "problem", sentence, advice, listed, len(crossing))]


def _sets(
    kind: str, severity: Severity, sentence: str, advice: str, case: Case, groups: Sequence[list[int]],
    name: Callable[[int], str],
) -> Finding:  # fmt: skip
    """All members of every set, set by set."""
    listed: list[FoundItem] = []
    for group in groups:
        for position in group:
            others = [name(other) for other in group if other != position]
            more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
            listed.append(case.item(position, f"The same as {', '.join(others[:_NAMED])}{more}.", 1.0))
    return finding(kind, severity, sentence, advice, listed, len(groups))
