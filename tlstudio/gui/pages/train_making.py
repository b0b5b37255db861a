"""From what stands on the Train page to runs: made in the background, then trained or lined up."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from tlstudio.api.errors import StudioError
from tlstudio.gui.session import Session
from tlstudio.gui.text import listed
from tlstudio.project import Run


class RunMaker(QObject):
    """``started`` carries the first run's id; ``refused`` the error, before anything was made.

    ``busy`` while runs are being made; ``changed`` when that begins and ends.
    """

    started = Signal(int)
    changed = Signal()
    refused = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._beside = False
        self.busy = False

    def train(self, request: dict[str, Any], *, beside: bool) -> None:
        """One after another, behind those that wait already; or ``beside`` whatever trains."""
        self._beside = beside
        self._make(request, self._on_made_to_train)

    def line_up(self, request: dict[str, Any]) -> None:
        """Into the queue; where nothing is going on, nothing starts by itself."""
        self._make(request, self._on_made_to_wait)

    def _make(self, request: dict[str, Any], done: Callable[[Any], None]) -> None:
        project, registry = self._session.project, self._session.registry
        assert project is not None
        self.busy = True
        self.changed.emit()

        def create() -> "list[Run] | StudioError":
            from tlstudio import run_queue

            try:
                return run_queue.sweep(project, registry, **request)
            except StudioError as error:  # handed over whole: the page puts it beside its field
                return error

        self._session.watch.edit(create, done, self._on_failed)

    def _on_failed(self, sentence: str) -> None:
        self._are_made(StudioError(sentence))

    def _are_made(self, made: "list[Run] | StudioError") -> "list[Run]":
        self.busy = False
        self.changed.emit()
        if isinstance(made, StudioError):
            self.refused.emit(made)
            return []
        return made

    def _on_made_to_train(self, answer: "list[Run] | StudioError") -> None:
        made = self._are_made(answer)
        if not made:
            return
        run_ids = [run.id for run in made]
        if self._beside:
            for run_id in run_ids:
                self._session.active.start_beside(run_id)
        else:
            self._session.active.start(run_ids)
        self.started.emit(run_ids[0])

    def _on_made_to_wait(self, answer: "list[Run] | StudioError") -> None:
        made = self._are_made(answer)
        if not made:
            return
        active, names = self._session.active, [str(run.id) for run in made]
        active.enqueue([run.id for run in made])
        who = f"Run {names[0]} is" if len(names) == 1 else f"Runs {listed(names)} are"
        self._session.say("ok", f"{who} lined up.{' Start the queue on the Runs page.' if active.paused else ''}")
