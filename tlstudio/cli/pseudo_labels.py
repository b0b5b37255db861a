"""``tlstudio pseudo-labels``: what a run has labelled by itself, and what of it is wrong."""

from typing import Annotated, Any

import typer

from tlstudio import pseudo_labels
from tlstudio.api.errors import UsageError
from tlstudio.cli.common import ProjectPath, RunId, opened
from tlstudio.cli.output import Json, print_json, say, table
from tlstudio.project import Project
from tlstudio.pseudo_labels import Round

NOTHING = "none"


def register(app: typer.Typer) -> None:
    app.command("pseudo-labels")(labels)


def labels(
    path: ProjectPath,
    run: RunId,
    veto: Annotated[
        str,
        typer.Option(help=f"Items that are wrong, such as 12,40, or '{NOTHING}': the round that waits is looked at."),
    ] = "",
    round_: Annotated[int, typer.Option("--round", help="List the samples of this round; else of the newest.")] = 0,
    json: Json = False,
) -> None:
    """Lists the labels that a run has given to samples without any; strikes out wrong ones of the round that waits."""
    with opened(path) as project:
        folder = project.run(run).dir
        if veto.strip():
            looked = pseudo_labels.veto(folder, _numbers(veto))
            if not json:
                struck = len(looked.vetoed or ())
                say(f"Round {looked.number}: {struck:,} of {len(looked.accepted):,} labels are struck out.")
                say(f"To go on: tlstudio resume {path} {run}")
                return
        found = pseudo_labels.rounds(folder)
        if round_ and round_ not in {one.number for one in found}:
            raise UsageError(f"Run {run} has no round {round_}; it has {len(found)}.")
        if json:
            print_json({"run": run, "waiting": _waiting(found), "rounds": [_as_dict(one) for one in found]})
        elif not found:
            say(f"Run {run} has labelled nothing.")
        else:
            _list(project, run, found, round_ or found[-1].number)
    if not json and (number := _waiting(found)):
        say(f"Round {number} waits for you. Wrong ones: tlstudio pseudo-labels {path} {run} --veto ITEM,... (or none)")


def _list(project: Project, run: int, found: list[Round], number: int) -> None:
    chosen = next(one for one in found if one.number == number)
    there = pseudo_labels.samples_of(project, run, [one.item for one in chosen.accepted])
    rows = []
    for entries in chosen.by_class().values():
        for one in entries:
            struck = "yes" if chosen.vetoed and one.item in chosen.vetoed else ""
            where = there[one.item][1].path if one.item in there else "(gone)"
            rows.append((str(one.item), one.label, f"{one.confidence:.3f}", where, struck))
    table(
        [(one.number, len(one.accepted), "–" if one.vetoed is None else str(len(one.vetoed))) for one in found],
        ("round", "labelled", "struck out"),
    )
    say()
    table(rows, ("item", "class", "confidence", "sample", "struck out"))


def _waiting(found: list[Round]) -> int:
    return found[-1].number if found and found[-1].asks and found[-1].vetoed is None else 0


def _as_dict(one: Round) -> dict[str, Any]:
    return {
        "round": one.number,
        "asks": one.asks,
        "accepted": [{"item": a.item, "class": a.label, "confidence": a.confidence} for a in one.accepted],
        "vetoed": None if one.vetoed is None else sorted(one.vetoed),
    }


def _numbers(text: str) -> list[int]:
    if text.strip().lower() == NOTHING:
        return []
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if wrong := [part for part in parts if not part.isdecimal()]:
        raise UsageError(f"--veto takes numbers of items such as 12,40, or '{NOTHING}'; '{wrong[0][:40]}' is neither.")
    return [int(part) for part in parts]
