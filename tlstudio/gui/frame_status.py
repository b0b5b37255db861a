"""Short texts of the frame: the status line from an event, and the rail's counts."""

from tlstudio.api.events import EpochDone, Event, Failed, Finished, JobStarted, PhaseStarted, Progress
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
        case Finished(status=status):
            return f"Run {run_id} {status}"
        case Failed():
            return f"Run {run_id} failed"
        case _:
            return ""


def before_closing(session: Session) -> str:
    """What a person should know before the window closes; empty where nothing is going on."""
    running = session.active.running
    if running:
        return f"Run {running} is training. Close again to stop it; its best model so far is kept."
    if session.jobs_running:
        return "Work is going on. Close again to stop it; nothing half-done is kept."
    return ""


def update_badges(rail: Rail, session: Session) -> None:
    count = len(session.datasets)
    rail.button("data").set_badge(str(count) if count else "", plural(count, "data set"))
    running, waiting = session.active.running, len(session.active.waiting)
    busy = (1 if running else 0) + waiting
    meaning = f"{'1 training' if running else 'none training'}, {waiting} waiting" if busy else ""
    rail.button("runs").set_badge(f"{busy} ▸" if running else str(busy or ""), meaning)
    if session.registry_is_loaded:
        plugins = len(session.registry.plugins)
        problems = len(session.registry.problems)
        meaning = plural(plugins, "plugin") + (f", {plural(problems, 'problem')}" if problems else "")
        rail.button("plugins").set_badge(f"{plugins} !" if problems else str(plugins), meaning)
