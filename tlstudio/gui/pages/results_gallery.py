"""The items of a choice: a strip of them, and beside it the one that is looked at, where a preview says too little."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from tlstudio.gui.pages.data_sample import SampleView
from tlstudio.gui.pages.data_words import Previewer, kind_of
from tlstudio.gui.pages.results_items import Shot, SplitItems, with_texts
from tlstudio.gui.pages.results_masks import MaskComparison
from tlstudio.gui.pages.results_pictures import PictureStrip
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, muted_label

if TYPE_CHECKING:
    from tlstudio.project import Item

_HINT, _STRIP, _BESIDE = 84, 214, 300  # height in pixels: a sentence; a line of items; a sound or masks
_LOOKED_AT = ("audio", "text", "video")


class ResultsGallery(Card):
    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Items", parent)
        self._session = session
        self._items: SplitItems | None = None
        self._modality = ""
        self._ticket = 0
        self._hint, self._none = "", "Nothing lies in this cell."
        self._plural = "Items"
        self.strip = PictureStrip()
        self.sample = SampleView(session.background)
        self.masks = MaskComparison(session)
        self.beside = QStackedWidget()
        self.beside.addWidget(self.sample)
        self.beside.addWidget(self.masks)
        self.hint = muted_label()
        self.panes = QSplitter(Qt.Orientation.Horizontal)
        self.panes.setChildrenCollapsible(False)
        self.panes.setHandleWidth(14)
        self.panes.addWidget(self.strip)
        self.panes.addWidget(self.beside)
        self.panes.setSizes([5000, 6000])
        self.body.addWidget(self.hint)
        self.body.addWidget(self.panes, 1)
        self.body.addStretch(0)
        self._least = _STRIP
        self.strip.shot_chosen.connect(self._on_shot)
        self.panes.hide()

    def begin(self, task: str, model: str, hint: str, noun: tuple[str, str]) -> None:
        """Another split: nothing is chosen yet."""
        self._items, self._hint = None, hint
        self._none, self._plural = f"No {noun[0]} lies in this cell.", noun[1].capitalize()
        self.masks.set_model(model)
        self.beside.setCurrentWidget(self.masks if task == "segmentation" else self.sample)
        self._show([], "", chosen=False)

    def set_items(self, items: SplitItems) -> None:
        self._items = items
        dataset = self._session.dataset(items.dataset)
        self._modality = dataset.modality if dataset is not None else "image"
        beside = items.task == "segmentation" or self._modality in _LOOKED_AT
        self._least = _BESIDE if beside else _STRIP
        if dataset is not None:
            registry = self._session.registry
            preview = Previewer(dataset.modality, registry)
            self.strip.set_preview(None if self._modality == "image" else preview)
            self.sample.set_dataset(dataset, kind_of(registry, dataset), preview)

    def show_rows(self, rows: npt.NDArray[np.int64], title: str, label: int = -1) -> None:
        """``label``: of several, the one that is looked at."""
        items, project = self._items, self._session.project
        if items is None or project is None:
            return
        self._ticket += 1
        ticket, texts = self._ticket, self._modality == "text"

        def read() -> tuple[int, list[Shot], str]:
            shots = items.shots(rows, label)
            return ticket, with_texts(project, items, shots) if texts else shots, title

        self.set_title(title)
        self._session.background.submit(read, self._on_read)

    def _on_read(self, answer: tuple[int, list[Shot], str]) -> None:
        ticket, shots, title = answer
        if ticket == self._ticket:
            self._show(shots, title, chosen=True)

    def _show(self, shots: list[Shot], title: str, *, chosen: bool) -> None:
        masks = self.beside.currentWidget() is self.masks
        self.beside.setVisible(bool(shots) and (masks or self._modality in _LOOKED_AT))
        self.panes.setVisible(bool(shots))
        self.setMinimumHeight(self._least if shots else _HINT)  # what is to be chosen from needs the room
        self.hint.setVisible(not shots)
        self.hint.setText(self._none if chosen else self._hint)
        self.set_title(title or self._plural)
        self.strip.set_shots(shots)
        if shots and not self.beside.isHidden():
            self.strip.setCurrentIndex(self.strip.model().index(0, 0))

    @Slot(object)
    def _on_shot(self, shot: Shot) -> None:
        if self._items is None or self.beside.isHidden():
            return
        if self.beside.currentWidget() is self.masks:
            shots = self.strip.shots
            place = next((i for i, one in enumerate(shots) if one.item_id == shot.item_id), 0)
            self.masks.show_shot(self._items, shot, shots[place + 1 : place + 9])
            return
        project, dataset = self._session.project, self._items.dataset
        if project is not None:
            ids = [shot.item_id]
            self._session.background.submit(lambda: project.items_of(dataset, ids), self._on_item)

    def _on_item(self, found: "list[Item]") -> None:
        if found and self._items is not None:
            self.sample.show_item(found[0], [True] * len(self._items.class_names))
