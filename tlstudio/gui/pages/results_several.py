"""Test-time augmentation of the results: how many views there are, the job that looks from them, and how far it is."""

import json
import shlex
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from tlstudio.api.errors import StudioError
from tlstudio.gui.pages.results_data import SPLIT_TITLES
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.pill_menu import PillMenu
from tlstudio.prediction import several_views
from tlstudio.project import Run

_AMOUNTS = (2, 6, several_views.MOST)


class SeveralViews(PillMenu):
    """A pill that asks how many views are wanted. ``panel`` is shown by the page, and needs room while it is ``busy``;
    ``done`` carries the run whose figures are on disk now.
    """

    done = Signal(int)
    busy = Signal(bool)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Several views", parent)
        self._session = session
        self._run: Run | None = None
        self._split, self._shown, self._ways = "test", 0, 1
        self._ticket = 0
        self.setText("Several views  ▾")
        self.panel = JobPanel("Several views")
        self.panel.hide()
        self.picked.connect(self._on_picked)
        self.panel.finished.connect(self._on_finished)
        for ended in (self.panel.stopped, self.panel.failed):
            ended.connect(self._on_ended)

    def show_run(self, run: Run, split: str, shown: int) -> None:
        """``shown``: with how many views the figures are there already, 0 where they are not."""
        self._run, self._split, self._shown = run, split, shown
        self.panel.setVisible(self.panel.busy)
        self.busy.emit(self.panel.busy)
        data, registry = self._session.dataset(run.dataset), self._session.registry
        try:
            flip_safe = registry.backbone(run.backbone).flip_safe
        except StudioError:  # its plugin is not here: the job will say so
            flip_safe = False
        self._ticket += 1
        ticket, folder = self._ticket, Path(run.dir)
        modality, task = (data.modality, data.task) if data is not None else ("image", "classification")
        self._session.background.submit(
            lambda: (ticket, *ways(folder, modality, task, flip_safe)), self._on_ways, self._session.say_error
        )

    def command(self) -> str:
        """Of the figures that are shown; empty where there are none."""
        project, run = self._session.project, self._run
        if project is None or run is None or not self._shown:
            return ""
        words = ["tlstudio", "evaluate", str(project.path), str(run.id), "--split", self._split]
        return shlex.join([*words, "--views", str(self._shown)])

    def _on_ways(self, answer: tuple[int, int, str]) -> None:
        ticket, found, reason = answer
        if ticket != self._ticket:
            return
        self._ways = found
        self.setEnabled(found > 1 and not self.panel.busy)
        amounts = sorted({min(amount, found) for amount in _AMOUNTS})
        choices = [(str(n), f"All {n} views" if n == found and n > 2 else f"{n} views") for n in amounts if n > 1]
        self.set_choices(choices, str(self._shown or ""))
        self.setToolTip(
            reason
            or "Scores the split again with the mean over several views of each sample: mirrored, cut at its corners, "
            "shifted. It takes as many times as long. The plain figures stay."
        )

    @Slot(str)
    def _on_picked(self, count: str) -> None:
        project, run = self._session.project, self._run
        if project is None or run is None or self.panel.busy:
            return
        self.setEnabled(False)
        split = SPLIT_TITLES.get(self._split, self._split)
        self.panel.begin(f"Run {run.id}, {split} split: the mean of {count} views")
        arguments = {"project": str(project.path), "run": run.id, "split": self._split, "views": int(count)}
        self.busy.emit(True)
        self.panel.follow(self._session.start_job("evaluate", arguments, self.panel.on_event))

    @Slot(dict)
    def _on_finished(self, result: dict[str, object]) -> None:
        self.panel.hide()
        self._on_ended()
        self.done.emit(int(str(result.get("run", 0))))

    @Slot()
    def _on_ended(self, _sentence: str = "") -> None:
        self.setEnabled(self._ways > 1)
        self.busy.emit(False)


def ways(folder: Path, modality: str, task: str, flip_safe: bool) -> tuple[int, str]:
    """In how many ways the samples of a run can be looked at, and why in one only. Reads a file."""
    try:
        parameters = json.loads((folder / "model.json").read_text(encoding="utf-8")).get("parameters") or {}
    except (OSError, ValueError, AttributeError):
        parameters = {}  # what is wrong with it the job says
    if reason := several_views.one_way(modality=modality, task=task, parameters=parameters, flip_safe=flip_safe):
        return 1, reason
    found = several_views.sights(
        several_views.MOST, modality=modality, task=task, parameters=parameters, flip_safe=flip_safe
    )
    return len(found), ""
