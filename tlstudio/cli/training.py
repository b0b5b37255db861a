"""``tlstudio train | runs | compare | stop | evaluate``."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tlstudio import jobs
from tlstudio.api.errors import UsageError
from tlstudio.api.options import parse_settings
from tlstudio.cli.common import ProjectPath, RunId, registry, run_as_dict
from tlstudio.cli.output import Json, follow, print_json, say, table
from tlstudio.project import Project, Run
from tlstudio.training.spec import RuntimePreferences


def register(app: typer.Typer) -> None:
    for command in (train, runs, compare, evaluate):
        app.command()(command)


def train(
    path: ProjectPath,
    dataset: Annotated[str, typer.Option(help="The data set's name in the project.")],
    backbone: Annotated[str, typer.Option(help="One of 'tlstudio backbones', or the name of imported weights.")],
    method: Annotated[str, typer.Option(help="One of 'tlstudio methods'.")],
    weights: Annotated[str, typer.Option(help="Which weights of the backbone; 'none': random.")] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the method.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    engine: Annotated[str, typer.Option(help="One of 'tlstudio engines'.")] = "local",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16.")] = "auto",
    workers: Annotated[int, typer.Option(help="Processes that load pictures; -1: chosen.")] = -1,
    json: Json = False,
) -> int:
    """Trains, keeps the best model by validation, and scores it on the test split at the end."""
    if precision not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"The precision '{precision}' is not known; there are auto, float32 and bfloat16.")
    chosen: Literal["auto", "float32", "bfloat16"] = precision  # type: ignore[assignment]  # checked above
    known = registry()
    from tlstudio import runs as planning

    with Project.open(path) as project:
        options = parse_settings(known.method(method).options, set_ or ())
        run = planning.create_run(
            project,
            known,
            dataset=dataset,
            backbone=backbone,
            method=method,
            weights_id=weights,
            options=options.model_dump(),
            seed=seed,
            engine=engine,
            runtime=RuntimePreferences(device=device, precision=chosen, workers=workers),
        )
        done = follow(jobs.start_run(project, run.id, known))
        result = {"run": run.id, **done.result, "status": done.status}
        if json:
            print_json(result)
        else:
            _report(result, project.path)
    return 0 if done.status == "finished" else 3


def _report(result: dict[str, Any], path: Path) -> None:
    say(f"Run {result['run']} {result['status']}.")
    for split, metrics in result.get("metrics", {}).items():
        for name in [n for n in metrics if not n.endswith(("_low", "_high"))]:
            low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
            interval = f"  (95 %: {low:.3f} to {high:.3f})" if low is not None and high is not None else ""
            say(f"  {split:5} {name:18} {metrics[name]:.4f}{interval}")
    if result.get("model"):
        say(f"  next: tlstudio export {path} {result['run']} --format onnx --out model.onnx")


def runs(path: ProjectPath, json: Json = False) -> None:
    """Lists the runs of a project."""
    with Project.open(path) as project:
        found = project.runs()
        if json:
            print_json({"runs": [run_as_dict(run, project) for run in found]})
            return
    table(
        [
            (
                r.id,
                r.state,
                r.method,
                r.backbone,
                r.dataset,
                _score(r, "val"),
                _score(r, "test"),
                r.seconds.get("total"),
            )
            for r in found
        ],
        ("run", "state", "method", "backbone", "data", "val accuracy", "test accuracy", "seconds"),
    )


def compare(
    path: ProjectPath,
    run_ids: Annotated[list[int], typer.Argument(metavar="RUN...", help="Two runs or more.")],
    json: Json = False,
) -> None:
    """Puts runs side by side: scores, and the settings in which they differ."""
    with Project.open(path) as project:
        chosen = [project.run(run_id) for run_id in run_ids]
        entries = [run_as_dict(run, project) for run in chosen]
    settings = [_settings(run) for run in chosen]
    keys = sorted({key for setting in settings for key in setting})
    differing = [key for key in keys if len({str(setting.get(key)) for setting in settings}) > 1]
    if json:
        print_json({"runs": entries, "differences": {k: [s.get(k) for s in settings] for k in differing}})
        return
    table(
        [
            *((key, *(str(setting.get(key, "–")) for setting in settings)) for key in differing),
            ("val accuracy", *(_percent(_score(run, "val")) for run in chosen)),
            ("test accuracy", *(_percent(_score(run, "test")) for run in chosen)),
        ],
        ("", *(f"run {run.id}" for run in chosen)),
    )


def evaluate(
    path: ProjectPath,
    run: RunId,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    json: Json = False,
) -> int:
    """Metrics of a run's best model on a split, with 95 % intervals."""
    done = follow(jobs.start("evaluate", {"project": str(path.absolute()), "run": run, "split": split}))
    if json:
        print_json(done.result)
    elif done.status == "finished":
        _report({"run": run, "status": "scored", "metrics": {split: done.result["metrics"]}}, path)
    return 0 if done.status == "finished" else 3


def _score(run: Run, split: str) -> float | None:
    return run.metrics.get(split, {}).get("accuracy")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _settings(run: Run) -> dict[str, Any]:
    fixed = {
        "dataset": run.dataset,
        "revision": run.revision,
        "backbone": run.backbone,
        "weights": run.weights,
    }
    return {**fixed, "method": run.method, "seed": run.seed, **run.options}
