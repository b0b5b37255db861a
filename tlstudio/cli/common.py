"""Arguments that many commands share."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tlstudio.cli.output import warn
from tlstudio.project import Project, Run
from tlstudio.registry import Registry

ProjectPath = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)]
RunId = Annotated[int, typer.Argument(metavar="RUN", help="The run's number.", show_default=False)]


def registry() -> Registry:
    """The plugins that are installed and switched on."""
    return Registry.discover()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Project]:
    """The project; what there is to know about it, such as a repair, is said on standard error."""
    with Project.open(path) as project:
        for notice in project.notices:
            warn(notice)
        yield project


def run_as_dict(run: Run, project: Project) -> dict[str, Any]:
    return {
        "run": run.id,
        "status": run.state,
        "dataset": run.dataset,
        "revision": run.revision,
        "backbone": run.backbone,
        "weights": run.weights,
        "method": run.method,
        "seed": run.seed,
        "options": run.options,
        "metrics": run.metrics,
        "seconds": run.seconds,
        "images_per_second": run.images_per_second,
        "reason": run.reason,
        "position": run.position,
        "batch": run.batch,
        "resumable": run.resumable,
        "model": str(project.path / run.model) if run.model else "",
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
    }
