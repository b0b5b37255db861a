"""What training sees of an item: the augmentation, by the very code of training."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QScrollArea, QSpinBox, QWidget

from tlstudio.api.events import Event, Failed, Finished
from tlstudio.gui.models import pictures
from tlstudio.gui.pages.data_backbone import BackboneBox
from tlstudio.gui.pages.data_variants import EDGE, Variants
from tlstudio.gui.pages.data_view import DataView, preview_of
from tlstudio.gui.run_thread import RunThread
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Banner, Card, button, muted_label, padded, small_label

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo

VARIANTS, ITEMS = 6, 6
_NAMES = {"none": "None", "light": "Light", "medium": "Medium", "characters": "For characters"}


class AugmentView(DataView):
    """Works by the job ``augment``, anew after every choice. ``shown_anew`` when there is something new to see."""

    shown_anew = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._ids: tuple[int, ...] = ()
        self._seen: tuple[object, ...] = ()
        self._thread: RunThread | None = None
        self._again = False
        self._size = QSize(2 * EDGE, 2 * EDGE)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(200)
        self._timer.timeout.connect(self._start)
        self.layout_.addWidget(self._choices())
        self.banner = Banner()
        self.layout_.addWidget(self.banner)
        self.variants = Variants()
        self.variants.opened.connect(self.item_asked)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.viewport().setAutoFillBackground(False)
        host = QWidget()
        host.setObjectName("scrollbody")
        column = QHBoxLayout(host)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.variants, 0, Qt.AlignmentFlag.AlignTop)
        area.setWidget(host)
        self.layout_.addWidget(area, 1)

    def _choices(self) -> Card:
        card = Card()
        self.backbone = BackboneBox(self.session, "Backbone whose inputs are shown")
        self.backbone.currentIndexChanged.connect(self._on_changed)
        self.augmentation = QComboBox()
        self.augmentation.setAccessibleName("Augmentation")
        self.augmentation.currentIndexChanged.connect(self._on_changed)
        self.flip = QCheckBox("Mirror")
        self.flip.setChecked(True)
        self.flip.setToolTip("Left and right are exchanged in half of the cases. Not for characters.")
        self.flip.toggled.connect(self._on_changed)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("A run with this seed sees exactly these in its first epochs.")
        self.seed.setPrefix("seed ")
        self.seed.setFixedWidth(116)
        padded(self.seed)
        self.seed.valueChanged.connect(self._on_changed)
        self.others = button("Others", "refresh", tip="Other training items, drawn by chance.")
        self.others.clicked.connect(self._on_others)
        self.working = small_label(wrap=False)
        self.working.setMinimumWidth(112)
        self.working.setAlignment(Qt.AlignmentFlag.AlignRight)
        row = QHBoxLayout()
        row.setSpacing(10)
        for label, field in (("Inputs of", self.backbone), ("augmented", self.augmentation), ("", self.seed)):
            if label:
                row.addWidget(muted_label(label, wrap=False))
            row.addWidget(field)
            if field is self.augmentation:
                row.addWidget(self.flip)
        row.addStretch(1)
        row.addWidget(self.others)
        card.body.addLayout(row)
        below = QHBoxLayout()
        below.setSpacing(16)
        words = small_label(
            "Made by the code and the random numbers of training: a run with this seed sees these very inputs in its "
            "first epochs. Validation and test always see the second column."
        )
        below.addWidget(words, 1)
        below.addWidget(self.working, 0, Qt.AlignmentFlag.AlignTop)
        card.body.addLayout(below)
        return card

    # ---- from outside

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        super().show_dataset(dataset)
        self.backbone.show_dataset(dataset)
        project = self.session.project
        seen = (project.path if project else None, dataset.id, dataset.revision)
        if seen != self._seen:
            if not self._seen or self._seen[:2] != seen[:2]:
                self._ids = ()
                self.variants.show_rows([], {})
                self._fill(dataset)
            self._seen = seen
            self._timer.start()
        self.command_changed.emit(self.command())

    def show_items(self, ids: Sequence[int]) -> None:
        """These items, such as those that are selected in the gallery."""
        self._ids = tuple(ids)[:ITEMS]
        self._timer.start()

    def command(self) -> str:
        return shlex.join(["tlstudio", "train", self.project_path, "--dataset", self.dataset.name, "--set",
                           f"augmentation={self.augmentation.currentData()}"]) if self.dataset else ""  # fmt: skip

    def arguments(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {
            "project": self.project_path,
            "dataset": self.dataset.name if self.dataset else "",
            "items": list(self._ids),
            "variants": VARIANTS,
            "augmentation": self.augmentation.currentData() or "",
            "flip": self.flip.isChecked(),
            "seed": self.seed.value(),
            "count": ITEMS,
        }
        if self.backbone.backbone:
            chosen |= {"backbone": self.backbone.backbone, "weights": self.backbone.weights}
        return chosen

    # ---- inside

    def _fill(self, dataset: "DatasetInfo") -> None:
        modality = self.session.registry.modality(dataset.modality)
        self.augmentation.blockSignals(True)
        self.augmentation.clear()
        for name in modality.augmentations:
            self.augmentation.addItem(_NAMES.get(name, name.replace("_", " ").capitalize()), name)
        self.augmentation.blockSignals(False)
        self.flip.setVisible(dataset.modality in ("image", "video"))

    @Slot()
    def _on_changed(self, *_changed: object) -> None:
        if self.dataset is not None:
            self.command_changed.emit(self.command())
            self._timer.start()

    @Slot()
    def _on_others(self) -> None:
        """Training items drawn by chance, in the background."""
        project, dataset = self.session.project, self.dataset
        if project is None or dataset is None:
            return
        import random

        from tlstudio.project import ItemFilter

        def draw() -> tuple[int, ...]:
            view = project.view(dataset.name, ItemFilter(split="train"))
            rows = random.sample(range(view.count), min(ITEMS, view.count))
            return tuple(view.page(row, 1)[0].id for row in rows)

        self.session.background.submit(draw, self._on_drawn)

    def _on_drawn(self, ids: tuple[int, ...]) -> None:
        self.show_items(ids)

    @Slot()
    def _start(self) -> None:
        if self.dataset is None or not self.project_path:
            return
        if self._thread is not None:  # one after the other: the newest wish counts
            self._again = True
            self._thread.send("stop")
            return
        self.working.setText("Working…")
        self.variants.set_old(True)
        self._thread = self.session.start_job("augment", self.arguments(), self.on_event)

    @Slot(object)
    def on_event(self, event: Event) -> None:
        if not event.terminal:
            return
        self._thread = None
        if self._again:
            self._again = False
            self._start()
            return
        match event:
            case Finished(status="finished", result=result):
                self._load(result)
            case Failed(sentence=sentence):
                self.working.setText("")
                self.banner.set(sentence, "error")
            case _:
                self.working.setText("")

    def _load(self, result: dict[str, Any]) -> None:
        preview = preview_of(self.session, str(result["modality"]))
        box = self._size

        def read() -> tuple[dict[str, Any], dict[str, QImage]]:
            images = {}
            for row in result["items"]:
                if row["text"]:
                    row["original"] = _text_of(row["place"])
                    continue
                for path in (row["evaluated"], *row["variants"]):
                    images[path] = pictures.read(path, box)
                images[row["place"]] = _original(row["place"], box, preview)
            return result, images

        self.session.background.submit(read, self._on_loaded)

    def _on_loaded(self, answer: tuple[dict[str, Any], dict[str, QImage]]) -> None:
        result, images = answer
        if self.dataset is None or result["dataset"] != self.dataset.name or self._thread is not None:
            return
        known = {one.id: one.title for one in self.session.registry.backbones()}
        self.working.setText(f"by {known.get(result['backbone'], result['backbone'])}")
        self.banner.set("")
        self._ids = tuple(int(row["id"]) for row in result["items"])
        self.variants.show_rows(result["items"], images)
        self.shown_anew.emit()


def _original(place: str, box: QSize, preview: Any) -> QImage:
    from tlstudio import places
    from tlstudio.api.errors import StudioError

    try:
        pixels = preview(places.read_bytes(place), box.width()) if preview is not None else None
    except (StudioError, OSError):
        pixels = None
    return pictures.of_array(pixels) if pixels is not None else pictures.read(place, box)


def _text_of(place: str) -> str:
    from tlstudio import places
    from tlstudio.api.errors import StudioError

    try:
        return places.read_bytes(place).decode("utf-8", "replace")
    except (StudioError, OSError):
        return ""
