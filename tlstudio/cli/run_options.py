"""What 'train' and 'queue add' ask about a run, and what becomes of it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from tlstudio import pseudo_labels
from tlstudio.api.errors import UsageError
from tlstudio.api.events import Finished
from tlstudio.api.options import parse_settings
from tlstudio.cli.output import print_json, say, warn
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences

Dataset = Annotated[str, typer.Option("--dataset", help="The data set's name in the project.")]
Backbone = Annotated[
    str, typer.Option("--backbone", help="One of 'tlstudio backbones', or the name of imported weights.")
]
Method = Annotated[str, typer.Option("--method", help="One of 'tlstudio methods'.")]
Weights = Annotated[
    str, typer.Option("--weights", help="Of the backbone; 'none': random; 'run:7': what run 7 has trained.")
]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the method.")]
Recipe = Annotated[
    str, typer.Option("--recipe", help="Of the method, see 'tlstudio methods': its values for all options not set.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of everything random.")]
Engine = Annotated[str, typer.Option("--engine", help="One of 'tlstudio engines'.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]
Precision = Annotated[str, typer.Option("--precision", help="auto, float32, bfloat16.")]
Workers = Annotated[int, typer.Option("--workers", help="Processes that load samples; -1: chosen.")]
Beside = Annotated[bool, typer.Option("--beside", help="Train even while another run has the device.")]
Source = Annotated[str, typer.Option("--source-dataset", help="A second data set to learn from, with labels.")]
Teacher = Annotated[
    str, typer.Option("--teacher", help="What to learn from: run:3, an exported .safetensors, or a backbone.")
]
Unlabelled = Annotated[str, typer.Option("--unlabelled", help="A data set whose labels, if any, nobody looks at.")]
LabelsPerClass = Annotated[
    int,
    typer.Option(
        "--labels-per-class", min=0, help="So many training items of a class keep their labels, the others none."
    ),
]
FromRun = Annotated[str, typer.Option("--from-run", help="Finished runs to begin from or to combine, such as 3,4.")]


def request(
    registry: Registry,
    *,
    method: str,
    settings: list[str] | None,
    weights: str,
    device: str,
    precision: str,
    workers: int,
    beside: bool,
    from_run: str = "",
    recipe: str = "",
    **rest: Any,
) -> dict[str, Any]:
    """Arguments of ``runs.create_run``. Raises ``UsageError``, ``OptionsError``."""
    if precision not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"The precision '{precision}' is not known; there are auto, float32 and bfloat16.")
    chosen: Literal["auto", "float32", "bfloat16"] = precision  # type: ignore[assignment]  # checked above
    numbers = [part.strip().removeprefix("run:") for part in from_run.split(",") if part.strip()]
    if wrong := [number for number in numbers if not number.isdigit()]:
        raise UsageError(f"--from-run takes numbers of runs such as 3,4; '{wrong[0]}' is none.")
    return {
        **rest,
        "runs": tuple(int(number) for number in numbers),
        "method": method,
        "weights_id": weights,
        "recipe": recipe,
        "options": options(registry, method, settings, recipe),
        "runtime": RuntimePreferences(device=device, precision=chosen, workers=workers, beside=beside),
    }


def options(registry: Registry, method: str, settings: Sequence[str] | None, recipe: str = "") -> dict[str, Any]:
    """Every option of the method; with a recipe those alone that were set."""
    parsed = parse_settings(registry.method(method).options, settings or ())
    return parsed.model_dump(exclude_unset=bool(recipe))


def conclude(project: Project, run_id: int, done: Finished, json: bool) -> int:
    """Says what became of a run that was trained; the exit status."""
    result = {**done.result, "run": run_id, "status": done.status}
    if json:
        print_json(result)
    else:
        report(result, str(project.path))
    if done.status == "parked" and result.get("reason_kind") == "disk-full":
        warn(str(result.get("reason", "")))
        return 1
    return 0 if done.status == "finished" else 3


def report(result: dict[str, Any], path: str) -> None:
    """Scores as people read them, and what to do next."""
    say(f"Run {result['run']} {result['status']}.")
    for split, metrics in result.get("metrics", {}).items():
        for name in [n for n in metrics if not n.endswith(("_low", "_high"))]:
            low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
            interval = f"  (95 %: {low:.3f} to {high:.3f})" if low is not None and high is not None else ""
            say(f"  {split:5} {name:18} {metrics[name]:.4f}{interval}")
    if result["status"] == "parked":
        waits = result.get("reason_kind") == pseudo_labels.REASON
        say(f"  next: tlstudio {'pseudo-labels' if waits else 'resume'} {path} {result['run']}")
    elif result.get("model"):
        say(f"  next: tlstudio export {path} {result['run']} --format onnx --out model.onnx")
