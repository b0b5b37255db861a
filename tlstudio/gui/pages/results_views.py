"""Other ways to look at a run's results than its predictions: each is there for the runs that it applies to."""

import importlib
from collections.abc import Iterator

from PySide6.QtWidgets import QWidget

from tlstudio.gui.pages.results_data import RunResults
from tlstudio.gui.session import Session
from tlstudio.project import Run

# Modules of this folder, in the order in which they stand.
_VIEWS = (
    "results_robustness:RobustnessView",
    "results_weights:WeightsView",
    "results_cam:AttentionView",
    "run_pseudo_results:NewLabelsView",
)


class ResultsView(QWidget):
    """Fills the place below the figures. ``view_id`` and ``title``: of its segment."""

    view_id = ""
    title = ""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session

    def applies(self, run: Run) -> bool:
        """Whether there is anything to show or to do for this run. Quick: at most a look whether a file is there."""
        raise NotImplementedError

    def show_run(self, run: Run, results: RunResults, split: str) -> None:
        """Called when it comes to the front, and when run or split change while it is there."""
        raise NotImplementedError

    def command(self) -> str:
        """What would do the same in a terminal; empty: what the page says."""
        return ""


def made(session: Session) -> Iterator[ResultsView]:
    for name in _VIEWS:
        module, _, attribute = name.partition(":")
        yield getattr(importlib.import_module(f"tlstudio.gui.pages.{module}"), attribute)(session)
