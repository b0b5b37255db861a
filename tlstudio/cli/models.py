"""``tlstudio weights | export | predict``: models in and out."""

from pathlib import Path
from typing import Annotated

import typer

from tlstudio import jobs
from tlstudio.api.errors import StudioError, UsageError
from tlstudio.cli.common import ProjectPath, RunId
from tlstudio.cli.output import Json, follow, print_json, say

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
    """Writes a run's best model to a file, and verifies the file in a clean process on real pictures."""
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
        r = done.result
        say(
            f"{r['path']} ({r['size_bytes'] / 1e6:.1f} MB), verified on {r['images']} pictures in a clean process: "
            f"largest logit difference {r['max_logit_difference']:.2g}, {100 * r['class_agreement']:.1f} % the same "
            f"class, accuracy {100 * r['accuracy_before']:.1f} % before and {100 * r['accuracy_after']:.1f} % after."
        )
    return 0 if done.status == "finished" else 3


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An exported model file.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures, or folders of pictures.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 3,
    json: Json = False,
) -> int:
    """Classifies pictures with an exported model. ONNX needs no torch."""
    from tlstudio.prediction import predict as classify

    result = classify(model, files, top=top)
    if json:
        print_json(result)
    else:
        for entry in result["predictions"]:
            if "error" in entry:
                say(f"{entry['file']}: {entry['error']}")
            else:
                shares = ", ".join(f"{t['class']} {100 * t['probability']:.1f} %" for t in entry["top"])
                say(f"{entry['file']}: {shares}")
    if not result["predictions"]:
        raise UsageError("There is no picture among the files that were named.")
    if all("error" in entry for entry in result["predictions"]):
        raise StudioError("None of the pictures could be read.")
    return 0
