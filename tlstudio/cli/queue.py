"""``tlstudio queue``: runs that wait their turn."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tlstudio import locks, pseudo_labels, run_queue
from tlstudio.api.errors import UsageError
from tlstudio.api.events import Failed, Finished
from tlstudio.cli import run_options as o
from tlstudio.cli.common import ProjectPath, RunId, opened, registry, run_as_dict
from tlstudio.cli.output import Display, Json, interruptible, print_json, say, table, warn
from tlstudio.project import Project, Run
from tlstudio.registry import Registry
from tlstudio.run_row import ALIVE


class _ProjectFirst(TyperGroup):
    """Lets ``queue PROJECT --json`` be said, where a group's options have to come before its argument."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if len(args) > 1 and not args[0].startswith("-") and all(a.startswith("-") for a in args[1:]):
            args = [*args[1:], args[0]]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_ProjectFirst, invoke_without_command=True)


@app.callback(help="Lists the runs that wait their turn; or lines up, reorders, removes, works them off.")
def queue(context: typer.Context, path: ProjectPath, json: Json = False) -> None:
    context.obj = path
    if context.invoked_subcommand is None:
        with opened(path) as project:
            _list(project, json)


@app.command()
def add(
    context: typer.Context,
    dataset: o.Dataset = "",
    backbone: o.Backbone = "",
    method: o.Method = "",
    weights: o.Weights = "",
    recipe: o.Recipe = "",
    set_: o.Set = None,
    sweep: Annotated[
        list[str] | None, typer.Option("--sweep", metavar="KEY=A,B,...", help="A run for each value; repeatable.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Such as 0,1,2: a run for each.")] = "0",
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
    run: Annotated[int, typer.Option(help="Instead: a run that was interrupted, to go on when its turn comes.")] = 0,
    insist: Annotated[bool, typer.Option("--insist", help="With --run: as of 'tlstudio resume'.")] = False,
    json: Json = False,
) -> None:
    """Lines up runs, described as for 'train', or one that is there already.

    Of one that waits with new labels for its user, those that were not struck out are taken.
    """
    known = registry()
    with opened(context.obj) as project:
        if run:
            _add_again(project, known, run, insist)
            say_added(project, [project.run(run)], json)
            return
        if missing := [
            f"--{n}" for n, v in {"dataset": dataset, "backbone": backbone, "method": method}.items() if not v
        ]:
            raise UsageError(f"{', '.join(missing)} is missing. Say what to train, or which run goes on: --run N.")
        request = o.request(
            known, dataset=dataset, backbone=backbone, method=method, weights=weights, settings=set_, recipe=recipe,
            engine=engine, device=device, precision=precision, workers=workers, beside=beside, source=source,
            teacher=teacher, unlabelled=unlabelled, labels_per_class=labels_per_class, from_run=from_run,
        )  # fmt: skip
        del request["options"]
        swept = _swept(sweep or [])
        options = [
            o.options(known, method, [*(set_ or ()), *(f"{k}={v}" for k, v in chosen.items())], recipe)
            for chosen in run_queue.combinations({}, swept)
        ]
        made = run_queue.sweep(project, known, options=options, seeds=seeds_of(seeds), **request)
        say_added(project, made, json)


@app.command()
def remove(context: typer.Context, run: RunId, json: Json = False) -> None:
    """Takes a run from the queue; what it has learned already is kept."""
    with opened(context.obj) as project:
        taken = project.dequeue(run)
        if json:
            print_json({"run": run, "status": taken.state, "reason": taken.reason})
        else:
            say(f"Run {run} is no longer in the queue; it is {taken.state}.")


@app.command()
def move(
    context: typer.Context,
    run: RunId,
    place: Annotated[int, typer.Argument(metavar="PLACE", min=1, help="1: next.")],
    json: Json = False,
) -> None:
    """Gives a run another place in the line."""
    with opened(context.obj) as project:
        project.move(run, place)
        _list(project, json)


