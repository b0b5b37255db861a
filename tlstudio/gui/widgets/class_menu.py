"""A class out of many: type a part of its name, press Enter; a name that is not there yet becomes a new class."""

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QListWidgetItem, QWidget

from tlstudio.gui.widgets.list_popup import ListPopup

_LISTED = 200
_NEW = Qt.ItemDataRole.UserRole + 1


class ClassMenu(ListPopup):
    """``picked`` carries a class, ``new_picked`` the name of one to be made. Closes itself."""

    picked = Signal(str)
    new_picked = Signal(str)

    def __init__(
        self, names: Sequence[str], keys: str, chosen: Collection[str], noun: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(f"Find a {noun}, or type a new one…", f"Name of a {noun}", f"Every {noun}", parent)
        self._names, self._keys, self._chosen, self._noun = names, keys, chosen, noun
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._fill("")
        self.setFixedSize(320, min(340, 92 + 34 * max(2, len(names) + 1)))

    @Slot(str)
    def _fill(self, text: str) -> None:
        self.list.clear()
        wanted = text.strip()
        words = wanted.casefold().split()
        fitting = [name for name in self._names if all(word in name.casefold() for word in words)]
        fitting.sort(key=lambda name: bool(words) and not name.casefold().startswith(wanted.casefold()))
        places = {name: place for place, name in enumerate(self._names)}
        for name in fitting[:_LISTED]:
            place = places[name]
            key = f"    {self._keys[place]}" if place < len(self._keys) else ""
            tick = "✓ " if name in self._chosen else ""
            self._add(f"{tick}{name}{key}", name, new=False)
        if wanted and wanted not in self._names:
            self._add(f"New {self._noun} “{wanted}”", wanted, new=True)
        elif not wanted:
            self._add(f"New {self._noun}…  type its name", "", new=True)
        self.list.setCurrentRow(0)

    def _add(self, words: str, name: str, *, new: bool) -> None:
        item = QListWidgetItem(words)
        item.setToolTip(name)
        item.setData(Qt.ItemDataRole.UserRole, name)
        item.setData(_NEW, new)
        self.list.addItem(item)

    @Slot()
    def _run(self) -> None:
        item: QListWidgetItem | None = self.list.currentItem()
        if item is None:
            return
        name, new = str(item.data(Qt.ItemDataRole.UserRole)), bool(item.data(_NEW))
        if not name:
            self.field.setFocus()
            return
        (self.new_picked if new else self.picked).emit(name)
        self.close()
