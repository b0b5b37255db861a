"""``tlstudio data export | catalog``: data sets that leave the project, and those that can be fetched into one."""

from pathlib import Path
from typing import Annotated

import typer

from tlstudio import jobs
from tlstudio.cli.common import ProjectPath
from tlstudio.cli.output import Json, follow, print_json, say, table


def register(app: typer.Typer) -> None:
    app.command()(export)
    app.command()(catalog)


def export(
    path: ProjectPath,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="The data set's name in the project.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that does not exist yet.")],
    format: Annotated[str, typer.Option(help="One of 'tlstudio formats' that writes, such as csv.")],
    revision: Annotated[int, typer.Option(help="0: the newest.")] = 0,
    json: Json = False,
) -> int:
    """Writes a data set with its splits and labels as they are now, for other programs."""
    done = follow(
        jobs.start(
            "export-data",
            {
                "project": str(path.absolute()),
                "dataset": dataset,
                "out": str(folder.absolute()),
                "format": format,
                "revision": revision or None,
            },
        )
    )
    if json:
        print_json(done.result)
    elif done.status == "finished":
        r = done.result
        say(f"{r['dataset']}, revision {r['revision']}: {r['items']:,} items in {r['folder']} ({r['format']}).")
        say("  " + ", ".join(f"{split} {count:,}" for split, count in r["splits"].items()))
        if r["excluded"]:
            say(f"  {r['excluded']:,} excluded items are not in it.")
        for skipped in r["skipped_files"]:
            say(f"  left out {skipped['path']}: {skipped['reason']}")
    return 0 if done.status == "finished" else 3


def catalog(json: Json = False) -> None:
    """Well-known data sets that 'tlstudio data import PROJECT torchvision:NAME' fetches."""
    from tlstudio.data import builtin_sets

    sets = builtin_sets.catalog()
    if json:
        print_json(
            [
                {"name": s.name, "title": s.title, "task": s.task, "items": s.items, "megabytes": s.megabytes,
                 "source": f"torchvision:{s.name}", "address": s.base}
                for s in sets
            ]
        )  # fmt: skip
        return
    table([(s.name, s.items, s.megabytes, s.title) for s in sets], ("name", "items", "MB", "what"))
