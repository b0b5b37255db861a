"""``tlstudio runs | compare``."""

from typing import Annotated, Any

import typer

from tlstudio.cli.common import ProjectPath, opened, run_as_dict
from tlstudio.cli.output import Json, print_json, say, table
from tlstudio.project import Run


def register(app: typer.Typer) -> None:
    for command in (runs, compare):
        app.command()(command)


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


def compare(
    path: ProjectPath,
    run_ids: Annotated[list[int], typer.Argument(metavar="RUN...", help="Two runs or more.")],
    json: Json = False,
) -> None:
    """Puts runs side by side: scores, and the settings in which they differ."""
    with opened(path) as project:
        chosen = [project.run(run_id) for run_id in run_ids]
        entries = [run_as_dict(run, project) for run in chosen]
    settings = [_settings(run) for run in chosen]
    keys = sorted({key for setting in settings for key in setting})
    differing = [key for key in keys if len({str(setting.get(key)) for setting in settings}) > 1]
    if json:
        print_json({"runs": entries, "differences": {k: [s.get(k) for s in settings] for k in differing}})
        return
    table(
        [
            *((key, *(str(setting.get(key, "–")) for setting in settings)) for key in differing),
            ("val", *(_shown(run, "val") for run in chosen)),
            ("test", *(_shown(run, "test") for run in chosen)),
        ],
        ("", *(f"run {run.id}" for run in chosen)),
    )


def _shown(run: Run, split: str) -> str:
    """The metric that chose the model, by name."""
    value = run.score(split)
    return "–" if value is None else f"{run.select_by} {value:.4g}"


def _settings(run: Run) -> dict[str, Any]:
    fixed = {
        "dataset": run.dataset,
        "revision": run.revision,
        "backbone": run.backbone,
        "weights": run.weights,
    }
    return {**fixed, "method": run.method, "seed": run.seed, **run.options}
