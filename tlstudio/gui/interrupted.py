"""After a project was opened: runs that were interrupted, or that wait in the queue, and the offer to go on."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tlstudio import pseudo_labels
from tlstudio.api.errors import StudioError
from tlstudio.gui.pages.run_commands import RunCommands
from tlstudio.gui.session import Session
from tlstudio.gui.text import listed, plural
from tlstudio.gui.widgets.controls import button
from tlstudio.gui.widgets.surfaces import Banner

if TYPE_CHECKING:
    from tlstudio.project import Run

_MEMORY = "cache/window.json"  # what was put away: a run's id with the time of its end


@dataclasses.dataclass(frozen=True)
class Interrupted:
    """``step``: everything up to there is on disk; 0 where nothing is. ``review``: it waits to be looked at."""

    run_id: int
    state: str
    step: int
    ended: float
    review: bool = False


class InterruptedPanel(QWidget):
    """A sentence with Resume and Dismiss; and one for a queue that nobody works on."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._commands = RunCommands(session, self)
        self._commands.refused.connect(self._on_refused)
        self._found: list[Interrupted] = []
        self._looked = False
        self._left_alone = False
        self.runs = Banner("accent")
        self.resume, self.show_runs, self.dismiss = button("Resume"), button("Show"), button("Dismiss")
        self.queue = Banner("accent")
        self.start, self.leave = button("Start the queue"), button("Not now")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 0)
        column.setSpacing(8)
        self._rows = [
            _row(self.runs, self.resume, self.show_runs, self.dismiss),
            _row(self.queue, self.start, self.leave),
        ]
        for row in self._rows:
            column.addWidget(row)
        self.resume.clicked.connect(self._on_resume)
        self.show_runs.clicked.connect(self._on_show)
        self.dismiss.clicked.connect(self._on_dismiss)
        self.start.clicked.connect(self._on_start)
        self.leave.clicked.connect(self._on_leave)
        session.project_changed.connect(self._on_project_changed)
        session.runs_changed.connect(self._on_runs_changed)
        session.queue_changed.connect(self._refresh)
        self._refresh()

    @Slot()
    def _on_project_changed(self) -> None:
        self._found, self._looked, self._left_alone = [], False, False
        self._refresh()

    @Slot()
    def _on_runs_changed(self) -> None:
        """Looks once after opening; later only at what has become of those."""
        project = self._session.project
        if project is not None and not self._looked:
            self._looked = True
            runs, memory = list(self._session.runs), project.path / _MEMORY
            self._session.background.submit(lambda: (project, interrupted(runs, memory)), self._on_found)
        kept = {run.id for run in self._session.runs if run.state in ("failed", "parked")}
        self._found = [one for one in self._found if one.run_id in kept]
        self._refresh()

    def _on_found(self, answer: tuple[Any, list[Interrupted]]) -> None:
        project, found = answer
        if project is self._session.project:
            self._found = found
            self._refresh()

    @Slot()
    def _refresh(self) -> None:
        active = self._session.active
        self.runs.set(sentence(self._found))
        self.resume.setText("Resume" if len(self._found) < 2 else "Resume all")
        self.resume.setVisible(not all(one.review for one in self._found))
        waiting = active.waiting
        idle = bool(waiting) and active.found_waiting and not active.running and not self._left_alone
        verb = "waits" if len(waiting) == 1 else "wait"
        self.queue.set(f"{plural(len(waiting), 'run')} {verb} in the queue, and nothing trains." if idle else "")
        self._rows[0].setVisible(bool(self._found))
        self._rows[1].setVisible(idle)
        self.setVisible(bool(self._found) or idle)

    # --- buttons -------------------------------------------------------------------------------------------

    @Slot()
    def _on_resume(self) -> None:
        """Of those that wait to be looked at nothing is taken unseen."""
        found, self._found = [one for one in self._found if not one.review], [one for one in self._found if one.review]
        for one in reversed(found):  # each goes before those that wait
            self._commands.resume(one.run_id)
        self._session.select_run(found[0].run_id)
        self._session.show_page("run")
        self._refresh()

    @Slot(int, str, bool)
    def _on_refused(self, run_id: int, reason: str, _insist: bool) -> None:
        self._session.say("error", f"Run {run_id} cannot go on as it is. {reason}")

    @Slot()
    def _on_show(self) -> None:
        found = self._found
        self._session.select_run(found[0].run_id)
        self._session.show_page("run" if len(found) == 1 else "runs")
        if len(found) == 1 and found[0].review:
            self._found = []  # its page asks for it now
            self._refresh()

    @Slot()
    def _on_dismiss(self) -> None:
        project, away = self._session.project, [(one.run_id, one.ended) for one in self._found]
        self._found = []
        self._refresh()
        if project is not None:
            memory = project.path / _MEMORY
            self._session.background.submit(lambda: _remember(memory, away), _nothing)

    @Slot()
    def _on_start(self) -> None:
        self._session.active.set_paused(False)

    @Slot()
    def _on_leave(self) -> None:
        self._left_alone = True
        self._refresh()


def _row(banner: Banner, *buttons: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    row.addWidget(banner, 1)
    for one in buttons:
        row.addWidget(one)
    return made


def interrupted(runs: "list[Run]", memory: Path) -> list[Interrupted]:
    """Parked runs, and those whose worker ended without a word; not those that were put away. Reads files."""
    from tlstudio.project.run_files import last_step, last_terminal_event

    away = _away(memory)
    found = []
    for run in runs:
        ended = run.ended or 0.0
        silent = run.state == "failed" and last_terminal_event(run.dir) is None
        if (silent or run.state == "parked") and (run.id, ended) not in away:
            review = run.state == "parked" and _waits_for_review(run)
            found.append(Interrupted(run.id, run.state, last_step(run.dir) or 0, ended, review))
    return found


def _waits_for_review(run: "Run") -> bool:
    try:
        return pseudo_labels.waiting(run.dir) is not None
    except StudioError:  # its page says what is damaged
        return False


def sentence(found: list[Interrupted]) -> str:
    if not found:
        return ""
    if len(found) > 1:
        names = listed([str(one.run_id) for one in found])
        return f"Runs {names} were interrupted. What they had learned is safe; they can go on."
    one = found[0]
    step = f"{one.step:,}".replace(",", " ")
    where = f" at step {step}" if one.step else ""
    if one.review:
        return f"Run {one.run_id} waits for you to look at its new labels."
    if one.state == "parked":
        return f"Run {one.run_id} is parked{where}."
    if one.step:
        return f"Run {one.run_id} was interrupted. It is safe up to step {step}, and goes on from there."
    return f"Run {one.run_id} was interrupted before anything was saved; it begins again."


def _away(memory: Path) -> set[tuple[int, float]]:
    try:
        return {(int(run_id), float(ended)) for run_id, ended in json.loads(memory.read_text(encoding="utf-8"))["away"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()  # nothing was put away, or nobody knows what


def _remember(memory: Path, away: list[tuple[int, float]]) -> None:
    memory.parent.mkdir(exist_ok=True)
    memory.write_text(json.dumps({"away": sorted(_away(memory) | set(away))}), encoding="utf-8")


def _nothing(_result: object) -> None:
    """Nobody waits for it."""
