"""A pill that opens a menu of choices."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QPushButton, QWidget


class PillMenu(QPushButton):
    """Shows the current choice; ``picked`` says which value was chosen."""

    picked = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "pill")
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._name = name
        self._menu = QMenu(self)
        self._choices: list[tuple[str, str]] = []
        self._menu.aboutToShow.connect(self._fill)
        self.clicked.connect(self._open)
        self._group: QActionGroup | None = None
        self.value = ""

    def set(self, text: str, prefix: str = "") -> None:
        shown = f"{prefix} {text}".strip()
        self.setText(self._elided(shown).replace("&", "&&") + "  ▾")
        self.setToolTip(shown)
        self.setAccessibleName(f"{self._name}: {text}")

    def set_choices(self, choices: list[str] | list[tuple[str, str]], current: str) -> None:
        """``choices`` are values, or pairs of value and text."""
        self._choices = [(c, c) if isinstance(c, str) else c for c in choices]
        self.value = current

    def _elided(self, text: str) -> str:
        return self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, 240)

    @Slot()
    def _open(self) -> None:
        self._menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    @Slot()
    def _fill(self) -> None:
        self._menu.clear()
        self._group = QActionGroup(self._menu)
        for value, text in self._choices:
            action = QAction(self._elided(text).replace("&", "&&"), self._menu)
            action.setCheckable(True)
            action.setChecked(value == self.value)
            action.setData(value)
            self._group.addAction(action)
            self._menu.addAction(action)
        self._group.triggered.connect(self._on_triggered)

    @Slot(QAction)
    def _on_triggered(self, action: QAction) -> None:
        self.value = str(action.data())
        self.picked.emit(self.value)
