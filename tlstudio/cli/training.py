"""``tlstudio train | resume | evaluate``."""

import threading
from typing import Annotated

import typer

from tlstudio import jobs, pseudo_labels
from tlstudio.api.events import Continued
from tlstudio.cli import run_options as o
from tlstudio.cli.commanding import ANSWER_S
from tlstudio.cli.common import ProjectPath, RunId, opened, registry
from tlstudio.cli.output import Json, follow, print_json, say, warn
from tlstudio.project import Project


def register(app: typer.Typer) -> None:
    for command in (train, resume, evaluate):
        app.command()(command)


def train(
    path: ProjectPath,
    dataset: o.Dataset,
    backbone: o.Backbone,
    method: o.Method,
    weights: o.Weights = "",
    recipe: o.Recipe = "",
    set_: o.Set = None,
    seed: o.Seed = 0,
    engine: o.Engine = "local",
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    workers: o.Workers = -1,
    beside: o.Beside = False,
    source: o.Source = "",
    teacher: o.Teacher = "",
    unlabelled: o.Unlabelled = "",
    labels_per_class: o.LabelsPerClass = 0,
    from_run: o.FromRun = "",
    queue: Annotated[bool, typer.Option("--queue", help="Line it up instead: see 'tlstudio queue'.")] = False,
    json: Json = False,
) -> int:
    """Trains, keeps the best model by validation, and scores it on the test split at the end.

    Ctrl+C stops it; whatever happens to this terminal, the run goes on, and 'tlstudio stop' reaches it.
    """
    known = registry()
    request = o.request(
        known,
        dataset=dataset,
        backbone=backbone,
        method=method,
        weights=weights,
        settings=set_,
        recipe=recipe,
        engine=engine,
        device=device,
        precision=precision,
        workers=workers,
        beside=beside,
        seed=seed,
        source=source,
        teacher=teacher,
        unlabelled=unlabelled,
        labels_per_class=labels_per_class,
        from_run=from_run,
    )
    from tlstudio import runs as planning

    with opened(path) as project:
        run = planning.create_run(project, known, queued=queue, **request)
        if queue:
            from tlstudio.cli.queue import say_added

            say_added(project, [run], json)
            return 0
        done = follow(jobs.start_run(project, run.id, known), ended_by_system="park")
        return o.conclude(project, run.id, done, json)


def resume(
    path: ProjectPath,
    run: RunId,
    insist: Annotated[
        bool, typer.Option("--insist", help="Even where plugins or files are not what they were.")
    ] = False,
    json: Json = False,
) -> int:
    """Lets a run go on: one that holds at once, a parked, stopped or failed one from its last checkpoint.

    Of one that waits with new labels for its user, those that were not struck out are taken.
    """
    from tlstudio import resuming

    with opened(path) as project:
        project.reconcile()
        if project.run(run).state == "holding":
            return _go_on(project, run, json)
        known = registry()
        resuming.check_resume(project, known, run, insist)
        if looked := pseudo_labels.take(project.run(run).dir):
            warn(pseudo_labels.taken(looked))
        done = follow(jobs.start_run(project, run, known), ended_by_system="park")
        return o.conclude(project, run, done, json)


def _go_on(project: Project, run_id: int, json: bool) -> int:
    job = jobs.attach(project, run_id)
    job.send("continue")
    patience = threading.Timer(ANSWER_S, job.leave)
    patience.start()
    try:
        for event in job:
            if isinstance(event, Continued):
                break
    finally:
        patience.cancel()
    state = project.run(run_id).state
    if json:
        print_json({"run": run_id, "status": state})
    elif state == "running":
        say(f"Run {run_id} goes on.")
    else:
        say(f"Run {run_id} is {state}.")
    return 0


def evaluate(
    path: ProjectPath,
    run: RunId,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    views: Annotated[
        int, typer.Option(min=1, help="Look at each sample in so many ways (mirrored, shifted) and take the mean.")
    ] = 1,
    json: Json = False,
) -> int:
    """Metrics of a run's best model on a split, with 95 % intervals."""
    arguments = {"project": str(path.absolute()), "run": run, "split": split, "views": views}
    done = follow(jobs.start("evaluate", arguments))
    if json:
        print_json(done.result)
    elif done.status == "finished":
        o.report({"run": run, "status": "scored", "metrics": {split: done.result["metrics"]}}, str(path))
        if done.result["views"] > 1:
            say(f"  with the mean of {done.result['views']} views of each sample")
    return 0 if done.status == "finished" else 3
