"""Short texts of the frame: the status line from an event, and the rail's counts."""

from tlstudio.api.events import (
    Continued,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
    JobStarted,
    PhaseStarted,
    Progress,
    Resumed,
    Waiting,
)
from tlstudio.gui.session import Session
from tlstudio.gui.text import plural
from tlstudio.gui.widgets.rail import Rail


def sentence(run_id: int, event: Event) -> str:
    """What the status line says after an event of a run; empty where it says nothing new."""
    match event:
        case JobStarted():
            return f"Run {run_id}: worker running"
        case PhaseStarted(index=index, count=count, title=title):
            return f"Run {run_id}: phase {index + 1} of {count}, {title}"
        case EpochDone(epoch=epoch):
            return f"Run {run_id}: epoch {epoch} done"
        case Progress(text=text, done=done, total=total, unit=unit):
            amount = f"{done:,} of {total:,} {unit}" if total else f"{done:,} {unit}"
            return f"Run {run_id}: {text or amount}"
        case Waiting(text=text):
            return f"Run {run_id}: {text}"
        case Resumed(step=step):
            return f"Run {run_id}: goes on from step {step:,}".replace(",", " ")
        case Held(step=step):
            return f"Run {run_id}: paused after step {step:,}".replace(",", " ")
        case Continued():
            return f"Run {run_id}: goes on"
        case Finished(status=status):
            return f"Run {run_id} {status}"
        case Failed():
            return f"Run {run_id} failed"
        case _:
            return ""


def before_closing(session: Session) -> str:
    """What a person should know of jobs before the window closes; empty where none is going on."""
    return "Work is going on. Close again to stop it; nothing half-done is kept." if session.jobs_running else ""


def update_badges(rail: Rail, session: Session) -> None:
    count = len(session.datasets)
    rail.button("data").set_badge(str(count) if count else "", plural(count, "data set"))
    running, waiting = len(session.active.running_ids), len(session.active.waiting)
    busy = running + waiting
    meaning = f"{running or 'none'} training, {waiting} waiting" if busy else ""
    rail.button("runs").set_badge(f"{busy} ▸" if running else str(busy or ""), meaning)
    if session.registry_is_loaded:
        plugins = len(session.registry.plugins)
        problems = len(session.registry.problems)
        meaning = plural(plugins, "plugin") + (f", {plural(problems, 'problem')}" if problems else "")
        rail.button("plugins").set_badge(f"{plugins} !" if problems else str(plugins), meaning)
