"""``tlstudio compare``: methods that are trained side by side, or runs that are there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlstudio import jobs, run_queue
from tlstudio.api.errors import UsageError
from tlstudio.cli import queue
from tlstudio.cli import run_options as o
from tlstudio.cli.common import ProjectPath, opened, registry, run_as_dict
from tlstudio.cli.output import Json, follow, print_json, say, table, warn
from tlstudio.estimating import duration
from tlstudio.project import Project, Run
from tlstudio.registry import Registry
from tlstudio.training.spec import RunSpec

if TYPE_CHECKING:
    from tlstudio.comparing import plan

_AUTO = "auto"
Runs = Annotated[list[int] | None, typer.Argument(metavar="RUN", help="Runs that are there already.")]
Methods = Annotated[
    str,
    typer.Option(
        "--methods",
        help="Ids with commas between them, METHOD:RECIPE for one with a recipe; auto: all that can be used here.",
    ),
]
Seeds = Annotated[str, typer.Option("--seeds", help="Such as 0,1,2: a run of each method for each.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="METHOD.KEY=VALUE", help="An option of one of the methods, named as there."),
]
Train = Annotated[bool, typer.Option("--train/--queue", help="Train at once, or line up only.")]
Check = Annotated[bool, typer.Option("--check", help="Only say what would be trained, and about how long it takes.")]
By = Annotated[
    str,
    typer.Option("--by", help="What the pick is cheap by: time, parameters, size, latency; score: the best itself."),
]
Batch = Annotated[int, typer.Option("--batch", help="The runs of an earlier comparison: the number of its first.")]
Measure = Annotated[bool, typer.Option("--measure/--no-measure", help="Measure what was not yet: latency, parameters.")]


def register(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    path: ProjectPath,
    run_ids: Runs = None,
    dataset: o.Dataset = "",
    backbone: o.Backbone = "",
    methods: Methods = _AUTO,
    seeds: Seeds = "0,1,2",
    weights: o.Weights = "",
    set_: Set = None,
    source: o.Source = "",
    teacher: o.Teacher = "",
    unlabelled: o.Unlabelled = "",
    labels_per_class: o.LabelsPerClass = 0,
    from_run: o.FromRun = "",
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    workers: o.Workers = -1,
    train: Train = True,
    check: Check = False,
    batch: Batch = 0,
    by: By = "time",
    measure: Measure = True,
    json: Json = False,
) -> int:
    """Methods side by side: one table with scores, tests, time, size and latency, and what to take.

    With --dataset and --backbone: trains each method with each seed on the same data and split. With runs: those.
    """
    from tlstudio.comparing import plan, sentences

    if by not in sentences.COSTS:
        raise UsageError(f"A pick can be cheap by {', '.join(sentences.COSTS)}, not by '{by}'.")
    known = registry()
    with opened(path) as project:
        chosen, status = [*(run_ids or ())], 0
        left_out: tuple[plan.LeftOut, ...] = ()
        if batch:
            chosen += [run.id for run in project.runs() if run.batch == batch]
            if not chosen:
                raise UsageError(f"There is no comparison or sweep that begins with run {batch}.")
        if dataset or backbone:
            if chosen:
                raise UsageError("Name runs that are there, or a data set and a backbone to train on; not both.")
            if not dataset or not backbone:
                raise UsageError(f"--{'backbone' if dataset else 'dataset'} is missing: it says what to train.")
            request = o.request(
                known, method=known.methods()[0].id, settings=None, weights=weights, device=device,
                precision=precision, workers=workers, beside=False, source=source, teacher=teacher,
                unlabelled=unlabelled, labels_per_class=labels_per_class, from_run=from_run,
            )  # fmt: skip
            del request["method"], request["options"]
            planned = plan.plan(
                project, known, dataset=dataset, backbone=backbone, seeds=queue.seeds_of(seeds),
                methods=None if methods == _AUTO else [m.strip() for m in methods.split(",") if m.strip()],
                options=plan.settings_of(known, set_ or ()), **request,
            )  # fmt: skip
            if check:
                return _say_plan(planned, json)
            _tell_plan(planned)
            made = plan.line_up(project, planned)
            if not train:
                queue.say_added(project, made, json)
                return 0
            status = _train(project, known, made)
            chosen, left_out = [run.id for run in made], planned.left_out
        if not chosen:
            raise UsageError("Name runs to compare, or what to train: --dataset and --backbone.")
        if measure:
            _measure(project, chosen)
        _show(project, known, chosen, left_out, by, json)
        return status


def _say_plan(planned: "plan.Plan", json: bool) -> int:
    if json:
        print_json({
            "runs": planned.runs,
            "seconds": round(planned.seconds, 1),
            "methods": [
                {"method": entry.key, "seconds": round(entry.seconds, 1), "rough": entry.estimate.rough}
                for entry in planned.entries
            ],
            "left_out": _left_out(planned.left_out),
        })  # fmt: skip
    else:
        rows = [(entry.key, len(entry.plans), duration(entry.seconds)) for entry in planned.entries]
        table(rows, ("method", "runs", "about"))
        _tell_plan(planned)
    return 0


def _tell_plan(planned: "plan.Plan") -> None:
    for one in planned.left_out:
        warn(f"Left out: {one.title}. {one.reason}")
    warn(f"{planned.runs} runs, roughly {duration(planned.seconds)}.")


def _left_out(left_out: "Sequence[plan.LeftOut]") -> list[dict[str, str]]:
    return [{"method": one.method, "reason": one.reason} for one in left_out]


def _train(project: Project, known: Registry, made: Sequence[Run]) -> int:
    """The exit status. Where somebody works off the queue already, the runs get their turn there."""
    work = run_queue.work_off(project, known, patience=1.0)
    results, interrupted = queue.follow_work(project, work)
    mine = {run.id for run in made}
    failed = any(entry["status"] == "failed" and entry["run"] in mine for entry in results)
    return 3 if interrupted else 1 if failed else 0


def _measure(project: Project, run_ids: Sequence[int]) -> None:
    """One run of each method and options: seeds cost the same."""
    from tlstudio.comparing import facts

    wanted: dict[tuple[str, str, str, str], int] = {}
    for run_id in run_ids:
        run = project.run(run_id)
        key = (run.method, run.backbone, run.weights, str(run.options))
        known = facts.load(run.dir)
        if run.state == "finished" and run.model and (known is None or known.busy):
            wanted.setdefault(key, run.id)
    if wanted:
        follow(jobs.start("measure", {"project": str(project.path), "runs": list(wanted.values())}))


def _show(
    project: Project, known: Registry, run_ids: Sequence[int], left_out: "Sequence[plan.LeftOut]", by: str, json: bool
) -> None:
    from tlstudio.comparing import report, sentences
    from tlstudio.comparing.table import build

    found = build(project, known, run_ids)
    pick = sentences.pick(found, by)
    runs = [project.run(run_id) for run_id in run_ids]
    differing = differences(runs)
    if json:
        print_json({
            "runs": [run_as_dict(run, project) for run in runs],
            "differences": differing,
            "comparison": report.as_dict(found, pick),
            "left_out": _left_out(left_out),
        })  # fmt: skip
        return
    columns = [column for column in report.COLUMNS if column.id != "behind"]
    table(
        [tuple(column.shown(found, row) for column in columns) for row in found.rows],
        [f"{column.title} ({found.metric.id})" if column.id == "score" else column.title for column in columns],
    )
    for row in found.rows:
        for problem in row.problems:
            say(problem)
    for reason in found.refused.values():
        say(reason)
    say()
    say(pick.text)
    for note in (*found.notes, report.measured_on(found)):
        if note:
            say(note)


def differences(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Settings in which runs differ, by name: the value in each, ``None`` where it has none."""
    settings = [_settings(run) for run in runs]
    keys = sorted({key for setting in settings for key in setting})
    return {
        key: [setting.get(key) for setting in settings]
        for key in keys
        if len({str(setting.get(key)) for setting in settings}) > 1
    }


def _settings(run: Run) -> dict[str, Any]:
    spec = RunSpec.load(run.dir)
    inputs: dict[str, Any] = {
        "source": spec.source.dataset if spec.source else "",
        "teacher": spec.teacher,
        "unlabelled": spec.unlabelled.dataset if spec.unlabelled else "",
        "labels_per_class": spec.labels_per_class,
        "runs": list(spec.runs),
    }
    return {
        "dataset": run.dataset,
        "revision": run.revision,
        "backbone": run.backbone,
        "weights": run.weights,
        "method": run.method,
        "seed": run.seed,
        **{name: value for name, value in inputs.items() if value},
        **run.options,
    }
