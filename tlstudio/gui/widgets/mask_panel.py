"""What the colours of a mask mean: a switch for each class, and how much of the picture shines through."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.models import overlays
from tlstudio.gui.widgets.controls import small_label

_SWITCHES = 40  # classes that can be switched one by one


class MaskPanel(QWidget):
    changed = Signal()  # which classes are shown
    opacity_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self._names: tuple[str, ...] = ()
        self._switches: list[QCheckBox] = []
        self._legend = QVBoxLayout()
        self._legend.setSpacing(4)
        column.addLayout(self._legend)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setValue(50)
        self.slider.setAccessibleName("Opacity of the mask")
        self.slider.valueChanged.connect(self._on_slider)
        row = QHBoxLayout()
        row.addWidget(small_label("Opacity", wrap=False))
        row.addWidget(self.slider, 1)
        column.addLayout(row)
        self.pointed = small_label(" ", wrap=False)
        column.addWidget(self.pointed)

    def set_names(self, names: Sequence[str]) -> None:
        if tuple(names) == self._names:
            return
        self._names = tuple(names)
        while (entry := self._legend.takeAt(0)) is not None:
            widget = entry.widget()
            if widget is not None:
                widget.deleteLater()
        self._switches = []
        for index, name in enumerate(self._names[:_SWITCHES]):
            switch = QCheckBox(name.replace("&", "&&"))
            switch.setIcon(swatch(index))
            switch.setIconSize(QSize(14, 14))
            switch.setChecked(not overlays.is_ground(name))
            switch.setAccessibleName(f"Show the class {name}")
            switch.toggled.connect(self.changed)
            self._legend.addWidget(switch)
            self._switches.append(switch)

    def show_shares(self, shares: Sequence[float]) -> None:
        for name, switch, share in zip(self._names, self._switches, shares, strict=False):
            switch.setText(f"{name.replace('&', '&&')}  ·  {100 * share:.1f} %")

    def shown(self) -> list[bool]:
        switched = [switch.isChecked() for switch in self._switches]
        return switched + [True] * (len(self._names) - len(switched))

    @Slot(str)
    def show_pointed(self, name: str) -> None:
        self.pointed.setText(f"under the mouse: {name}" if name else " ")

    @Slot(int)
    def _on_slider(self, value: int) -> None:
        self.opacity_changed.emit(value / 100)


def swatch(index: int) -> QIcon:
    """The colour of a class as a small square."""
    pixmap = QPixmap(28, 28)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(overlays.colour(index))
    painter.setPen(QPen(theme.tokens().color("strong_line"), 2))
    painter.drawRoundedRect(2, 2, 24, 24, 6, 6)
    painter.end()
    return QIcon(pixmap)
