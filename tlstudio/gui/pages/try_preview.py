"""The sample that is looked at: a picture with the mask that the model gives it, or a sound to listen to."""

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from tlstudio.api.errors import StudioError
from tlstudio.gui.background import Background
from tlstudio.gui.models import overlays, pictures, sounds
from tlstudio.gui.pages.try_guess import Guess
from tlstudio.gui.widgets.kit import small_label
from tlstudio.gui.widgets.picture_view import PictureView
from tlstudio.gui.widgets.sound_view import SoundView

_LARGEST = QSize(1280, 1280)


class TryPreview(QWidget):
    """Hidden where the list says enough."""

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._guess: Guess | None = None
        self._preview: pictures.Preview | None = None
        self.picture, self.sound = PictureView(), SoundView()
        self.stack = QStackedWidget()
        for view in (self.picture, self.sound):
            self.stack.addWidget(view)
        self.pointed = small_label(" ", wrap=False)
        self.picture.pointed.connect(self._on_pointed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.stack, 1)
        column.addWidget(self.pointed)
        self.setMinimumWidth(260)
        self.hide()

    def set_kind(self, task: str, modality: str, preview: "pictures.Preview | None") -> None:
        self._preview = preview
        self.stack.setCurrentWidget(self.sound if modality == "audio" else self.picture)
        self.setVisible(modality == "audio" or task == "segmentation")

    def show_guess(self, guess: Guess) -> None:
        if self.isHidden():
            return
        again = self._guess is not None and self._guess.path == guess.path
        self._guess = guess
        if self.stack.currentWidget() is self.sound:
            if not again:
                self.sound.show_sound(None, "Reading…")
                preview = self._preview
                self._background.submit(
                    lambda: sounds.read(guess.path, preview), self.sound.show_sound, self._on_no_sound
                )
            return
        self._background.submit(lambda: _read(guess), self._on_read)

    def clear(self) -> None:
        self._guess = None
        self.sound.show_sound(None)
        self.picture.show_mask(None, (), ())
        self.picture.show_image(QImage())

    def _on_no_sound(self, sentence: str) -> None:
        self.sound.show_sound(None, sentence)

    def _on_read(self, answer: "tuple[Guess, QImage, overlays.Classes | None]") -> None:
        guess, image, classes = answer
        if guess != self._guess:
            return
        self.picture.show_image(image, "The picture cannot be shown.")
        shown = [not overlays.is_ground(name) for name in guess.names]
        if all(shown):
            shown = [index > 0 for index in range(len(guess.names))]
        self.picture.show_mask(classes, guess.names, shown)

    @Slot(str)
    def _on_pointed(self, name: str) -> None:
        self.pointed.setText(f"under the mouse: {name}" if name else " ")


def _read(guess: Guess) -> "tuple[Guess, QImage, overlays.Classes | None]":
    image = pictures.read(guess.path, _LARGEST)
    try:
        return guess, image, overlays.read(guess.mask, guess.pixels) if guess.mask else None
    except StudioError:
        return guess, image, None
