"""What a run has labelled by itself, round by round, to be looked at afterwards."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from tlstudio import pseudo_labels
from tlstudio.gui import text
from tlstudio.gui.pages.data_words import Previewer
from tlstudio.gui.pages.results_data import RunResults
from tlstudio.gui.pages.results_pictures import PictureStrip
from tlstudio.gui.pages.results_views import ResultsView
from tlstudio.gui.pages.run_pseudo_reading import Proposal, read_all
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, muted_label
from tlstudio.project import Run


class NewLabelsView(ResultsView):
    view_id = "pseudo-labels"
    title = "New labels"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._run_id, self._rounds = 0, list[Proposal]()
        card = Card("Labels that the run has given")
        self.rounds, self.classes = QComboBox(), QComboBox()
        self.rounds.setAccessibleName("Round that is shown")
        self.classes.setAccessibleName("Class that is shown")
        for box in (self.rounds, self.classes):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.setMaximumWidth(260)
        self.rounds.currentIndexChanged.connect(self._on_round)
        self.classes.currentIndexChanged.connect(self._on_class)
        card.header.addWidget(self.rounds)
        card.header.addWidget(self.classes)
        self.sentence = muted_label()
        self.strip = PictureStrip()
        card.body.addWidget(self.sentence)
        card.body.addWidget(self.strip, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(card)

    def applies(self, run: Run) -> bool:
        return (run.dir / pseudo_labels.FOLDER).is_dir()

    def command(self) -> str:
        project = self.session.project
        return f"tlstudio pseudo-labels {project.path} {self._run_id}" if project is not None else ""

    def show_run(self, run: Run, results: RunResults, split: str) -> None:
        project = self.session.project
        if run.id == self._run_id or project is None:
            return
        self._run_id = run.id
        self._show([])
        self.session.background.submit(
            lambda: (run.id, read_all(project, run.id)), self._on_read, self.session.say_error
        )

    def _on_read(self, answer: tuple[int, list[Proposal]]) -> None:
        if answer[0] == self._run_id:
            self._show(answer[1])

    def _show(self, rounds: list[Proposal]) -> None:
        self._rounds = rounds
        self.rounds.blockSignals(True)
        self.rounds.clear()
        for one in rounds:
            self.rounds.addItem(f"Round {one.found.number} ({one.count})")
        self.rounds.blockSignals(False)
        self._on_round(0)

    @Slot(int)
    def _on_round(self, index: int) -> None:
        self.classes.blockSignals(True)
        self.classes.clear()
        if 0 <= index < len(self._rounds):
            one = self._rounds[index]
            self.strip.set_preview(None if one.modality == "image" else Previewer(one.modality, self.session.registry))
            self.sentence.setText(summary(one))
            self.classes.addItem(f"All classes ({one.count})", "")
            for label, shots in one.shots.items():
                self.classes.addItem(f"{label} ({len(shots)})", label)
        self.classes.blockSignals(False)
        self._on_class(0)

    @Slot(int)
    def _on_class(self, _index: int) -> None:
        index, label = self.rounds.currentIndex(), str(self.classes.currentData() or "")
        shots = self._rounds[index].shots if 0 <= index < len(self._rounds) else {}
        self.strip.set_shots([shot for name, each in shots.items() if label in ("", name) for shot in each])


def summary(one: Proposal) -> str:
    """``40 samples were labelled, 2 of them struck out. Of 40 whose label you know, 39 got the same.``"""
    known = [shot for shots in one.shots.values() for shot in shots if shot.truth]
    wrong = len(one.found.vetoed or ())
    said = f"{text.plural(one.count, 'sample')} got a label{f', {wrong} of them struck out' if wrong else ''}."
    if known:
        same = sum(shot.right for shot in known)
        said += (
            f" The run did not see the labels that {len(known):,} of them have in the project: {same:,} are the same."
        )
    return said
