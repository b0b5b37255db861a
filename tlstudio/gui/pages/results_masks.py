"""A picture, its mask, and the mask that a model gives it, side by side."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, QTemporaryDir, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tlstudio.api.errors import StudioError
from tlstudio.api.events import Event, Failed, Finished
from tlstudio.gui.models import overlays, pictures
from tlstudio.gui.pages.results_items import Shot, SplitItems
from tlstudio.gui.run_thread import RunThread
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import muted_label, small_label
from tlstudio.gui.widgets.picture_view import PictureView

AHEAD = 8  # pictures that are predicted at once: starting a worker takes longer than they do
_LARGEST = QSize(1024, 1024)


class MaskComparison(QWidget):
    """``show_shot`` reads the picture and its mask at once; what the model says follows when a worker has said it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folder = QTemporaryDir()
        self._masks: dict[str, str] = {}  # place of a picture -> its predicted mask, or "!" and why there is none
        self._model, self._jobs = "", 0
        self._thread: RunThread | None = None
        self._items: SplitItems | None = None
        self._shot: Shot | None = None
        self._queue: list[Shot] = []
        self.views = {name: PictureView() for name in ("picture", "truth", "prediction")}
        row = QHBoxLayout()
        row.setSpacing(10)
        for name, view in self.views.items():
            column = QVBoxLayout()
            column.addWidget(small_label(name, wrap=False))
            column.addWidget(view, 1)
            view.setMinimumSize(110, 100)
            view.setAccessibleName(f"The {name}")
            view.pointed.connect(self._on_pointed)
            row.addLayout(column, 1)
        self.words = muted_label(" ", wrap=False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addLayout(row, 1)
        whole.addWidget(self.words)

    def set_model(self, model: str) -> None:
        """The run's model file; what another one said is forgotten."""
        if model != self._model:
            self._model = model
            self._masks.clear()

    def show_shot(self, items: SplitItems, shot: Shot, following: Sequence[Shot] = ()) -> None:
        """``following`` are predicted along with it."""
        self._items, self._shot = items, shot
        for view in self.views.values():
            view.show_mask(None, (), ())
            view.show_image(QImage(), "Reading…")
        self._session.background.submit(lambda: _read(items, shot), self._on_read, self._on_failed)
        self._queue = [one for one in (shot, *following) if one.path not in self._masks][:AHEAD]
        if shot.path in self._masks:
            self._show_prediction()
        else:
            self._ask()

    def _ask(self) -> None:
        if self._thread is not None or not self._queue or not self._model:
            return
        self._jobs += 1
        self._asked, self._queue = [shot.path for shot in self._queue], []
        arguments = {"model": self._model, "files": self._asked, "out": self._folder.filePath(str(self._jobs))}
        self._for = self._model
        self._thread = self._session.start_job("predict", arguments, self.on_event)

    @Slot(object)
    def on_event(self, event: Event) -> None:
        match event:
            case Finished(result=result) if self._for == self._model:
                for entry in result.get("predictions", []):
                    self._masks[str(entry["file"])] = str(entry.get("mask") or f"!{entry.get('error', '')}")
            case Failed(sentence=sentence):
                self._masks |= dict.fromkeys(self._asked, f"!{sentence}")
        if event.terminal:
            self._thread = None
            self._show_prediction()
            self._ask()

    def _on_read(self, answer: "tuple[str, QImage, overlays.Classes | None, str]") -> None:
        path, image, classes, sentence = answer
        if self._shot is None or self._items is None or path != self._shot.path:
            return
        names = self._items.class_names
        for view in self.views.values():
            view.show_image(image, sentence or "The picture cannot be shown; the file may be gone.")
        self.views["truth"].show_mask(classes, names, _painted(names))
        self._show_prediction()

    def _show_prediction(self) -> None:
        items, shot = self._items, self._shot
        view = self.views["prediction"]
        if items is None or shot is None or view.image.isNull():
            return
        found = self._masks.get(shot.path, "")
        if not found or found.startswith("!"):
            self.words.setText(found[1:] or "The model is looking at it…")
            return
        try:
            classes = overlays.read(found, items.pixels)
        except StudioError as error:
            self.words.setText(str(error))
            return
        view.show_mask(classes, items.class_names, _painted(items.class_names))
        self.words.setText(f"{Path(shot.path.partition(chr(0))[0]).name}: {shot.predicted}")

    def _on_failed(self, sentence: str) -> None:
        self.words.setText(sentence)

    @Slot(str)
    def _on_pointed(self, name: str) -> None:
        if name:
            self.words.setText(f"under the mouse: {name}")


def _painted(names: Sequence[str]) -> list[bool]:
    """Every class but the background; where all are called that, or none, all but the first."""
    shown = [not overlays.is_ground(name) for name in names]
    return shown if any(shown) and not all(shown) else [index > 0 for index in range(len(names))]


def _read(items: SplitItems, shot: Shot) -> "tuple[str, QImage, overlays.Classes | None, str]":
    image = pictures.read(shot.path, _LARGEST)
    try:
        place = overlays.place_of(items.values[shot.row], items.root)
        return shot.path, image, overlays.read(place, items.pixels), ""
    except StudioError as error:
        return shot.path, image, None, str(error)
