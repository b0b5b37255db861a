"""The command line: thin commands over the functions that the window calls."""

import os
import sys
import traceback
from typing import Annotated

import typer

from tlstudio import __version__
from tlstudio.api.errors import StudioError
from tlstudio.cli import (
    advising,
    commanding,
    comparing,
    data,
    data_files,
    finding,
    listings,
    machine,
    models,
    plugins,
    project,
    pseudo_labels,
    queue,
    ranking,
    regions,
    robustness,
    runs,
    training,
)
from tlstudio.cli.output import JobFailed

app = typer.Typer(
    name="tlstudio",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="From pictures, sounds or texts to a verified model file. Without a command: the desktop application.",
)
app.add_typer(project.app, name="project")
data_files.register(data.app)
app.add_typer(data.app, name="data")
app.add_typer(models.weights_app, name="weights")
app.add_typer(plugins.app, name="plugins")
app.add_typer(queue.app, name="queue")
# typer brings its own copy of click from 0.16 on; the common base of its complaints is reached through one of them.
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[2]

for module in (
    listings,
    training,
    commanding,
    runs,
    pseudo_labels,
    comparing,
    advising,
    ranking,
    finding,
    models,
    regions,
    robustness,
    machine,
):
    module.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tlstudio {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    safe_mode: Annotated[bool, typer.Option("--safe-mode", help="Load the built-in plugins alone.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    if debug:
        os.environ["TLSTUDIO_DEBUG"] = "1"
    if safe_mode:
        os.environ["TLSTUDIO_SAFE_MODE"] = "1"


def run_command_line(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 the work failed, 2 wrong usage, 3 stopped by the user."""
    # --debug and --safe-mode may stand anywhere.
    leading = [a for a in arguments if a in ("--debug", "--safe-mode")]
    rest = [a for a in arguments if a not in ("--debug", "--safe-mode")]
    try:
        result = app([*leading, *rest], prog_name="tlstudio", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.Exit as leave:
        return leave.exit_code
    except _WrongUsage as error:
        error.show(sys.stderr)  # type: ignore[attr-defined]  # of every such complaint
        return 2
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("Stopped.\n")
        return 3
    except JobFailed as failure:
        _say(failure.event.sentence, failure.event.traceback)
        return failure.event.exit_status
    except StudioError as error:
        _say(str(error), traceback.format_exc())
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - one sentence for the user; --debug shows all of it
        _say(f"Unexpected {type(error).__name__}: {error}. (--debug shows where.)", traceback.format_exc())
        return 1


def _say(sentence: str, trace: str) -> None:
    if os.environ.get("TLSTUDIO_DEBUG"):
        sys.stderr.write(trace + "\n")
    sys.stderr.write(sentence + "\n")
