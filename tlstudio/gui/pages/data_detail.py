"""One picture, large, with what is known of it."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.background import Background
from tlstudio.gui.models import pictures
from tlstudio.gui.widgets.kit import Card, ElidedLabel, button, icon_button, small_label
from tlstudio.gui.widgets.split_bar import NAMES

if TYPE_CHECKING:
    from tlstudio.project import Item

_LARGEST = QSize(2048, 2048)


class Picture(QWidget):
    """Shows an image as large as fits, never enlarged more than four times."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self._text = ""
        self.setMinimumSize(240, 240)

    def show_image(self, image: QImage, text: str = "") -> None:
        self._image, self._text = image, text
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._image.isNull():
            painter.setPen(tokens.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._text)
            return
        size = self._image.size()
        fitted = size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        if fitted.width() > size.width() * 4:
            fitted = size * 4
        area = QRectF(0, 0, fitted.width(), fitted.height())
        area.moveCenter(QRectF(self.rect()).center())
        painter.drawImage(area, self._image)


class DetailView(QWidget):
    """Left and Right go to the neighbours, Escape goes back."""

    closed = Signal()
    step_asked = Signal(int)  # -1 or 1

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._path = Path()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("One picture with its details")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        self._frame = Card()
        self.picture = Picture()
        self._frame.body.addWidget(self.picture, 1)
        row.addWidget(self._frame, 1)
        side = Card("Picture")
        side.setFixedWidth(300)
        self.position = small_label(wrap=False)
        for name, icon, step in (("Previous", "arrow-left", -1), ("Next", "arrow-right", 1)):
            go = icon_button(icon, f"{name} picture")
            go.clicked.connect(self._on_previous if step < 0 else self._on_next)
            side.header.addWidget(go)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        self.fields = {name: ElidedLabel() for name in ("File", "Class", "Split", "Size", "SHA-256", "Folder")}
        for name, label in self.fields.items():
            title = QLabel(name)
            title.setObjectName("muted")
            form.addRow(title, label)
        side.body.addWidget(self.position)
        side.body.addLayout(form)
        side.body.addSpacing(8)
        copy = button("Copy the path", "copy")
        copy.clicked.connect(self._on_copy)
        folder = button("Open the folder", "folder")
        folder.clicked.connect(self._on_open)
        back = button("Back to the pictures", "arrow-left", tip="Escape")
        back.clicked.connect(self.closed)
        for one in (copy, folder, back):
            side.body.addWidget(one)
        side.body.addStretch(1)
        column = QVBoxLayout()
        column.addWidget(side)
        row.addLayout(column)

    def show_item(self, item: "Item", root: Path, index: int, count: int) -> None:
        self._path = path = root / item.path
        self.position.setText(f"{index + 1:,} of {count:,}")
        self.fields["File"].setText(path.name)
        self.fields["Class"].setText(item.label)
        self.fields["Split"].setText(NAMES.get(item.split, item.split))
        self.fields["Size"].setText(f"{item.width:,} × {item.height:,}")
        self.fields["SHA-256"].setText(item.sha256)
        self.fields["Folder"].setText(str(path.parent))
        self.picture.show_image(QImage(), "Reading…")
        self.picture.setAccessibleName(f"{path.name}, {item.label}")
        self._background.submit(lambda: (path, pictures.read(path, _LARGEST)), self._on_read)

    def _on_read(self, answer: tuple[Path, QImage]) -> None:
        path, image = answer
        if path == self._path:
            self.picture.show_image(image, f"{path.name} cannot be shown; the file may be gone.")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left:
                self.step_asked.emit(-1)
            case Qt.Key.Key_Right:
                self.step_asked.emit(1)
            case Qt.Key.Key_Escape:
                self.closed.emit()
            case _:
                super().keyPressEvent(event)

    @Slot()
    def _on_previous(self) -> None:
        self.step_asked.emit(-1)

    @Slot()
    def _on_next(self) -> None:
        self.step_asked.emit(1)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(str(self._path))

    @Slot()
    def _on_open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path.parent)))
