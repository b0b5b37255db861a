"""The detail view kept in step with the browser: its item, the neighbours, what a key changes."""

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QStackedWidget

from tlstudio.gui.background import Background
from tlstudio.gui.pages.data_browser import DataBrowser
from tlstudio.gui.pages.data_detail import DetailView


class OneItem(QObject):
    """``view_asked`` carries the widget that is to be shown: the detail view or the browser."""

    view_asked = Signal(object)

    def __init__(
        self, background: Background, browser: DataBrowser, stack: QStackedWidget, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._browser, self._stack = browser, stack
        self.view = view = DetailView(background)
        browser.item_activated.connect(self.show)
        browser.refreshed.connect(self._on_refreshed)
        browser.model.arrived.connect(self._on_refreshed)
        browser.actions_.advance.connect(self._on_advanced)
        view.closed.connect(self._on_closed)
        view.step_asked.connect(self._on_step)
        view.typed.connect(browser.actions_.type_key)
        view.delete_pressed.connect(browser.actions_.exclude)
        view.label.picked.connect(browser.actions_.relabel)
        view.label.menu_asked.connect(browser.menu.open_classes)
        view.label.numbers_given.connect(browser.actions_.give_numbers)

    @property
    def _is_shown(self) -> bool:
        return self._stack.currentWidget() is self.view

    @Slot(int)
    def show(self, index: int) -> None:
        item = self._browser.model.item(index)
        if item is not None:
            self.view.show_item(item, index, self._browser.model.count)
            self.view_asked.emit(self.view)
            self.view.setFocus()

    @Slot(int)
    def _on_step(self, step: int) -> None:
        self._browser.go_to(self._browser.cursor_.current + step)
        self.show(self._browser.cursor_.current)

    @Slot(int)
    def _on_advanced(self, index: int) -> None:
        """The next item after a change comes by itself."""
        if self._is_shown:
            self.show(index)

    @Slot()
    def _on_refreshed(self) -> None:
        if not self._is_shown:
            return
        index = self._browser.cursor_.current
        item = self._browser.model.item(index)
        if item is not None:
            self.view.show_item(item, index, self._browser.model.count)
        elif not self._browser.model.count:
            self.view_asked.emit(self._browser)

    @Slot()
    def _on_closed(self) -> None:
        self.view_asked.emit(self._browser)
        self._browser.current_view.setFocus()
