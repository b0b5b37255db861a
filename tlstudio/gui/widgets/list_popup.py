"""A field over a list: typing filters, the arrows move, Enter takes the row."""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QVBoxLayout, QWidget


class ListPopup(QFrame):
    """What ``ClassMenu`` and ``PalettePopup`` share: they fill the list and say what a row does."""

    def __init__(self, placeholder: str, field_name: str, list_name: str, parent: QWidget | None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        self.field = QLineEdit()
        self.field.setPlaceholderText(placeholder)
        self.field.setAccessibleName(field_name)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._run)
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName(list_name)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(self._run)
        column.addWidget(self.field)
        column.addWidget(self.list)

    def popup(self, place: QPoint) -> None:
        """With its upper left corner there, or as near as the screen lets it."""
        self.move(place)
        screen = self.screen().availableGeometry()
        self.move(min(place.x(), screen.right() - self.width()), min(place.y(), screen.bottom() - self.height()))
        self.show()
        self.field.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if step and self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
                return True
        return super().eventFilter(watched, event)

    @Slot(str)
    def _fill(self, text: str) -> None:
        """Lists what fits ``text`` and makes the first row the current one."""
        raise NotImplementedError

    @Slot()
    def _run(self) -> None:
        """Does what the current row stands for, if there is one."""
        raise NotImplementedError
