"""Changes of a data set, one after the other, each a revision; and the way back and forth again."""

import dataclasses
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tlstudio.gui.background import Background
from tlstudio.project import Change, ItemFilter

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Project, RevisionInfo

STEPS = 500  # that can be taken back
_LOOKED_BACK = 40  # revisions looked through for the split that an item had before it was excluded


@dataclasses.dataclass(frozen=True)
class Step:
    """From one revision to another, and what was done, as a sentence."""

    before: int
    after: int
    note: str


@dataclasses.dataclass(frozen=True)
class _Job:
    work: "Callable[[], tuple[RevisionInfo, str] | None]"
    way: str  # do, undo, redo
    step: Step | None = None


class DataEditing(QObject):
    """Gives the project one change at a time, in the background; more may be asked for meanwhile."""

    changed = Signal()  # ``busy``, ``note`` or what can be undone is another
    settled = Signal()  # the last change asked for is done: read again
    failed = Signal(str)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._project: Project | None = None
        self._dataset_id, self.name, self._revision = 0, "", 0
        self._undo: deque[Step] = deque(maxlen=STEPS)
        self._redo: list[Step] = []
        self._jobs: deque[_Job] = deque()
        self._running = False
        self.note = ""

    # ---- what is edited

    def follow(self, project: "Project | None", dataset: "DatasetInfo | None") -> None:
        """Another data set begins with nothing to undo; a revision that was made elsewhere can be undone too."""
        if project is not self._project or dataset is None or dataset.id != self._dataset_id:
            self._project, self.note = project, ""
            self._dataset_id = dataset.id if dataset is not None else 0
            self._revision = dataset.revision if dataset is not None else 0
            self.name = dataset.name if dataset is not None else ""
            self._undo.clear()
            self._redo.clear()
            self._jobs.clear()
            self._running = False
        elif dataset.revision > self._revision and not self.busy:
            self._undo.append(Step(self._revision, dataset.revision, f"Revision {dataset.revision} was made."))
            self._redo.clear()
            self._revision, self.note = dataset.revision, ""
        self.changed.emit()

    @property
    def busy(self) -> bool:
        return self._running or bool(self._jobs)

    @property
    def revision(self) -> int:
        """The newest that is known."""
        return self._revision

    @property
    def undoable(self) -> Step | None:
        return self._undo[-1] if self._undo else None

    @property
    def redoable(self) -> Step | None:
        return self._redo[-1] if self._redo else None

    # ---- what is done

    def edit(self, changes: Callable[[], Sequence[Change]], note: str, kind: str = "relabel", again: str = "") -> None:
        """``changes`` is called in a thread; where it finds none, ``again`` is what is said."""
        project, name = self._project, self.name
        if project is None:
            return

        def work() -> "tuple[RevisionInfo, str] | None":
            found = changes()
            return (project.edit(name, found, note, kind), note) if found else None

        self._put(_Job(work, "do", Step(0, 0, again)))

    def add_class(self, label: str) -> None:
        """Before a change that uses it."""
        project, name = self._project, self.name
        if project is not None:

            def work() -> None:
                project.add_class(name, label)

            self._put(_Job(work, "class"))

    def undo(self) -> None:
        self._put(_Job(lambda: None, "undo"))

    def redo(self) -> None:
        self._put(_Job(lambda: None, "redo"))

    def splits_before(self, ids: Sequence[int]) -> dict[int, str]:
        """Where excluded items were before; in a thread. Those of which nothing is known belong to training."""
        project, name = self._project, self.name
        if project is None:
            return {}
        found: dict[int, str] = {}
        missing = list(ids)
        for revision in [info.revision for info in project.revisions(name)][1 : 1 + _LOOKED_BACK]:
            if not missing:
                break
            view = project.view(name, ItemFilter(ids=tuple(missing), revision=revision))
            found.update((item.id, item.split) for item in view.page(0, len(missing)) if item.split != "excluded")
            missing = [one for one in missing if one not in found]
        return found | dict.fromkeys(missing, "train")

    # ---- one after the other

    def _put(self, job: _Job) -> None:
        self._jobs.append(job)
        self._next()
        self.changed.emit()

    def _next(self) -> None:
        project = self._project
        if self._running or not self._jobs or project is None:
            return
        job = self._jobs.popleft()
        if job.way in ("undo", "redo"):
            steps = self._undo if job.way == "undo" else self._redo
            if not steps:
                self._end()
                return
            job = self._restoring(project, steps.pop(), job.way)
        self._running = True
        identity = self._dataset_id

        def done(answer: "tuple[RevisionInfo, str] | None") -> None:
            if identity == self._dataset_id:
                self._on_done(job, answer)

        def failed(sentence: str) -> None:
            if identity == self._dataset_id:
                self._running = False
                self._jobs.clear()
                if job.step is not None and job.way != "do":  # it can be tried again
                    (self._undo if job.way == "undo" else self._redo).append(job.step)
                self.note = ""
                self.changed.emit()
                self.failed.emit(sentence)

        self._background.submit(job.work, done, failed)

    def _restoring(self, project: "Project", step: Step, way: str) -> _Job:
        name = self.name
        revision = step.before if way == "undo" else step.after
        note = f"{'Taken back' if way == 'undo' else 'Done again'}: {step.note}"
        return _Job(lambda: (project.restore(name, revision, note), note), way, step)

    def _on_done(self, job: _Job, answer: "tuple[RevisionInfo, str] | None") -> None:
        self._running = False
        if answer is not None:
            info, note = answer
            if job.way == "do":
                self._undo.append(Step(self._revision, info.revision, note))
                self._redo.clear()
            elif job.step is not None:
                (self._redo if job.way == "undo" else self._undo).append(job.step)
            self._revision = info.revision
            self.note = f"{note} Revision {info.revision}."
        elif job.step is not None and job.step.note:
            self.note = job.step.note
        self._end()

    def _end(self) -> None:
        self._next()
        self.changed.emit()
        if not self.busy:
            self.settled.emit()
