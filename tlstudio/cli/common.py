"""Arguments that many commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tlstudio.project import Project, Run
from tlstudio.registry import Registry

ProjectPath = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)]
RunId = Annotated[int, typer.Argument(metavar="RUN", help="The run's number.", show_default=False)]


def registry() -> Registry:
    """The plugins that are installed and switched on."""
    return Registry.discover()


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
        "model": str(project.path / run.model) if run.model else "",
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
    }
