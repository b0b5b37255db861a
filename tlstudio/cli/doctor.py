"""``tlstudio data doctor``."""

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from tlstudio import jobs
from tlstudio.api.errors import UsageError
from tlstudio.cli.common import ProjectPath, opened
from tlstudio.cli.data import DatasetName
from tlstudio.cli.output import Json, follow, print_json, say


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    path: ProjectPath,
    dataset: DatasetName,
    backbone: Annotated[str, typer.Option(help="Whose features; default: the best whose weights are here.")] = "",
    weights: Annotated[str, typer.Option(help="Which weights of the backbone.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Without what needs a network.")] = False,
    against: Annotated[str, typer.Option(metavar="DATASET2", help="Another data set to compare with.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write the report there, too: text, or JSON if it ends so.")] = None,
    json: Json = False,
) -> int:
    """Looks for what spoils training: damaged files, copies, leaks, wrong labels, odd items, imbalance, shift."""
    from tlstudio.doctor.report import as_text

    arguments = {"project": str(path.absolute()), "dataset": dataset, "backbone": backbone, "weights": weights,
                 "quick": quick, "against": against}  # fmt: skip
    done = follow(jobs.start("doctor", arguments))
    if done.status != "finished":
        return 3
    with opened(path) as project:
        report = project.report(dataset)
    if report is None:
        raise UsageError(f"The report on '{dataset}' is not there any more. Look the data set over again.")
    text = as_text(report)  # type: ignore[arg-type]  # what the job saved
    if out is not None:
        _write(out, json_text.dumps(report, ensure_ascii=False, indent=1) if out.suffix == ".json" else text)
    if json:
        print_json(report)
    else:
        say(text.rstrip("\n"))
    return 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"The report cannot be written to {file}: {error.strerror}.") from error
