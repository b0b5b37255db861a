"""``tlstudio plugins``."""

from pathlib import Path
from typing import Annotated

import typer

from tlstudio import jobs
from tlstudio.api.errors import UsageError
from tlstudio.cli.common import registry
from tlstudio.cli.output import Json, follow, print_json, say

app = typer.Typer(no_args_is_help=True, help="Third-party backbones, methods, metrics and more.")
Name = Annotated[str, typer.Argument(metavar="X", help="The plugin's name in 'tlstudio plugins list'.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """What is installed, what it contributes, and what went wrong."""
    found = registry()
    if json:
        print_json(
            {
                "plugins": [
                    {
                        "id": plugin.name,
                        "title": plugin.distribution or plugin.name,
                        "name": plugin.name,
                        "version": plugin.version,
                        "state": plugin.state,
                        "distribution": plugin.distribution,
                        "contributions": list(plugin.contributions),
                    }
                    for plugin in found.plugins
                ],
                "problems": [
                    {"plugin": p.plugin, "sentence": p.sentence, "traceback": p.traceback} for p in found.problems
                ],
            }
        )
        return
    for plugin in found.plugins:
        say(f"{plugin.name} {plugin.version} ({plugin.state}): {len(plugin.contributions)} contributions")
    for problem in found.problems:
        say(f"! {problem.sentence}")


@app.command()
def install(
    target: Annotated[str, typer.Argument(metavar="X", help="A name, a wheel, or a plugin's folder.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> int:
    """Adds a plugin to your own plugin environment; the application's packages are never replaced."""
    if Path(target).exists():
        target = str(Path(target).absolute())
    done = follow(jobs.start("install-plugin", {"target": target}))
    if json:
        print_json(done.result)
    elif done.status == "finished":
        say(f"Installed {', '.join(map(str, done.result['installed']))}.")
    return 0 if done.status == "finished" else 3


@app.command()
def uninstall(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> int:
    """Removes a plugin, and what only it needed."""
    done = follow(jobs.start("uninstall-plugin", {"name": name}))
    if json:
        print_json(done.result)
    elif done.status == "finished":
        say(f"Removed {name}.")
    return 0 if done.status == "finished" else 3


@app.command()
def check(name: Name, json: Json = False) -> int:
    """Loads all that a plugin offers and trains its methods on drawn pictures: do they keep what they promise?"""
    done = follow(jobs.start("check-plugin", {"name": name}))
    problems = done.result.get("problems", [])
    if json:
        print_json(done.result)
    elif done.status == "finished":
        for problem in problems:
            say(f"! {problem}")
        checked = len(done.result["checked"])
        say(f"{done.result['plugin']}: {checked} contributions checked, {len(problems)} problems.")
    return 3 if done.status != "finished" else 1 if problems else 0


@app.command()
def enable(name: Name, json: Json = False) -> None:
    """Switches a plugin on again."""
    _switch(name, on=True, json=json)


@app.command()
def disable(name: Name, json: Json = False) -> None:
    """Switches a plugin off without removing it."""
    _switch(name, on=False, json=json)


def _switch(name: str, *, on: bool, json: bool) -> None:
    from tlstudio import settings

    known = [plugin.name for plugin in registry().plugins]
    if name not in known:
        raise UsageError(f"There is no plugin '{name}'. There are: {', '.join(known)}.")
    if name == "tlstudio-builtins":
        raise UsageError("The built-in plugins cannot be switched off.")
    current = settings.load()
    disabled = [other for other in current.disabled_plugins if other != name] + ([] if on else [name])
    settings.save(current.model_copy(update={"disabled_plugins": disabled}))
    state = "enabled" if on else "disabled"
    if json:
        print_json({"plugin": name, "state": state})
    else:
        say(f"{name} is {state}.")
