"""``tlstudio rank``: which backbone suits a data set, before anything is trained."""

from typing import Annotated

import typer

from tlstudio import jobs
from tlstudio.cli.common import ProjectPath
from tlstudio.cli.output import Json, follow, print_json, say, table
from tlstudio.ranking.columns import MEASURED, QUICK, Measured
from tlstudio.ranking.store import Ranked, Ranking

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="The data set's name in the project.")]
Backbones = Annotated[
    str, typer.Option("--backbones", help="Ids with commas between them; default: all whose weights are here.")
]


def register(app: typer.Typer) -> None:
    app.command()(rank)


def rank(path: ProjectPath, dataset: Dataset, backbones: Backbones = "", json: Json = False) -> int:
    """Ranks backbones by a linear probe on their frozen features, in 5 folds of the training split; test and
    validation items are not looked at. An order to begin with: fine-tuning may change it.
    """
    names = [name.strip() for name in backbones.split(",") if name.strip()]
    done = follow(jobs.start("rank", {"project": str(path.absolute()), "dataset": dataset, "backbones": names}))
    if done.status != "finished":
        return 3
    if json:
        print_json(done.result)
        return 0
    found = Ranking.model_validate(done.result)
    probe, neighbours = (score.title.lower() for score in MEASURED)
    table(
        [
            (
                row.key,
                *(_with_spread(score, row) for score in MEASURED),
                *(score.text(row) for score in QUICK),
                row.seconds,
            )
            for row in found.rows
        ],
        (
            "backbone",
            f"{probe} ({found.metric})",
            neighbours,
            *(score.title for score in QUICK),
            "seconds",
        ),
    )
    for row in found.rows:
        if row.no_source:
            say(f"No LEEP and NCE of {row.key}: {row.no_source}")
        if row.caution:
            say(f"{row.key}: {row.caution}")
    for sentence in found.left_out:
        say(f"Left out: {sentence}")
    level = _level(found)
    if len(level) > 1:
        say(f"Within one standard deviation of the first, and so not told apart: {', '.join(level)}.")
    say(f"{found.items:,} training items, {found.folds} folds, ± the standard deviation over them.")
    return 0


def _with_spread(score: Measured, row: Ranked) -> str:
    return score.text(row) if score.of(row) is None else f"{score.text(row)} ± {score.spread(row) or 0:.3f}"


def _level(found: Ranking) -> list[str]:
    first = found.rows[0]
    if first.probe is None or first.probe_sd is None:
        return []
    return [row.title for row in found.rows if row.probe is not None and abs(row.probe - first.probe) <= first.probe_sd]
