"""``tlstudio pause | park | stop``: to a run that is at work, whoever started it."""

import threading
from typing import Annotated, Any

import typer

from tlstudio import jobs
from tlstudio.api.errors import UsageError
from tlstudio.api.events import Acknowledged, Event, Failed, Finished, Held
from tlstudio.cli.common import ProjectPath, RunId, opened
from tlstudio.cli.output import JobFailed, Json, print_json, say
from tlstudio.project import Project
from tlstudio.run_row import ALIVE

ANSWER_S = 30.0  # longer than a worker takes to start; afterwards a command that waits says how things stand


def register(app: typer.Typer) -> None:
    for command in (pause, park, stop):
        app.command()(command)


def pause(path: ProjectPath, run: RunId, json: Json = False) -> int:
    """Holds a run after its step, with its model in memory; 'resume' lets it go on at once. 'park' frees the machine.

    It is said when the run holds.
    """
    with opened(path) as project:
        if project.run(run).state == "holding":
            return _say(json, {"run": run, "status": "holding"}, f"Run {run} holds already.")
        job = _reach(project, run, "held")
        job.send("hold")
        last = _until(job, lambda event: isinstance(event, Held))
        if isinstance(last, Held):
            text = f"Run {run} holds after step {last.step}. To go on: tlstudio resume {path} {run}"
            return _say(json, {"run": run, "status": "holding", "step": last.step}, text)
        return _say_end(json, project, run, last, f"Run {run} will hold once its step is done.")


def park(path: ProjectPath, run: RunId, json: Json = False) -> int:
    """Writes a checkpoint and ends the run's process, so that the machine is free; 'resume' goes on from there."""
    with opened(path) as project:
        job = _reach(project, run, "parked")
        job.send("park")
        return _say_end(json, project, run, _until(job, lambda _: False, patience=0), "")


def stop(
    path: ProjectPath,
    run: RunId,
    wait: Annotated[bool, typer.Option("--wait", help="Return once it has ended, not when it has heard.")] = False,
    json: Json = False,
) -> int:
    """Ends a run after its step and keeps its best model; takes one that has not begun from the queue.

    A run that does not answer is ended after ten seconds, and killed after ten more.
    """
    with opened(path) as project:
        if project.run(run).state == "queued":
            taken = project.dequeue(run)
            return _say(json, {"run": run, "status": taken.state, "reason": taken.reason}, _is(taken.id, taken.state))
        job = _reach(project, run, "stopped")
        job.send("stop")
        heard = _until(job, lambda event: not wait and isinstance(event, Acknowledged) and event.command == "stop", 0)
        if isinstance(heard, Acknowledged):
            text = f"Run {run} has heard: it finishes its step, keeps its best model, and ends."
            return _say(json, {"run": run, "status": "stopping"}, text)
        return _say_end(json, project, run, heard, "")


def _reach(project: Project, run_id: int, what: str) -> jobs.AttachedRun:
    project.reconcile()
    run = project.run(run_id)
    if run.state == "queued":
        raise UsageError(f"Run {run_id} has not begun: it cannot be {what}. Take it from the queue with 'stop'.")
    if run.state not in ALIVE:
        raise UsageError(f"Run {run_id} is {run.state}: nothing is at work that could be {what}.")
    return jobs.attach(project, run_id)


def _until(job: jobs.AttachedRun, wanted: Any, patience: float = ANSWER_S) -> Event | None:
    """The first event that is ``wanted`` or terminal; ``None`` where ``patience`` seconds (0: no limit) have passed."""
    timer = threading.Timer(patience, job.leave)
    if patience:
        timer.start()
    try:
        return next((event for event in job if wanted(event) or event.terminal), None)
    finally:
        timer.cancel()


def _say_end(json: bool, project: Project, run_id: int, last: Event | None, otherwise: str) -> int:
    if isinstance(last, Failed):
        raise JobFailed(last)
    run = project.run(run_id)
    answer = {"run": run_id, "status": run.state, "reason": run.reason}
    if isinstance(last, Finished):
        answer = {**last.result, "run": run_id, "status": last.status}
        otherwise = f"{_is(run_id, last.status)} {last.result.get('reason', '')}".rstrip()
    return _say(json, answer, otherwise)


def _is(run_id: int, state: str) -> str:
    return f"Run {run_id} is {state}."


def _say(json: bool, answer: dict[str, Any], text: str) -> int:
    if json:
        print_json(answer)
    else:
        say(text)
    return 0
