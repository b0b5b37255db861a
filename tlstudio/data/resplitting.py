"""New splits for a data set that is there already: as a new revision, so that nothing is lost."""

import sys
from array import array
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.data.clusters import SplitItem
from tlstudio.data.scanning import group_in, group_pattern
from tlstudio.data.splitting import SplitResult, parse_plan, split

if TYPE_CHECKING:
    from tlstudio.project import Item, Project, RevisionInfo

SAME_FOLDER = r"^(.*)/"
"""The pattern whose group is the folder of a file."""
_PAGE = 5_000


def resplit_job(
    control: Control, project: str, dataset: str, splits: str = "", group_by: str = "", time_by: str = "",
    seed: int = 0, near: bool = True,
) -> Generator[Event, None, dict[str, Any]]:  # fmt: skip
    """The job ``resplit``: see :func:`resplit`."""
    from tlstudio.project import Project

    with Project.open(project) as opened:
        total = opened.dataset(dataset).profile.items
        yield Progress(done=0, total=total, unit="items", text="Splitting anew")
        result, revision = resplit(
            opened, dataset, splits=splits, group_by=group_by, time_by=time_by, seed=seed, near=near,
            raise_if_stopped=control.raise_if_stopped,
        )  # fmt: skip
        for sentence in result.warnings:
            yield Message(text=sentence, level="warning")
        counts = opened.dataset(dataset).split_counts
    return {
        "dataset": dataset,
        "revision": revision.revision,
        "changed": revision.changed,
        "splits": counts,
        "split_note": result.note,
        "warnings": result.warnings,
    }


def resplit(
    project: "Project", dataset: str, *, splits: str = "", group_by: str = "", time_by: str = "", seed: int = 0,
    near: bool = True, raise_if_stopped: Callable[[], None] = lambda: None,
) -> "tuple[SplitResult, RevisionInfo]":  # fmt: skip
    """Splits all items that are not excluded, as if they were imported now, and makes a revision of it.

    ``near``: near duplicates stay together, those that the doctor has found included. ``splits`` as in
    :func:`tlstudio.data.splitting.parse_plan` (``folders`` is not possible: what the source said is
    in the first revision); ``group_by``: a column of the data set's source, or a pattern with one group that is
    looked for in the path; empty keeps the groups of the import. ``time_by``: the column with the time.
    Raises ``StudioError``; the data set is then as it was.
    """
    plan = parse_plan(splits)
    if splits.strip() == "folders":
        raise UsageError("The splits of the source are those of the first revision: go back to it instead.")
    group_of = _group_finder(group_by)
    ids, items, values = array("q"), list[SplitItem](), list[str]()
    for item, columns in _items(project, dataset, {group_by, time_by} - {""}):
        if not len(ids) % _PAGE:
            raise_if_stopped()
        ids.append(item.id)
        values.append(sys.intern(item.value))
        group, time = sys.intern(group_of(item, columns)), columns.get(time_by, "") if time_by else ""
        phash = item.phash if near else None
        items.append(SplitItem(item.path, "", bytes.fromhex(item.sha256), group=group, time=time, phash=phash))
    _refuse_unknown(dataset, group_by, time_by, items)
    for position, stratum in enumerate(_strata(project, dataset, values)):
        items[position] = items[position]._replace(label=stratum)
    known = _known_copies(project, dataset, ids) if near else []
    classes = project.dataset(dataset).task == "classification"
    result = split(items, plan, seed, pairs=known, classes=classes)
    raise_if_stopped()
    revision = project.resplit(dataset, zip(ids, result.splits, strict=True), result.note, result.warnings)
    return result, revision


def _group_finder(group_by: str) -> "Callable[[Item, dict[str, str]], str]":
    """A function of an item and its columns to its group. Raises :class:`UsageError` for an unusable pattern."""
    if not group_by:
        return lambda item, columns: item.group
    pattern = group_pattern(group_by)

    def find(item: "Item", columns: dict[str, str]) -> str:
        if group_by in columns:
            return columns[group_by]
        return group_in(item.path, pattern) if pattern.groups == 1 else ""

    return find


def _refuse_unknown(dataset: str, group_by: str, time_by: str, items: list[SplitItem]) -> None:
    if not items:
        raise DataError(f"The data set '{dataset}' has no item that is not excluded; there is nothing to split.")
    if group_by and not any(item.group for item in items):
        raise UsageError(
            f"'{group_by}' is neither a column of '{dataset}' nor a pattern with exactly one group in parentheses that "
            f"is found in the names of its files, such as _(\\w+)_ for what stands between two underscores."
        )
    if time_by and not any(item.time for item in items):
        raise UsageError(f"'{time_by}' is no column of '{dataset}' that says when its items were made.")


def _items(project: "Project", dataset: str, names: set[str]) -> "Iterator[tuple[Item, dict[str, str]]]":
    """Every item that is not excluded, with those of its columns that are named."""
    from tlstudio.project import ItemFilter
    from tlstudio.project.metas import metas

    columns = {item_id: dict(found) for item_id, found in metas(project, dataset, names) if found} if names else {}
    view = project.view(dataset, ItemFilter())
    for offset in range(0, view.count, _PAGE):
        for item in view.page(offset, _PAGE):
            if item.split != "excluded":
                yield item, columns.get(item.id, {})


def _known_copies(project: "Project", dataset: str, ids: "array[int]") -> list[tuple[int, int]]:
    """Positions of the near duplicates that the newest doctor's report names."""
    report = project.report(dataset) or {}
    place = {item_id: position for position, item_id in enumerate(ids)}
    return [(place[a], place[b]) for a, b in report.get("pairs", ()) if a in place and b in place]


def _strata(project: "Project", dataset: str, values: list[str]) -> list[str]:
    from tlstudio.api.task import TaskInfo
    from tlstudio.registry import Registry

    info = project.dataset(dataset)
    task = Registry.discover().task(info.task).load()(TaskInfo(class_names=info.class_names))
    strata: list[str] = task.strata(values)
    return strata
