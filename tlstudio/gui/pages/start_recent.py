"""The list of recent projects; those that are gone are grey, with the reason."""

import dataclasses
import time
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QEnterEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.gui import icons, theme
from tlstudio.gui.widgets.kit import Card, ElidedLabel, icon_button, small_label


@dataclasses.dataclass(frozen=True)
class Recent:
    """``missing`` is the reason why the project cannot be opened; empty where it can."""

    path: str
    missing: str
    changed: float


def look_at(paths: list[str]) -> list[Recent]:
    """Looks at the disk; call it off the window's thread, since a network folder may be slow."""
    return [_look(Path(path)) for path in paths]


def _look(path: Path) -> Recent:
    try:
        if not path.exists():
            return Recent(str(path), "The folder is not there any more.", 0)
        database = path / "project.sqlite"
        if not database.is_file():
            return Recent(str(path), "The folder holds no project any more.", 0)
        return Recent(str(path), "", database.stat().st_mtime)
    except OSError as error:
        return Recent(str(path), f"The folder cannot be read: {error.strerror}.", 0)


class RecentRow(QWidget):
    """Click, Enter or Space opens; the cross takes it off the list."""

    opened = Signal(str)
    removed = Signal(str)

    def __init__(self, recent: Recent) -> None:
        super().__init__()
        self.recent = recent
        usable = not recent.missing
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(12)
        picture = QLabel()
        token = "accent" if usable else "muted"
        picture.setPixmap(icons.icon("folder" if usable else "folder-missing", token).pixmap(22, 22))
        row.addWidget(picture)
        column = QVBoxLayout()
        column.setSpacing(1)
        path = Path(recent.path)
        self.name = ElidedLabel(path.name.removesuffix(".tlproj"))
        self.name.setObjectName("cardtitle" if usable else "muted")
        self.where = ElidedLabel(str(path.parent) if usable else f"{recent.missing} It was in {path.parent}")
        self.where.setObjectName("small")
        column.addWidget(self.name)
        column.addWidget(self.where)
        row.addLayout(column, 1)
        when = small_label(_when(recent.changed) if usable else "", wrap=False)
        row.addWidget(when)
        remove = icon_button("close", f"Take {path.name} off the list", size=14)
        remove.clicked.connect(self._on_remove)
        row.addWidget(remove)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Open {path.name}" if usable else f"{path.name}: {recent.missing}")
        self.setCursor(Qt.CursorShape.PointingHandCursor if usable else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self._open()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._open()
        elif event.key() == Qt.Key.Key_Delete:
            self._on_remove()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().adjusted(1, 1, -1, -1)
        if self.underMouse() and not self.recent.missing:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.color("hover"))
            painter.drawRoundedRect(area, 8, 8)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.color("accent"), 1.5))
            painter.drawRoundedRect(area, 8, 8)

    def _open(self) -> None:
        if not self.recent.missing:
            self.opened.emit(self.recent.path)

    @Slot()
    def _on_remove(self) -> None:
        self.removed.emit(self.recent.path)


class RecentProjects(Card):
    opened = Signal(str)
    removed = Signal(str)

    def __init__(self) -> None:
        super().__init__("Recent projects")
        self.body.setSpacing(2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.rows: list[RecentRow] = []

    def show_recent(self, recent: list[Recent]) -> None:
        for row in self.rows:
            self.body.removeWidget(row)
            row.deleteLater()
        self.rows = [RecentRow(one) for one in recent]
        for row in self.rows:
            row.opened.connect(self.opened)
            row.removed.connect(self.removed)
            self.body.addWidget(row)


def _when(stamp: float) -> str:
    days = (time.time() - stamp) / 86400
    if days < 1 and time.localtime().tm_mday == time.localtime(stamp).tm_mday:
        return time.strftime("today, %H:%M", time.localtime(stamp))
    if days < 2:
        return time.strftime("yesterday, %H:%M" if days < 1 else "%d %b, %H:%M", time.localtime(stamp))
    return time.strftime("%d %b %Y", time.localtime(stamp))
