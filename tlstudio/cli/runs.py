"""``tlstudio runs``."""

import typer

from tlstudio.cli.common import ProjectPath, opened, run_as_dict
from tlstudio.cli.output import Json, print_json, say, table
from tlstudio.project import Run


def register(app: typer.Typer) -> None:
    app.command()(runs)


def runs(path: ProjectPath, json: Json = False) -> None:
    """Lists the runs of a project."""
    with opened(path) as project:
        found = project.runs()
        if json:
            print_json({"runs": [run_as_dict(run, project) for run in found]})
            return
    table(
        [
            (
                r.id,
                r.state,
                r.method,
                r.backbone,
                r.dataset,
                _shown(r, "val"),
                _shown(r, "test"),
                r.seconds.get("total"),
            )
            for r in found
        ],
        ("run", "state", "method", "backbone", "data", "val", "test", "seconds"),
    )
    for run in found:
        if run.reason:
            say(f"run {run.id}, {run.state}: {run.reason}")


def _shown(run: Run, split: str) -> str:
    """The metric that chose the model, by name."""
    value = run.score(split)
    return "–" if value is None else f"{run.select_by} {value:.4g}"
