"""One sample as what it is: a picture (with its mask), a sound, a text, a film; else its name."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QPlainTextEdit, QStackedWidget, QVBoxLayout, QWidget

from tlstudio import places
from tlstudio.api.errors import StudioError
from tlstudio.gui.background import Background
from tlstudio.gui.models import films, overlays, pictures, sounds
from tlstudio.gui.pages.data_words import Kind
from tlstudio.gui.widgets.film_view import FilmView
from tlstudio.gui.widgets.picture_view import PictureView
from tlstudio.gui.widgets.sound_view import SoundView

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Item

_LARGEST = QSize(2048, 2048)
_LONGEST = 1_000_000  # characters of a text that are shown


class SampleView(QWidget):
    """``mask_read`` carries the share of each class in the mask that is shown."""

    mask_read = Signal(list)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._kind = Kind()
        self._dataset: DatasetInfo | None = None
        self._preview: pictures.Preview | None = None
        self._item: Item | None = None
        self._asked = 0
        self._classes: overlays.Classes | None = None
        self._shown: Sequence[bool] = ()
        self.picture, self.sound, self.film = PictureView(), SoundView(), FilmView()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.text.setAccessibleName("The whole text")
        self.text.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.text.setStyleSheet("QPlainTextEdit { border: none; font-size: 16px; padding: 8px; }")
        self.stack = QStackedWidget()
        for view in (self.picture, self.sound, self.text, self.film):
            self.stack.addWidget(view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.stack)

    def set_dataset(self, dataset: "DatasetInfo", kind: Kind, preview: pictures.Preview) -> None:
        self._dataset, self._kind, self._preview = dataset, kind, preview
        shown = {"audio": self.sound, "text": self.text, "video": self.film}.get(kind.modality, self.picture)
        self.stack.setCurrentWidget(shown)

    def show_item(self, item: "Item", shown: Sequence[bool]) -> None:
        """``shown``: which classes of its mask are painted."""
        dataset = self._dataset
        if dataset is None:
            return
        self._item, self._shown, self._classes = item, shown, None
        self._asked += 1
        number, place = self._asked, item.place(dataset.root)
        if (shown_now := self.stack.currentWidget()) is not None:
            shown_now.setAccessibleName(f"{item.path}, {item.label}")
        read, show = self._reader(item, place)

        def done(answer: Any) -> None:
            if number == self._asked:
                show(answer)

        def failed(sentence: str) -> None:
            if number == self._asked:
                self._say(sentence)

        self._background.submit(read, done, failed)

    def _reader(self, item: "Item", place: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        preview = self._preview
        match self._kind.modality:
            case "audio":
                self.sound.show_sound(None, "Reading…")
                return lambda: sounds.read(place, preview), self.sound.show_sound
            case "text":
                self.text.setPlainText(item.caption)
                return lambda: _text(place), self.text.setPlainText
            case "video":
                self.film.show_frames([], "Reading…")
                return lambda: films.read(place, _LARGEST), self.film.show_frames
            case _:
                self.picture.show_mask(None, (), ())
                self.picture.show_image(QImage(), "Reading…")
                return self._picture_reader(item, place), self._on_picture

    def _picture_reader(self, item: "Item", place: str) -> Callable[[], Any]:
        dataset = self._dataset
        masked = dataset is not None and dataset.task == "segmentation"
        root = dataset.root if dataset is not None else ""
        pixels = list(dataset.encoding.get("pixels", [])) if dataset is not None else []
        preview = self._preview
        plain = self._kind.modality == "image"

        def read() -> "tuple[QImage, overlays.Classes | None, str]":
            image = pictures.read(place, _LARGEST) if plain else _previewed(place, preview)
            if not masked:
                return image, None, ""
            try:
                return image, overlays.read(overlays.place_of(item.value, root), pixels), ""
            except StudioError as error:
                return image, None, str(error)

        return read

    def _on_picture(self, answer: "tuple[QImage, overlays.Classes | None, str]") -> None:
        image, classes, sentence = answer
        name = self._item.path if self._item is not None else ""
        missing = f"{name} cannot be shown; the file may be gone."
        self.picture.show_image(image, sentence or missing)
        self._classes = classes
        if classes is not None and self._dataset is not None:
            self.mask_read.emit(overlays.shares(classes, len(self._dataset.class_names)))
        self.show_classes(self._shown)

    def show_classes(self, shown: Sequence[bool]) -> None:
        """Which classes of the mask are painted."""
        self._shown = shown
        names = self._dataset.class_names if self._dataset is not None else ()
        self.picture.show_mask(self._classes, names, shown)

    def _say(self, sentence: str) -> None:
        match self._kind.modality:
            case "audio":
                self.sound.show_sound(None, sentence)
            case "text":
                self.text.setPlainText(sentence)
            case "video":
                self.film.show_frames([], sentence)
            case _:
                self.picture.show_image(QImage(), sentence)


def _text(place: str) -> str:
    """Whatever bytes there are: a text is never refused here."""
    content = places.read_bytes(place)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")[:_LONGEST]
    try:
        return content.decode("utf-8-sig")[:_LONGEST]
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")[:_LONGEST]


def _previewed(place: str, preview: "pictures.Preview | None") -> QImage:
    pixels = preview(places.read_bytes(place), 1024) if preview is not None else None
    return pictures.of_array(pixels) if pixels is not None else QImage()
