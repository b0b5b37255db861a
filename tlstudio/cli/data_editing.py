"""``tlstudio data relabel | exclude | include | move | resplit | revisions | compare | undo``."""

import dataclasses
import json as json_text
import time
from typing import Annotated, Any

import typer

from tlstudio import jobs
from tlstudio.api.errors import UsageError
from tlstudio.cli.common import ProjectPath, opened
from tlstudio.cli.data import DatasetName, GroupBy, Near, TimeBy
from tlstudio.cli.output import Json, follow, print_json, say, table
from tlstudio.project import SPLITS, Change, DatasetInfo, Project, RevisionInfo

Items = Annotated[
    list[str], typer.Option("--item", metavar="PATH", help="Of an item, as 'data show' and the gallery have it.")
]
_LISTED = 20


def register(app: typer.Typer) -> None:
    for command in (relabel, exclude, include, move, resplit, revisions, compare, undo):
        app.command()(command)


def relabel(
    path: ProjectPath,
    dataset: DatasetName,
    item: Items,
    to: Annotated[str, typer.Option(metavar="LABEL", help="A class; labels or numbers, separated by commas.")],
    new_class: Annotated[bool, typer.Option("--new-class", help="The class may be one that there is not yet.")] = False,
    json: Json = False,
) -> None:
    """Gives items another label, as a new revision."""
    with opened(path) as project:
        info = project.dataset(dataset)
        if new_class and to not in info.class_names:
            project.add_class(dataset, to)
            info = project.dataset(dataset)
        value = value_of(info, to)
        ids = project.ids_of(dataset, item)
        made = project.edit(dataset, [Change(number, value) for number in ids], f"{_several(ids)} relabelled: {to}.")
        _tell(project, dataset, made, json)


def value_of(info: DatasetInfo, text: str) -> str:
    """A label as it is typed in the notation of the data set's task. Raises :class:`UsageError`."""
    parts = [part.strip() for part in text.split(",")]
    if info.task == "multilabel":
        return json_text.dumps([] if text.strip() in ("", "none") else parts, ensure_ascii=False)
    if info.task == "regression":
        try:
            return json_text.dumps([float(part) for part in parts])
        except ValueError:
            raise UsageError(f"'{text}' is no number, nor several with commas between them.") from None
    if info.task == "segmentation":
        raise UsageError(
            "The label of a picture is its mask here: change the mask's file and import the data set again."
        )
    return text


def exclude(
    path: ProjectPath,
    dataset: DatasetName,
    item: Items,
    note: Annotated[str, typer.Option(help="Why, for the list of revisions.")] = "",
    json: Json = False,
) -> None:
    """Leaves items out of training and testing. They stay in the data set, and their files where they are."""
    with opened(path) as project:
        ids = project.ids_of(dataset, item)
        changes = [Change(number, split="excluded") for number in ids]
        _tell(project, dataset, project.edit(dataset, changes, note or f"{_several(ids)} excluded.", "exclude"), json)


def include(
    path: ProjectPath,
    dataset: DatasetName,
    item: Items,
    to: Annotated[str, typer.Option(metavar="SPLIT", help="train, val or test; default: where each was before.")] = "",
    json: Json = False,
) -> None:
    """Takes excluded items in again."""
    with opened(path) as project:
        ids = project.ids_of(dataset, item)
        before = project.splits_before_exclusion(dataset, ids)
        changes = [Change(number, split=to or before.get(number, "train")) for number in ids]
        _tell(project, dataset, project.edit(dataset, changes, f"{_several(ids)} taken in again.", "restore"), json)


def move(
    path: ProjectPath,
    dataset: DatasetName,
    item: Items,
    to: Annotated[str, typer.Option(metavar="SPLIT", help="train, val or test.")],
    json: Json = False,
) -> None:
    """Puts items into another split."""
    if to not in SPLITS:
        raise UsageError(f"There is no split '{to}'. There are: {', '.join(SPLITS)}.")
    with opened(path) as project:
        ids = project.ids_of(dataset, item)
        changes = [Change(number, split=to) for number in ids]
        _tell(project, dataset, project.edit(dataset, changes, f"{_several(ids)} moved to {to}.", "split"), json)