@app.command("run")
def run_(
    context: typer.Context,
    background: Annotated[
        bool, typer.Option("--background", help="Return at once, and go on without a terminal.")
    ] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for somebody else who works it off.")] = 0,
    json: Json = False,
) -> int:
    """Trains the runs of the queue one after the other, and those that are added meanwhile.

    Ctrl+C parks the run at work and puts it back at the head of the line.
    """
    path: Path = context.obj
    if background:
        with opened(path) as project:
            process, log = run_queue.start_background(project.path), project.path / "runs" / run_queue.LOG
        if json:
            print_json({"process": process, "log": str(log)})
        else:
            say(f"Process {process} works off the queue; what it does is in {log}.")
        return 0
    with opened(path) as project:
        results, interrupted = follow_work(project, run_queue.work_off(project, registry(), patience=patience))
    if json:
        print_json({"runs": results})
    if any(entry["status"] == "failed" for entry in results):
        return 1
    return 3 if interrupted else 0


def follow_work(project: Project, work: run_queue.QueueWork) -> tuple[list[dict[str, Any]], bool]:
    """What became of each run, and whether the user interrupted."""
    ended: dict[int, dict[str, Any]] = {}
    shown, last, interrupted = Display(), 0, False

    def on_interrupt(number: int) -> None:
        nonlocal interrupted
        interrupted = True
        warn("\nParking this run; it stays at the head of the line (Ctrl+C again to end at once).")
        work.end()
        work.send("park")

    with interruptible(on_interrupt), shown:
        for run_id, event in work:
            if run_id != last:
                shown.line(f"Run {run_id}")
            last = run_id
            shown.show(event)
            if isinstance(event, Finished):
                ended[run_id] = {**event.result, "run": run_id, "status": event.status}
                shown.line(f"Run {run_id} {event.status}. {event.result.get('reason', '')}".rstrip())
                if interrupted and event.status == "parked":
                    project.enqueue(run_id)
                    project.move(run_id, 1)
            elif isinstance(event, Failed):
                ended[run_id] = {"run": run_id, "status": "failed", "reason": event.sentence}
                shown.line(f"Run {run_id} failed: {event.sentence}")
    return list(ended.values()), interrupted


def say_added(project: Project, added: list[Run], json: bool) -> None:
    line = project.queue()
    places = {run.id: place for place, run in enumerate(line, 1)}
    if json:
        runs = [
            {"run": run.id, "place": places.get(run.id, 0), "seed": run.seed, "options": run.options} for run in added
        ]
        print_json({"runs": runs, "batch": added[0].batch})
        return
    for run in added:
        say(f"Run {run.id} is number {places.get(run.id, '?')} in the queue.")
    if _worker(project) is None:
        say(f"Nobody works it off yet. To begin: tlstudio queue {project.path} run")


def _list(project: Project, json: bool) -> None:
    line, who = project.queue(), _worker(project)
    working = [run for run in project.runs() if run.state in ALIVE]
    if json:
        print_json(
            {
                "queue": [{"place": place, **run_as_dict(run, project)} for place, run in enumerate(line, 1)],
                "working": [{"run": run.id, "status": run.state} for run in working],
                "worked_off_by": None if who is None else who.get("pid", 0),
            }
        )
        return
    for run in working:
        say(f"Run {run.id} is {run.state}{f': {run.reason}' if run.reason else '.'}")
    if not line:
        say("Nobody waits in the queue.")
        return
    rows = [(place, run.id, run.method, run.backbone, run.dataset, run.seed) for place, run in enumerate(line, 1)]
    table(rows, ("place", "run", "method", "backbone", "data", "seed"))
    if who is None:
        say(f"Nobody works it off. To begin: tlstudio queue {project.path} run")


def _worker(project: Project) -> dict[str, Any] | None:
    return locks.holder(project.queue_lock.path)


def _add_again(project: Project, known: Registry, run_id: int, insist: bool) -> None:
    from tlstudio import resuming

    resuming.check_resume(project, known, run_id, insist)
    project.enqueue(run_id)
    if looked := pseudo_labels.take(project.run(run_id).dir):
        warn(pseudo_labels.taken(looked))


def _swept(texts: list[str]) -> dict[str, list[str]]:
    swept = {}
    for text in texts:
        key, equals, values = text.partition("=")
        swept[key.strip()] = [value.strip() for value in values.split(",") if value.strip()]
        if not equals or not key.strip() or not swept[key.strip()]:
            raise UsageError(f"'--sweep {text}' is not understood; write --sweep KEY=A,B,C.")
    return swept


def seeds_of(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()] or [0]
    except ValueError as error:
        raise UsageError(f"'--seeds {text}' is not understood; write numbers such as 0,1,2.") from error
