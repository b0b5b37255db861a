"""The menu of a right click on an item."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from tlstudio import places

if TYPE_CHECKING:
    from tlstudio.gui.pages.data_browser import DataBrowser


class ItemMenu(QObject):
    def __init__(self, browser: "DataBrowser") -> None:
        super().__init__(browser)
        self._browser = browser
        self._menu = QMenu(browser)
        self._moves = QMenu("Move to", self._menu)

    def fill(self) -> QMenu:
        """For what is selected now."""
        browser, menu = self._browser, self._menu
        item = browser.model.peek(browser.cursor_.current)
        menu.clear()
        menu.addAction("Open", self._on_open)
        relabel = menu.addAction("Relabel…\tCtrl+L", browser.open_classes)
        relabel.setEnabled(browser.kind.keyed)
        menu.addMenu(browser.footer.fill_moves(self._moves))
        excluded = item is not None and item.split == "excluded"
        menu.addAction("Bring back\tDel" if excluded else "Exclude\tDel", browser.actions_.exclude)
        menu.addSeparator()
        if item is not None and item.group:
            words = f"Show its group, {item.group[:40]}".replace("&", "&&")
            menu.addAction(words, self._on_group)
        menu.addAction("See its augmentation", self._on_augment)
        menu.addAction("Copy the path", self._on_copy)
        return menu

    @Slot()
    def _on_open(self) -> None:
        self._browser.item_activated.emit(self._browser.cursor_.current)

    @Slot()
    def _on_group(self) -> None:
        item = self._browser.model.peek(self._browser.cursor_.current)
        if item is not None:
            self._browser.filters.add(group=item.group)

    @Slot()
    def _on_augment(self) -> None:
        item = self._browser.model.peek(self._browser.cursor_.current)
        if item is not None:
            self._browser.augment_asked.emit(item.id)

    @Slot()
    def _on_copy(self) -> None:
        item = self._browser.model.peek(self._browser.cursor_.current)
        if item is not None:
            QGuiApplication.clipboard().setText(places.parse(item.place(self._browser.gallery.root)).path)
