"""``tlstudio doctor | demo``: the machine, and the main job from end to end."""

from pathlib import Path
from typing import Annotated

import typer

from tlstudio import jobs
from tlstudio.cli.output import Json, follow, print_json, say


def register(app: typer.Typer) -> None:
    app.command()(doctor)
    app.command()(demo)


def doctor(json: Json = False) -> None:
    """The machine: versions, devices, memory, what will be used and why."""
    from tlstudio import machine

    report = machine.describe()
    if json:
        print_json(report)
        return
    for name, value in report.items():
        if isinstance(value, dict):
            say(name)
            for key, inner in value.items():
                say(f"  {key}: {inner}")
        else:
            say(f"{name}: {value}")


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Without the window.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where to make the project; default: a new folder.")] = None,
    json: Json = False,
) -> int:
    """The main job on the embedded default: real digits, two methods, one table, a verified model, a prediction."""
    from tlstudio import demo as show

    folder = show.new_folder() if out is None else out.absolute()
    if not headless and not json and show.has_display():
        from tlstudio.gui import app

        return int(app.main(None, demo=str(folder)))
    done = follow(jobs.start("demo", {"project": str(folder)}))
    if json:
        print_json(done.result)
    elif done.status == "finished":
        say(show.as_text(done.result))
    return 0 if done.status == "finished" else 3
