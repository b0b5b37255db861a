"""The menus of the selected items: that of a right click, and that of all classes."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from tlstudio import places
from tlstudio.gui.pages.data_words import KEYS, labels_in
from tlstudio.gui.widgets.class_menu import ClassMenu

if TYPE_CHECKING:
    from tlstudio.gui.pages.data_browser import DataBrowser


class ItemMenu(QObject):
    def __init__(self, browser: "DataBrowser") -> None:
        super().__init__(browser)
        self._browser = browser
        self._menu = QMenu(browser)
        self._moves = QMenu("Move to", self._menu)
        self.class_menu: ClassMenu | None = None

    def fill(self) -> QMenu:
        """For what is selected now."""
        browser, menu = self._browser, self._menu
        item = browser.model.peek(browser.cursor_.current)
        menu.clear()
        menu.addAction("Open", self._on_open)
        relabel = menu.addAction("Relabel…\tCtrl+L", self.open_classes)
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

    @Slot(int, QPoint)
    def popup(self, _index: int, place: QPoint) -> None:
        self.fill().popup(place)

    @Slot()
    def open_classes(self) -> None:
        """Every class, with a search; a name that is new makes one."""
        browser = self._browser
        if not browser.kind.keyed or not len(browser.actions_.indices):
            return
        item = browser.model.peek(browser.cursor_.current)
        value = item.value if item is not None else ""
        chosen = labels_in(value) if browser.kind.task == "multilabel" else {item.label if item is not None else ""}
        names = browser.actions_.names
        self.class_menu = menu = ClassMenu(names, KEYS.upper(), chosen, browser.kind.names[0], browser.window())
        menu.picked.connect(browser.actions_.relabel)
        menu.new_picked.connect(browser.actions_.new_class)
        button = browser.footer.relabel
        if button.isVisible():
            menu.popup(button.mapToGlobal(QPoint(0, -menu.height() - 4)))
        else:
            window = browser.window()
            corner = QPoint(window.width() - menu.width() - 40, 160)
            menu.popup(window.mapToGlobal(corner))