def resplit(
    path: ProjectPath,
    dataset: DatasetName,
    splits: Annotated[str, typer.Option(help="Shares such as 0.7,0.15,0.15, time:..., kfold:5:1.")] = "",
    group_by: GroupBy = "",
    time_by: TimeBy = "",
    near: Near = True,
    seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    json: Json = False,
) -> int:
    """Splits all items anew, as a new revision."""
    arguments = {"project": str(path.absolute()), "dataset": dataset, "splits": splits, "group_by": group_by,
                 "time_by": time_by, "seed": seed, "near": near}  # fmt: skip
    done = follow(jobs.start("resplit", arguments))
    if json:
        print_json(done.result)
    elif done.status == "finished":
        r = done.result
        say(f"Revision {r['revision']} of {dataset}: {r['changed']:,} items moved. {r['split_note']}")
        say("  " + ", ".join(f"{split} {count:,}" for split, count in r["splits"].items()))
    return 0 if done.status == "finished" else 3


def revisions(path: ProjectPath, dataset: DatasetName, json: Json = False) -> None:
    """Every state of a data set, the newest first, with the runs that were trained on it."""
    with opened(path) as project:
        found = project.revisions(dataset)
    if json:
        print_json({"dataset": dataset, "revisions": [dataclasses.asdict(revision) for revision in found]})
        return
    rows = [
        (r.revision, time.strftime("%Y-%m-%d %H:%M", time.localtime(r.created)), r.kind, f"{r.changed:,}", r.note,
         ", ".join(map(str, r.runs)))
        for r in found
    ]  # fmt: skip
    table(rows, ("revision", "made", "kind", "items", "note", "runs"))


def compare(
    path: ProjectPath,
    dataset: DatasetName,
    a: Annotated[int, typer.Argument(metavar="A", help="A revision.")],
    b: Annotated[int, typer.Argument(metavar="B", help="Another.")],
    json: Json = False,
) -> None:
    """What differs between two revisions."""
    with opened(path) as project:
        found = project.compare_revisions(dataset, a, b)
    if json:
        print_json({"dataset": dataset, **dataclasses.asdict(found)})
        return
    counts = {name: getattr(found, name) for name in
              ("relabelled", "moved", "excluded", "restored", "added", "removed")}  # fmt: skip
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    say(f"From revision {a} to {b} of {dataset}: {said or 'nothing differs'}.")
    table(((d.what, d.path, d.before, d.after) for d in found.items[:_LISTED]), ("what", "item", "before", "after"))
    if len(found.items) > _LISTED:
        say(f"  and more; --json lists the first {len(found.items):,}.")


def undo(
    path: ProjectPath,
    dataset: DatasetName,
    to: Annotated[int, typer.Option(metavar="REVISION", help="Default: that before the last change.")] = 0,
    json: Json = False,
) -> None:
    """Makes a new revision with the content of an earlier one. Called again it goes back further."""
    with opened(path) as project:
        _tell(project, dataset, project.restore(dataset, to or before_last(project, dataset)), json)


def before_last(project: Project, dataset: str) -> int:
    """The revision that undoing leads to: what was undone before counts for nothing. Raises :class:`UsageError`."""
    found = project.revisions(dataset)
    now = min(revision.revision for revision in found if revision.fingerprint == found[0].fingerprint)
    if now == 1:
        raise UsageError(f"There is nothing to undo: '{dataset}' is as it was imported.")
    return now - 1


def _several(ids: list[int]) -> str:
    return "1 item" if len(ids) == 1 else f"{len(ids):,} items"


def _tell(project: Project, dataset: str, made: RevisionInfo, json: bool) -> None:
    info = project.dataset(dataset)
    answer: dict[str, Any] = {
        "dataset": dataset, "revision": made.revision, "changed": made.changed, "note": made.note, "kind": made.kind,
        "fingerprint": made.fingerprint, "splits": info.split_counts, "excluded": info.excluded,
    }  # fmt: skip
    if json:
        print_json(answer)
    else:
        say(f"Revision {made.revision} of {dataset}: {made.note} ({made.changed:,} changed)")
