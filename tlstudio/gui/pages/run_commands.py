"""What the buttons of a run do."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tlstudio.api.errors import StudioError
from tlstudio.gui.session import Session

if TYPE_CHECKING:
    from tlstudio.project import Run

_LOOK = "waits for you: strike out the new labels that are wrong, and let it go on."
_IN_A_TERMINAL = "To go on all the same: --insist."


class RunCommands(QObject):
    """``refused``: a run that cannot be resumed, why, and whether it can be if the user insists."""

    refused = Signal(int, str, bool)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._checking: set[int] = set()

    def obey(self, run_id: int, command: str) -> None:
        active = self._session.active
        match command:
            case "pause":
                active.send(run_id, "hold")
            case "park" | "stop":
                active.send(run_id, command)
            case "resume":
                if not active.send(run_id, "continue"):  # it holds, or it has ended
                    self.resume(run_id)
            case "start":
                active.start([run_id])
            case "dequeue":
                active.remove(run_id)
            case "results":
                self._session.select_run(run_id)
                self._session.show_page("results")

    def resume(self, run_id: int) -> None:
        """Looks first whether anything differs from when the run began, off this thread."""
        project, registry = self._session.project, self._session.registry
        if project is None or run_id in self._checking:
            return
        self._checking.add(run_id)
        self._session.active.expect(run_id, "starting")
        self._session.set_status(f"Run {run_id}: checking that nothing differs from when it began")

        def check() -> tuple[int, str, bool]:
            from tlstudio import pseudo_labels, resuming

            if pseudo_labels.waiting(project.run_dir(run_id)) is not None:
                return run_id, _LOOK, False
            try:
                resuming.check_resume(project, registry, run_id)
            except StudioError as error:
                sentence = str(error).replace(_IN_A_TERMINAL, "").strip()
                return run_id, sentence, _can_insist(lambda: resuming.check_resume(project, registry, run_id, True))
            return run_id, "", False

        self._session.background.submit(check, self._on_checked, self._on_failed)

    def insist(self, run_id: int) -> None:
        """Resumes although something differs."""
        self._session.active.resume(run_id, insist=True)

    def _on_checked(self, answer: tuple[int, str, bool]) -> None:
        run_id, sentence, insist = answer
        self._checking.discard(run_id)
        self._session.set_status("")
        if sentence == _LOOK:
            self._session.active.expect(run_id, "")
            self._session.select_run(run_id)
            self._session.show_page("run")
            self._session.say("neutral", f"Run {run_id} {_LOOK}")
        elif sentence:
            self._session.active.expect(run_id, "")
            self.refused.emit(run_id, sentence, insist)
        else:
            self._session.active.resume(run_id)

    def _on_failed(self, sentence: str) -> None:
        while self._checking:
            self._session.active.expect(self._checking.pop(), "")
        self._session.set_status("")
        self._session.say_error(sentence)

    def line(self, run: "Run", state: str) -> str:
        """What does the next thing in a terminal."""
        project = self._session.project
        if project is None:
            return ""
        word = {"running": "pause", "holding": "resume", "parked": "resume", "failed": "resume", "stopped": "resume"}
        return f"tlstudio {word[state]} {project.path} {run.id}" if state in word else f"tlstudio runs {project.path}"


def _can_insist(check: Callable[[], None]) -> bool:
    try:
        check()
    except StudioError:
        return False
    return True
