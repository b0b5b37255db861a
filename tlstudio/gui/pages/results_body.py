"""What a split's results look like by its task, and the items behind every cell, bar, point and row."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from tlstudio.gui.pages.results_classes import ClassTable
from tlstudio.gui.pages.results_data import RunResults, SplitResults
from tlstudio.gui.pages.results_gallery import ResultsGallery
from tlstudio.gui.pages.results_items import FOUND, MISSED, SplitItems
from tlstudio.gui.pages.results_labels import LabelBars
from tlstudio.gui.pages.results_matrix import ConfusionMatrix
from tlstudio.gui.pages.results_numbers import NumbersPanel
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, pill_button

_LEFT = {"multilabel": "Labels", "regression": "Truth and prediction", "segmentation": "Confusion of pixels"}
_RIGHT = {"multilabel": "Labels", "regression": "Numbers"}
_HINTS = {
    "classification": "Choose a cell of the matrix, or a class, to see its {nouns}.",
    "multilabel": "Choose a part of a bar, or a label, to see its {nouns}.",
    "regression": "The {nouns} that are furthest off come first. Choose a point to see it.",
    "segmentation": "The {nouns} that were segmented worst come first. Choose one to see its masks.",
}


class ResultsBody(QSplitter):
    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._items: SplitItems | None = None
        self._results: RunResults | None = None
        self._split: SplitResults | None = None
        self._chosen: Callable[[SplitItems], None] | None = None  # what shows the items of the latest choice
        self.matrix, self.labels, self.numbers = ConfusionMatrix(), LabelBars(), NumbersPanel()
        self.as_share = pill_button("share", checkable=True)
        self.as_share.setToolTip("Shares of each true class instead of counts")
        self.classes = ClassTable()
        self.gallery = ResultsGallery(session)
        self.left, self.right = Card("Confusion"), Card("Classes")
        for card in (self.left, self.right):
            card.header.addStrut(28)
        self.left.header.addWidget(self.as_share)
        self.stack = QStackedWidget()
        for widget in (self.matrix, self.labels, self.numbers):
            self.stack.addWidget(widget)
        self.left.body.addWidget(self.stack, 1)
        self.right.body.addWidget(self.classes, 1)
        self.right.body.addWidget(self.numbers.errors)
        middle = QSplitter(Qt.Orientation.Horizontal)
        for splitter in (middle, self):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(14)
        middle.addWidget(self.left)
        middle.addWidget(self.right)
        middle.setSizes([6000, 5400])
        self.addWidget(middle)
        self.addWidget(self.gallery)
        self.setSizes([5000, 3100])  # ten classes have room in a window of the usual size
        self.as_share.toggled.connect(self.matrix.set_as_share)
        self.matrix.cell_chosen.connect(self._on_cell)
        self.labels.part_chosen.connect(self._on_part)
        self.numbers.point_chosen.connect(self._on_point)
        self.classes.class_chosen.connect(self._on_class)

    # ---- what is shown

    def show_split(self, results: RunResults, split: SplitResults, model: str, noun: tuple[str, str]) -> None:
        """The figures; the items follow by :meth:`show_items`."""
        self._results, self._split, self._items, self._chosen = results, split, None, None
        task = split.task
        self.left.set_title(_LEFT.get(task, "Confusion"))
        self.right.set_title(_RIGHT.get(task, "Classes"))
        self.left.setVisible(task in _HINTS)
        widget: QWidget = {"multilabel": self.labels, "regression": self.numbers}.get(task, self.matrix)
        self.stack.setCurrentWidget(widget)
        self.as_share.setVisible(widget is self.matrix)
        self.numbers.errors.setVisible(task == "regression")
        self.matrix.current = (-1, -1)
        self.matrix.show_counts(results.class_names if len(split.confusion) else [], split.confusion)
        self.as_share.setChecked(task == "segmentation" or self.as_share.isChecked())
        self.labels.show_rows(split.rows if task == "multilabel" else [])
        self.classes.set_rows(split.rows, task)
        hint = _HINTS.get(task, "The worst {nouns} come first.").format(nouns=noun[1])
        self.gallery.begin(task, model, hint, noun)

    def show_items(self, items: SplitItems) -> None:
        self._items = items
        self.gallery.set_items(items)
        if items.task == "regression":
            self.numbers.show_items(items)
        if items.task in ("regression", "segmentation"):
            self.gallery.show_rows(items.worst(), "Worst first")
        if self._chosen is not None:
            self._chosen(items)

    # ---- choices

    def _choose(self, show: "Callable[[SplitItems], None]") -> None:
        """Shows the items of a choice: now, or as soon as they have been read."""
        self._chosen = show
        if self._items is not None:
            show(self._items)

    @Slot(int, int)
    def _on_cell(self, truth: int, predicted: int) -> None:
        title = self.matrix.describe(truth, predicted)
        self._choose(lambda items: self.gallery.show_rows(items.of_cell(truth, predicted), title))

    @Slot(int, str)
    def _on_part(self, label: int, kind: str) -> None:
        title = self.labels.describe(label, kind)
        self._choose(lambda items: self.gallery.show_rows(items.of_label(label, kind), title, label))

    @Slot(int)
    def _on_point(self, row: int) -> None:
        """The item of a point, and behind it those that are off by about as much."""
        if self._items is not None:
            worst = self._items.worst()
            place = int((worst == row).argmax())
            self.gallery.show_rows(worst[place:], "The chosen one, and those that are less far off")

    @Slot(int)
    def _on_class(self, position: int) -> None:
        if self._results is None or self._split is None or position >= len(self._split.rows):
            return
        names, name = self._results.class_names, self._split.rows[position].name
        if name not in names:
            return
        index = names.index(name)
        match self._split.task:
            case "multilabel":
                missed = self._items is not None and len(self._items.of_label(index, MISSED)) > 0
                self.labels.choose(index, MISSED if missed else FOUND)
            case "regression":
                self.numbers.choose(index)
            case _:
                self.matrix.choose(index, index)
