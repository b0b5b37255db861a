"""A run that waits for its user: what the model would learn from as well, by class, and what of it is wrong."""

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QSplitter, QWidget

from tlstudio import pseudo_labels
from tlstudio.gui import text
from tlstudio.gui.pages.data_sample import SampleView
from tlstudio.gui.pages.data_words import Previewer, kind_of
from tlstudio.gui.pages.results_items import Shot
from tlstudio.gui.pages.results_pictures import PictureStrip
from tlstudio.gui.pages.run_pseudo_reading import Proposal, read_waiting, struck
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, button, muted_label, primary_button
from tlstudio.pseudo_labels import Round

_KEYS = (Qt.Key.Key_X, Qt.Key.Key_Space, Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
_LOOKED_AT = ("audio", "text", "video")  # a preview says too little
_ROOM = QSize(320, 260)


class ReviewStrip(PictureStrip):
    """``toggled`` carries the item that was struck out or taken back, by a click or by X. Where ``once`` is false it
    takes a double click, since a click shows the item.
    """

    toggled = Signal(object)
    once = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Samples with their new labels")
        self.setAccessibleDescription("X strikes a wrong label out, and takes it back.")
        self.clicked.connect(self._on_clicked)
        self.doubleClicked.connect(self._on_double_clicked)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if Qt.Key(event.key()) in _KEYS and index.isValid():
            self.toggle(index.row())
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        if self.once:
            self.toggle(index.row())

    @Slot(QModelIndex)
    def _on_double_clicked(self, index: QModelIndex) -> None:
        if not self.once:
            self.toggle(index.row())

    def toggle(self, row: int) -> None:
        self.shots[row] = struck(self.shots[row])
        self.viewport().update()
        self.toggled.emit(self.shots[row])


class ReviewCard(Card):
    """``looked`` carries the run that can go on now; ``shown``: it has appeared, or gone."""

    looked = Signal(int)
    shown = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("New labels", parent)
        self._session = session
        self._proposal: Proposal | None = None
        self._run_id, self._ticket = 0, 0
        self.classes = QComboBox()
        self.classes.setAccessibleName("Class that is shown")
        self.classes.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.classes.setMaximumWidth(260)
        self.classes.currentIndexChanged.connect(self._on_class)
        self.all_wrong = button("Strike out all of them", tip="Every sample that is shown; once more takes it back.")
        self.go_on = primary_button("Go on", "train")
        self.go_on.setToolTip("The run learns from what is not struck out. What is struck out it never takes again.")
        self.all_wrong.clicked.connect(self._on_all_wrong)
        self.go_on.clicked.connect(self._on_go_on)
        for widget in (self.classes, self.all_wrong, self.go_on):
            self.header.addWidget(widget)
        self.sentence = muted_label()
        self.body.addWidget(self.sentence)
        self.strip = ReviewStrip()
        self.strip.toggled.connect(self._on_toggled)
        self.strip.shot_chosen.connect(self._on_shot)
        self.sample = SampleView(session.background)
        panes = QSplitter(Qt.Orientation.Horizontal)
        panes.setChildrenCollapsible(False)
        panes.setHandleWidth(14)
        panes.addWidget(self.strip)
        panes.addWidget(self.sample)
        self.body.addWidget(panes, 1)
        self.hide()

    # --- from outside --------------------------------------------------------------------------------------

    def show_run(self, run_id: int) -> None:
        """``run_id``: a run that is parked; 0: none. Whether it waits to be looked at is read off this thread."""
        if run_id == self._run_id:
            return
        self._run_id = run_id
        self._ticket += 1
        self._show(None)
        project, ticket = self._session.project, self._ticket
        if not run_id or project is None:
            return

        def read() -> tuple[int, Proposal | None]:
            return ticket, read_waiting(project, run_id)

        self._session.background.submit(read, self._on_read, self._session.say_error)

    @property
    def waits(self) -> bool:
        """Whether there is something to be looked at, which :meth:`accept` takes as it stands."""
        return self._proposal is not None

    def accept(self) -> bool:
        """The run goes on with what is not struck out; false where nothing waits."""
        found, project = self._proposal, self._session.project
        if found is None or project is None:
            return False
        self.go_on.setEnabled(False)
        folder, wrong, number, run_id = project.run_dir(found.run_id), self.vetoed, found.found.number, found.run_id

        def write() -> tuple[int, Round]:
            return run_id, pseudo_labels.veto(folder, wrong, number)

        self._session.background.submit(write, self._on_written, self._on_failed)
        return True

    @property
    def vetoed(self) -> set[int]:
        """Items that are struck out."""
        found = self._proposal
        return {shot.item_id for shots in found.shots.values() for shot in shots if not shot.right} if found else set()

    # --- inside --------------------------------------------------------------------------------------------

    def _on_read(self, answer: tuple[int, Proposal | None]) -> None:
        ticket, found = answer
        if ticket == self._ticket:
            self._show(found)

    def _show(self, found: Proposal | None) -> None:
        self._proposal = found
        self.setVisible(found is not None)
        self.shown.emit()
        if found is None:
            self.strip.set_shots([])
            return
        registry = self._session.registry
        self.strip.set_preview(None if found.modality == "image" else Previewer(found.modality, registry))
        self.strip.once = found.modality not in _LOOKED_AT
        self.sample.setVisible(not self.strip.once and bool(found.samples))
        self.classes.blockSignals(True)
        self.classes.clear()
        self.classes.addItem(f"All classes ({found.count})", "")
        for label, shots in found.shots.items():
            self.classes.addItem(f"{label} ({len(shots)})", label)
        self.classes.blockSignals(False)
        self.set_title(f"Round {found.found.number}: new labels")
        self._on_class(0)

    @Slot(int)
    def _on_class(self, _index: int) -> None:
        if self._proposal is not None:
            label = str(self.classes.currentData() or "")
            shots = self._proposal.shots
            self.strip.set_shots(list(shots[label]) if label else [shot for each in shots.values() for shot in each])
            self.all_wrong.setEnabled(bool(self.strip.shots))
            self._say()

    @Slot(object)
    def _on_toggled(self, shot: Shot) -> None:
        if self._proposal is not None:
            mine = self._proposal.shots[shot.predicted]
            place = next(i for i, one in enumerate(mine) if one.item_id == shot.item_id)
            mine[place] = shot
            self._say()

    @Slot(object)
    def _on_shot(self, shot: Shot) -> None:
        found = self._proposal
        if found is None or self.sample.isHidden() or shot.item_id not in found.samples:
            return
        info, item = found.samples[shot.item_id]
        registry = self._session.registry
        self.sample.set_dataset(info, kind_of(registry, info), Previewer(info.modality, registry))
        self.sample.show_item(item, [True])

    @Slot()
    def _on_all_wrong(self) -> None:
        wanted = any(shot.right for shot in self.strip.shots)
        for row, shot in enumerate(list(self.strip.shots)):
            if shot.right == wanted:
                self.strip.toggle(row)

    def _say(self) -> None:
        found, wrong = self._proposal, len(self.vetoed)
        if found is None:
            return
        if not found.count:
            self.sentence.setText("The model was not sure of any further sample. There is nothing to strike out.")
            return
        out = f" {text.plural(wrong, 'label')} struck out." if wrong else ""
        how = "A click" if self.strip.once else "A double click"
        self.sentence.setText(
            f"{text.plural(found.count, 'sample')} without a label got one that the model is sure of, and would learn "
            f"from. {how} or X strikes out what is wrong, and takes it back.{out}"
        )

    @Slot()
    def _on_go_on(self) -> None:
        self.accept()

    def _on_written(self, answer: tuple[int, Round]) -> None:
        self.go_on.setEnabled(True)
        self._show(None)
        self.looked.emit(answer[0])

    def _on_failed(self, sentence: str) -> None:
        self.go_on.setEnabled(True)
        self._session.say_error(sentence)

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().expandedTo(_ROOM)
