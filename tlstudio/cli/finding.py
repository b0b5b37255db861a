"""``tlstudio find-rate | find-batch``."""

from collections.abc import Callable
from typing import Any

import typer

from tlstudio import jobs
from tlstudio.cli import run_options as o
from tlstudio.cli.common import ProjectPath, opened, registry
from tlstudio.cli.output import Json, follow, print_json, say, table, warn


def register(app: typer.Typer) -> None:
    app.command(
        "find-rate", help="Proposes a learning rate: some 100 steps at rising rates, on a copy that is thrown away."
    )(_finder("find-rate", lambda result: None))
    app.command(
        "find-batch",
        help="Proposes a batch size: doubled until memory ends, or no more samples a second come of it. On a copy.",
    )(_finder("find-batch", _sizes))


def _finder(job: str, details: Callable[[dict[str, Any]], None]) -> Callable[..., int]:
    """The command that starts ``job`` and shows what it proposes, after ``details`` of its own."""

    def find(
        path: ProjectPath,
        dataset: o.Dataset,
        backbone: o.Backbone,
        method: o.Method,
        weights: o.Weights = "",
        set_: o.Set = None,
        seed: o.Seed = 0,
        device: o.Device = "auto",
        precision: o.Precision = "auto",
        workers: o.Workers = -1,
        source: o.Source = "",
        teacher: o.Teacher = "",
        unlabelled: o.Unlabelled = "",
        labels_per_class: o.LabelsPerClass = 0,
        from_run: o.FromRun = "",
        json: Json = False,
    ) -> int:
        request = _request(
            path, dataset=dataset, backbone=backbone, method=method, weights=weights, settings=set_, seed=seed,
            device=device, precision=precision, workers=workers, source=source, teacher=teacher, unlabelled=unlabelled,
            labels_per_class=labels_per_class, from_run=from_run,
        )  # fmt: skip
        found = follow(jobs.start(job, request))
        if json:
            print_json(found.result)
        elif found.status == "finished":
            details(found.result)
            _report(found.result)
        return 0 if found.status == "finished" else 3

    return find


def _sizes(result: dict[str, Any]) -> None:
    table(zip(result["sizes"], result["samples_per_second"], strict=True), ("batch", "samples/s"))


def _request(path: ProjectPath, **chosen: Any) -> dict[str, Any]:
    """The job's arguments. Raises ``UsageError``, ``OptionsError``."""
    with opened(path):  # a folder that is no project is found out here, with its own sentence
        pass
    request = o.request(registry(), beside=False, **chosen)
    return {
        "project": str(path.absolute()),
        "request": {**request, "runtime": request["runtime"].model_dump(mode="json")},
    }


def _report(result: dict[str, Any]) -> None:
    suggestion = result["suggestion"]
    if suggestion is not None:
        say(f"{result['phase']}: {suggestion:.3g} is proposed.")
    if result["value"] is not None:
        say(f"  next: tlstudio train ... --set {result['option']}={result['value']:g}   (now {result['now']:g})")
    if result["note"]:
        warn(result["note"])
