"""``tlstudio data``."""

from pathlib import Path
from typing import Annotated

import typer

from tlstudio import jobs
from tlstudio.cli.common import ProjectPath, opened
from tlstudio.cli.output import Json, follow, print_json, say, table

app = typer.Typer(no_args_is_help=True, help="Import data and look at them.")
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="The data set's name in the project.")]


@app.command("import")
def import_(
    path: ProjectPath,
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder of pictures, or a CSV file.")],
    name: Annotated[str, typer.Option(help="What to call it in the project.")] = "",
    format: Annotated[str, typer.Option(help="One of 'tlstudio formats'; auto: recognised.")] = "auto",
    task: Annotated[str, typer.Option(help="auto: as the format says.")] = "auto",
    splits: Annotated[str, typer.Option(help="'folders', or shares such as 0.7,0.15,0.15.")] = "",
    group_by: Annotated[str, typer.Option(help="A column, or a regular expression on the path: never split.")] = "",
    seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    json: Json = False,
) -> int:
    """Checks every picture, splits, and adds the data set to the project. Your files stay where they are."""
    done = follow(
        jobs.start(
            "import-data",
            {
                "project": str(path.absolute()),
                "source": str(source.absolute()),
                "name": name or source.absolute().stem,
                "format": format,
                "task": task,
                "splits": splits,
                "group_by": group_by,
                "seed": seed,
            },
        )
    )
    if json:
        print_json(done.result)
    elif done.status == "finished":
        r = done.result
        say(f"{r['dataset']}: {r['items']:,} pictures in {len(r['classes'])} classes, {r['skipped']:,} files left out.")
        say("  " + ", ".join(f"{split} {count:,}" for split, count in r["splits"].items()))
        for skipped in r["skipped_files"]:
            say(f"  left out {skipped['path']}: {skipped['reason']}")
    return 0 if done.status == "finished" else 3


@app.command()
def show(path: ProjectPath, dataset: DatasetName, json: Json = False) -> None:
    """Classes, splits and problems of a data set."""
    from tlstudio.data import report

    with opened(path) as project:
        description = report.describe(project, dataset)
        info = project.dataset(dataset)
    if json:
        print_json(description)
        return
    say(f"{info.name}: {info.profile.items:,} pictures, revision {info.revision}, {info.root}")
    say(info.split_note)
    rows = [
        (name, *(info.class_split_counts.get(name, {}).get(split, 0) for split in ("train", "val", "test")))
        for name in info.class_names
    ]
    table(rows, ("class", "train", "val", "test"))


@app.command()
def doctor(path: ProjectPath, dataset: DatasetName, json: Json = False) -> None:
    """Looks for what spoils training: unreadable files, duplicates, label conflicts, imbalance."""
    from tlstudio.data import report

    with opened(path) as project:
        findings = report.doctor(project, dataset)
    if json:
        print_json(findings)
        return
    for finding in findings["findings"]:
        say(f"{finding['count']:>7,}  {finding['sentence']}")
    if not findings["findings"]:
        say("Nothing suspicious was found.")


@app.command()
def relocate(
    path: ProjectPath,
    dataset: DatasetName,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the pictures are now.")],
    json: Json = False,
) -> None:
    """Tells a project where a data set's pictures have moved to; their content is checked."""
    with opened(path) as project:
        project.relocate(dataset, folder)
        info = project.dataset(dataset)
    if json:
        print_json({"dataset": info.name, "root": str(info.root)})
    else:
        say(f"{info.name} is in {info.root} now.")
