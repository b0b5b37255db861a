"""Which items are selected, and which one is current: ranges, not lists, so that selecting 1,000,000 costs nothing."""

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QObject, Signal


class Selection:
    def __init__(self) -> None:
        self._chosen: set[int] = set()
        self._range = range(0)
        self._anchor = 0

    def __contains__(self, index: int) -> bool:
        return index in self._range or index in self._chosen

    def __len__(self) -> int:
        return len(self._range) + sum(index not in self._range for index in self._chosen)

    def clear(self) -> None:
        self._chosen.clear()
        self._range = range(0)
        self._anchor = 0

    def select_all(self, count: int) -> None:
        self._chosen.clear()
        self._range = range(count)

    def move(self, current: int, to: int, *, extend: bool = False, toggle: bool = False) -> None:
        """The current item goes from ``current`` to ``to``: alone, with all between, or switched."""
        if extend:
            if not self._range:
                self._anchor = current
            self._range = range(min(self._anchor, to), max(self._anchor, to) + 1)
        elif toggle:
            self._settle()
            self._chosen.symmetric_difference_update({to})
            self._anchor = to
        else:
            self._chosen = {to}
            self._range = range(0)
            self._anchor = to

    def indices(self) -> Sequence[int]:
        """In order; a range where the selection is one."""
        if all(index in self._range for index in self._chosen):
            return self._range
        return sorted(self._chosen.union(self._range))

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices())

    def _settle(self) -> None:
        self._chosen.update(self._range)
        self._range = range(0)


class Cursor(QObject):
    """The current item and the selection, which gallery and table share."""

    moved = Signal()
    selected = Signal(int)  # how many are selected

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.current = 0
        self.selection = Selection()

    def to(self, index: int, *, extend: bool = False, toggle: bool = False) -> None:
        self.selection.move(self.current, index, extend=extend, toggle=toggle)
        self.current = index
        self.moved.emit()
        self.selected.emit(len(self.selection))

    def select_all(self, count: int) -> None:
        self.selection.select_all(count)
        self.moved.emit()
        self.selected.emit(count)

    def reset(self, index: int = 0) -> None:
        """Nothing is selected; ``index`` is current."""
        self.current = index
        self.selection.clear()
        self.moved.emit()
        self.selected.emit(0)
