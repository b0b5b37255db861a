"""The command palette: type a few letters, press Enter."""

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QListWidgetItem, QWidget

from tlstudio.gui.widgets.list_popup import ListPopup


class PalettePopup(ListPopup):
    """A popup over the window that triggers one of the given actions."""

    def __init__(self, actions: list[QAction], parent: QWidget) -> None:
        super().__init__("Go to a page, or do something…", "Command", "Commands", parent)
        self._window = parent
        self._actions_list = actions
        self._fill("")
        self.setFixedSize(460, 340)

    def popup_over_window(self) -> None:
        window = self._window
        corner = window.mapToGlobal(window.rect().topLeft())
        self.popup(corner + QPoint((window.width() - self.width()) // 2, 96))

    @Slot(str)
    def _fill(self, text: str) -> None:
        self.list.clear()
        words = text.lower().split()
        for action in self._actions_list:
            name = action.text().replace("&", "")
            if action.isEnabled() and all(word in name.lower() for word in words):
                shortcut = action.shortcut().toString()
                item = QListWidgetItem(f"{name}    {shortcut}")
                item.setData(Qt.ItemDataRole.UserRole, action)
                self.list.addItem(item)
        self.list.setCurrentRow(0)

    @Slot()
    def _run(self) -> None:
        item: QListWidgetItem | None = self.list.currentItem()
        if item is None:
            return
        action: QAction = item.data(Qt.ItemDataRole.UserRole)
        self.close()
        action.trigger()
