"""``tlstudio advise``: what to begin with, and why."""

from typing import Annotated

import typer

from tlstudio.cli.common import ProjectPath, opened, registry
from tlstudio.cli.output import Json, print_json, say

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="The data set's name in the project.")]
Backbone = Annotated[str, typer.Option("--backbone", help="Which one is meant; default: one that is ready here.")]
Goal = Annotated[
    str, typer.Option("--goal", help="accuracy; small: for little hardware; shift: where later data may differ.")
]


def register(app: typer.Typer) -> None:
    app.command("advise")(advise_)


def advise_(
    path: ProjectPath, dataset: Dataset, backbone: Backbone = "", goal: Goal = "accuracy", json: Json = False
) -> None:
    """Proposes a method with its options to begin with, from data, labels and machine, and says why."""
    from tlstudio.advising import advise

    known = registry()
    with opened(path) as project:
        advice = advise(project, known, dataset, backbone=backbone, goal=goal)
    command = advice.command(str(path))
    if json:
        print_json({**advice.as_dict(), "command": command})
        return
    say(f"To begin with: {advice.sentence}.")
    for reason in advice.reasons:
        say(f"  {reason}")
    for other in advice.alternatives:
        say(f"Or {other.title}. {other.reason}")
    say(f"  next: {command}")
