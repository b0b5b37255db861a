"""``tlstudio data``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tlstudio import jobs
from tlstudio.api.errors import UsageError
from tlstudio.cli.common import ProjectPath, opened
from tlstudio.cli.output import Json, follow, print_json, say, table

app = typer.Typer(no_args_is_help=True, help="Import data, look at them, and put them right.")
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="The data set's name in the project.")]
GroupBy = Annotated[str, typer.Option(help="A column, or a regular expression on the path: never split.")]
TimeBy = Annotated[str, typer.Option(help="A column with times, for --splits time:0.7,0.15,0.15.")]
Near = Annotated[bool, typer.Option("--near/--no-near", help="Near duplicates stay in one split.")]


@app.command("import")
def import_(
    path: ProjectPath,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder, a table, an archive, or torchvision:NAME.")
    ],
    name: Annotated[str, typer.Option(help="What to call it in the project.")] = "",
    format: Annotated[str, typer.Option(help="One of 'tlstudio formats'; auto: recognised.")] = "auto",
    task: Annotated[str, typer.Option(help="auto: as the format says.")] = "auto",
    modality: Annotated[str, typer.Option(help="image, audio, text or video; auto: as the format says.")] = "auto",
    splits: Annotated[str, typer.Option(help="'folders', shares such as 0.7,0.15,0.15, time:..., kfold:5:1.")] = "",
    group_by: GroupBy = "",
    time_by: TimeBy = "",
    near: Near = True,
    add: Annotated[bool, typer.Option("--add", help="Add what is new to the data set of that name.")] = False,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option of the format.")] = None,
    seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    json: Json = False,
) -> int:
    """Checks every sample, splits, and adds the data set to the project. Your files stay where they are."""
    fetched = source.lower().startswith("torchvision:")
    where = Path(source).absolute()
    done = follow(
        jobs.start(
            "import-data",
            {
                "project": str(path.absolute()),
                "source": source if fetched else str(where),
                "name": name or (source.partition(":")[2] if fetched else where.stem),
                "format": format,
                "task": task,
                "modality": modality,
                "splits": splits,
                "group_by": group_by,
                "time_by": time_by,
                "seed": seed,
                "options": _options(set_ or []),
                "add": add,
                "near": near,
            },
        )
    )
    if json:
        print_json(done.result)
    elif done.status == "finished":
        _say_imported(done.result, add)
    return 0 if done.status == "finished" else 3


def _options(settings: list[str]) -> dict[str, str]:
    """The importer knows the format, and checks them."""
    found = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or not key.strip():
            raise UsageError(f"'{setting}' is not of the form key=value.")
        found[key.strip().replace("-", "_")] = value.strip()
    return found


def _say_imported(r: dict[str, Any], add: bool) -> None:
    if add:
        say(f"{r['dataset']}: {r['added']:,} added, {r['known']:,} were there already; revision {r['revision']}.")
    of = f"{len(r['classes'])} classes" if r["task"] != "regression" else ", ".join(r["classes"])
    learnt = f"{r['task']} of {of}" if len(r["classes"]) > 1 or r["task"] != "classification" else "without labels"
    say(f"{r['dataset']}: {r['items']:,} items, {learnt}; {r['skipped']:,} files left out.")
    say("  " + ", ".join(f"{split} {count:,}" for split, count in r["splits"].items()))
    for skipped in r["skipped_files"]:
        say(f"  left out {skipped['path']}: {skipped['reason']}")


@app.command()
def show(path: ProjectPath, dataset: DatasetName, json: Json = False) -> None:
    """Classes, splits and problems of a data set."""
    from tlstudio.data import report

    with opened(path) as project:
        description = report.describe(project, dataset)
        info = project.dataset(dataset)
        values = project.class_values(dataset) if info.task == "regression" else {}
    if json:
        print_json(description)
        return
    say(f"{info.name}: {info.profile.items:,} items, {info.task}, revision {info.revision}, {info.root}")
    say(info.split_note)
    if info.excluded:
        say(f"{info.excluded:,} more are excluded.")
    shown = ("train", "val", "test")
    if info.task == "regression":
        table(((name, *(values[split].get(name, 0) for split in shown)) for name in values["train"]),
              (info.class_names[0], *shown))  # fmt: skip
    elif info.task == "segmentation":
        say(f"Classes of the pixels: {', '.join(info.class_names)}.")
        table([tuple(info.split_counts[split] for split in shown)], shown)
    else:
        rows = [(name, *(counts[split] for split in shown)) for name, counts in info.class_split_counts.items()]
        table(rows, ("class", *shown))


@app.command()
def relocate(
    path: ProjectPath,
    dataset: DatasetName,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files are now.")],
    json: Json = False,
) -> None:
    """Tells a project where a data set's files have moved to; their content is checked."""
    with opened(path) as project:
        project.relocate(dataset, folder)
        info = project.dataset(dataset)
    if json:
        print_json({"dataset": info.name, "root": str(info.root)})
    else:
        say(f"{info.name} is in {info.root} now.")


from tlstudio.cli import data_editing, data_files, doctor  # noqa: E402 - they take DatasetName from here

for part in (data_editing, data_files, doctor):
    part.register(app)
