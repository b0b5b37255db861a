"""``tlstudio project``."""

from pathlib import Path
from typing import Annotated

import typer

from tlstudio.cli.common import ProjectPath, opened
from tlstudio.cli.output import Json, print_json, say
from tlstudio.project import Project

app = typer.Typer(no_args_is_help=True, help="Create a project, or look at one.")


@app.command()
def create(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder that does not exist yet, or is empty.")],
    json: Json = False,
) -> None:
    """Makes a project folder."""
    with Project.create(path) as project:
        if json:
            print_json({"project": str(project.path), "name": project.name})
        else:
            say(f"Created {project.path}. Next: tlstudio data import {path} FOLDER --name NAME")


@app.command()
def info(path: ProjectPath, json: Json = False) -> None:
    """Data sets and runs of a project."""
    with opened(path) as project:
        datasets, runs = project.datasets(), project.runs()
        if json:
            print_json(
                {
                    "project": str(project.path),
                    "name": project.name,
                    "datasets": [
                        {
                            "name": d.name,
                            "task": d.task,
                            "items": d.profile.items,
                            "classes": list(d.class_names),
                            "revision": d.revision,
                        }
                        for d in datasets
                    ],
                    "runs": [
                        {"run": run.id, "status": run.state, "method": run.method, "reason": run.reason} for run in runs
                    ],
                    "notices": project.notices,
                }
            )
            return
        say(f"{project.name} ({project.path})")
        for d in datasets:
            say(
                f"  data set {d.name}: {d.profile.items:,} items in {len(d.class_names)} classes, revision {d.revision}"
            )
        for run in runs:
            say(f"  run {run.id}: {run.method} of {run.backbone} on {run.dataset}, {run.state}")
            if run.reason:
                say(f"    {run.reason}")
        if not datasets:
            say(f"  No data yet. Next: tlstudio data import {path} FOLDER --name NAME")
