"""``tlstudio weights | export | predict``: models in and out."""

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from tlstudio import jobs
from tlstudio.api.errors import StudioError, UsageError
from tlstudio.api.metric import MetricDescriptor
from tlstudio.cli.common import ProjectPath, RunId
from tlstudio.cli.output import Json, follow, print_json, say
from tlstudio.places import printable
from tlstudio.registry import Registry

_TEXT = 60  # characters of a text that are shown

weights_app = typer.Typer(no_args_is_help=True, help="Pretrained weights.")


def register(app: typer.Typer) -> None:
    app.command()(export)
    app.command()(predict)


@weights_app.command("import")
def import_(
    backbone: Annotated[str, typer.Argument(metavar="BACKBONE", help="The network that the weights belong to.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .pth, .th, .pt, .bin or .safetensors file.")],
    name: Annotated[str, typer.Option(help="What to call them; 'train --backbone NAME' then uses them.")] = "",
    json: Json = False,
) -> int:
    """Checks weights that you have on disk, name by name, and accepts them only if all of the backbone is there."""
    arguments = {"backbone": backbone, "file": str(file.absolute()), "name": name or file.stem}
    done = follow(jobs.start("import-weights", arguments))
    if json:
        print_json(done.result)
    elif done.status == "finished":
        say(f"Imported as '{done.result['name']}': {done.result['matched']} tensors matched {backbone}.")
    return 0 if done.status == "finished" else 3


@weights_app.command()
def download(
    backbone: Annotated[str, typer.Argument(metavar="BACKBONE")],
    weights: Annotated[str, typer.Option(help="Which of the published weights; default: the first.")] = "",
    json: Json = False,
) -> int:
    """Fetches published weights ahead of time."""
    done = follow(jobs.start("download-weights", {"backbone": backbone, "weights": weights}))
    if json:
        print_json(done.result)
    return 0 if done.status == "finished" else 3


def export(
    path: ProjectPath,
    run: RunId,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    format: Annotated[str, typer.Option(help="One of 'tlstudio exporters'.")] = "onnx",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    json: Json = False,
) -> int:
    """Writes a run's best model to a file, and verifies the file in a clean process on real samples."""
    done = follow(
        jobs.start(
            "export",
            {
                "project": str(path.absolute()),
                "run": run,
                "format": format,
                "out": str(out.absolute()),
                "overwrite": overwrite,
            },
        )
    )
    if json:
        print_json(done.result)
    elif done.status == "finished":
        say(verified(done.result, Registry.discover()))
    return 0 if done.status == "finished" else 3


_SAME = {"classification": "the same class", "multilabel": "the same labels", "segmentation": "of the pixels the same"}


def verified(r: dict[str, Any], registry: Registry) -> str:
    """What an export has found out about its file."""
    metric = cast("MetricDescriptor", registry.get("metrics", r["metric"]))
    before, after = (
        f"{100 * v:.1f} %" if metric.percent else f"{v:.4g}" for v in (r["metric_before"], r["metric_after"])
    )
    same = _SAME.get(r["task"], "the same values")
    title = metric.title.lower() if metric.id == "accuracy" else metric.title
    return (
        f"{r['path']} ({r['size_bytes'] / 1e6:.1f} MB), verified on {r['images']} "
        f"{registry.modality(r['modality']).noun[1]} in a clean process: largest difference {r['max_difference']:.2g}, "
        f"{100 * r['agreement']:.1f} % {same}, {title} {before} before and {after} after."
    )


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An exported model file.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="Samples (pictures, sounds, ...), or folders of them."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 3,
    text: Annotated[list[str] | None, typer.Option(help="A text itself, for models of texts; may be repeated.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of the files is a text of its own.")] = False,
    out: Annotated[Path | None, typer.Option(help="A folder for masks, for models of pixels.")] = None,
    views: Annotated[
        int, typer.Option(min=1, help="Look at each sample in so many ways (mirrored, shifted) and take the mean.")
    ] = 1,
    json: Json = False,
) -> int:
    """Says what an exported model makes of samples: classes, labels, numbers or masks. ONNX needs no torch."""
    from tlstudio.prediction import predict as ask

    if not files and not text:
        raise UsageError("Name at least one file, or give a text with --text.")
    result = ask(model, files or [], top=top, typed=text or [], by_line=lines, out=out, views=views)
    noun = Registry.discover().modality(result["modality"]).noun
    if json:
        print_json(result)
    else:
        for entry in result["predictions"]:
            say(f"{named(entry)}: {worded(entry)}")
        if "views" in result:
            say(f"Each is the mean of {result['views']} views of the {noun[0]}.")
    if not result["predictions"]:
        raise UsageError(f"There is no {noun[0]} among the files that were named.")
    if all("error" in entry for entry in result["predictions"]):
        raise StudioError(f"None of the {noun[1]} could be read.")
    return 0


def named(entry: dict[str, Any]) -> str:
    """What an entry of the predictions is about."""
    if "text" not in entry:
        return printable(entry["file"])
    text = " ".join(entry["text"].split())
    short = text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
    return f"{entry['file']}:{entry['line']} {short}" if "line" in entry else short


def worded(entry: dict[str, Any]) -> str:
    """What a prediction says, in a line."""
    if "error" in entry:
        return str(entry["error"])
    if "top" in entry:
        return _shares(entry["top"])
    if "labels" in entry:
        return f"{', '.join(entry['labels']) or 'none'} ({_shares(entry['scores'])})"
    if "shares" in entry:
        words = ", ".join(f"{name} {100 * share:.1f} %" for name, share in entry["shares"].items())
        return f"{words} -> {entry['mask']}" if "mask" in entry else words
    return ", ".join(f"{name} {value:.4g}" for name, value in entry.get("values", {}).items())


def _shares(rows: list[dict[str, Any]]) -> str:
    return ", ".join(f"{row['class']} {100 * row['probability']:.1f} %" for row in rows)
