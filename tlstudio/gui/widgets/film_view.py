"""A film as a few frames that one steps through, with comma and full stop or the slider."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from tlstudio.gui.widgets.controls import icon_button
from tlstudio.gui.widgets.picture_view import PictureView


class FilmView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: list[tuple[float, QImage]] = []
        self.picture = PictureView()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Frame of the film")
        self.slider.setPageStep(1)
        self.slider.valueChanged.connect(self._on_slider)
        self.words = QLabel()
        self.words.setObjectName("muted")
        self.words.setMinimumWidth(150)
        row = QHBoxLayout()
        row.setSpacing(10)
        for icon, name, slot in (
            ("arrow-left", "Earlier frame (comma)", self.back), ("arrow-right", "Later frame (full stop)", self.on)
        ):  # fmt: skip
            step = icon_button(icon, name)
            step.clicked.connect(slot)
            row.addWidget(step)
        row.addWidget(self.slider, 1)
        row.addWidget(self.words)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.picture, 1)
        column.addLayout(row)

    def show_frames(self, frames: list[tuple[float, QImage]], text: str = "") -> None:
        """Seconds and picture of each; the middle one comes first."""
        self._frames = frames
        self.slider.setEnabled(len(frames) > 1)
        self.slider.setRange(0, max(0, len(frames) - 1))
        self.slider.setValue(len(frames) // 2)
        self._show(text)

    @Slot()
    def back(self) -> None:
        self.slider.setValue(self.slider.value() - 1)

    @Slot()
    def on(self) -> None:
        self.slider.setValue(self.slider.value() + 1)

    @Slot(int)
    def _on_slider(self, _value: int) -> None:
        self._show("")

    def _show(self, text: str) -> None:
        if not self._frames:
            self.picture.show_image(QImage(), text)
            self.words.setText("")
            return
        place = min(self.slider.value(), len(self._frames) - 1)
        seconds, image = self._frames[place]
        self.picture.show_image(image)
        self.words.setText(f"frame {place + 1} of {len(self._frames)} · {seconds:.2f} s")
