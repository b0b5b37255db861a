"""Which pictures are selected: ranges, not lists, so that selecting 100,000 costs nothing."""


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
        """The current picture goes from ``current`` to ``to``: alone, with all between, or switched."""
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

    def _settle(self) -> None:
        self._chosen.update(self._range)
        self._range = range(0)
