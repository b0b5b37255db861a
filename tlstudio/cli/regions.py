"""``tlstudio region``: where a model looked."""

from pathlib import Path
from typing import Annotated

import typer

from tlstudio import jobs
from tlstudio.cli.common import ProjectPath, RunId
from tlstudio.cli.output import Json, follow, print_json, say


def register(app: typer.Typer) -> None:
    app.command()(region)


def region(
    path: ProjectPath,
    run: RunId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A sample: a picture, a sound, a text.")],
    out: Annotated[Path, typer.Option(help="The picture to write, .png or .jpg.")],
    sound: Annotated[Path | None, typer.Option(help="Of a sound: a WAV file of its region alone.")] = None,
    json: Json = False,
) -> int:
    """Draws the region of a sample that decided, for a run of 'cam-transfer'."""
    arguments = {
        "project": str(path.absolute()),
        "run": run,
        "files": [str(file.absolute())],
        "out": str(out.absolute()),
        "sound": str(sound.absolute()) if sound else "",
    }
    done = follow(jobs.start("regions", arguments))
    if json:
        print_json(done.result)
    elif done.status == "finished":
        entry = done.result["regions"][0]
        answer, led = entry["answer"], entry["led_by"][0]
        named = answer.get("class") or ", ".join(answer.get("labels", [])) or "none"
        labels = entry.get("labels", [])
        whose = next((f" of {one['label']}" for one in labels if one["out"] == entry["out"]), "")
        say(
            f"{named}, from {100 * entry['share']:.0f} % of what the network sees; the target network alone says "
            f"{led['class']} ({100 * led['probability']:.1f} %). The region{whose} is in {entry['out']}."
        )
        for one in labels:
            if one["out"] != entry["out"]:
                say(f"The region of {one['label']} is in {one['out']}.")
    return 0 if done.status == "finished" else 3
