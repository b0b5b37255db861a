"""The items of a data set as the gallery sees them: fetched page by page, off the window's thread."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tlstudio.gui.background import Background

if TYPE_CHECKING:
    from tlstudio.project import Item, Project

PAGE = 200  # items fetched at once
KEPT = 60  # pages kept in memory
AT_ONCE = 2  # pages being fetched
WISHES = 6  # pages that may wait to be fetched


class ItemsModel(QObject):
    """``item(i)`` answers at once, with ``None`` while the page is on its way; ``arrived`` follows then."""

    reset = Signal()  # ``count`` is fresh
    arrived = Signal(int, int)  # first and last index of a page

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._project: Project | None = None
        self.dataset = ""
        self.split, self.label, self.search = "", "", ""
        self.count = 0
        self.loading = False
        self._pages: OrderedDict[int, list[Item]] = OrderedDict()
        self._asked: set[int] = set()
        self._wanted: list[int] = []
        self._generation = 0

    def show(
        self, project: "Project | None", dataset: str, *, split: str = "", label: str = "", search: str = ""
    ) -> None:
        """Another data set, or other filters: forgets what it had and counts anew."""
        self._project, self.dataset = project, dataset
        self.split, self.label, self.search = split, label, search
        self._generation += 1
        self._pages.clear()
        self._asked.clear()
        self._wanted = []
        if project is None or not dataset:
            self.count, self.loading = 0, False
            self.reset.emit()
            return
        self.loading = True
        generation, filters = self._generation, {"split": split, "label": label, "search": search}

        def read() -> "tuple[int, int, list[Item]]":
            first = project.items(dataset, offset=0, limit=PAGE, **filters)
            count = len(first) if len(first) < PAGE else project.count_items(dataset, **filters)
            return generation, count, first

        self._background.submit(read, self._on_counted)

    def item(self, index: int) -> "Item | None":
        if not 0 <= index < self.count:
            return None
        page, offset = divmod(index, PAGE)
        rows = self._pages.get(page)
        if rows is None:
            self._fetch(page)
            return None
        self._pages.move_to_end(page)
        return rows[offset] if offset < len(rows) else None

    def _fetch(self, page: int) -> None:
        """The page that was asked for last comes first; after fast scrolling the older wishes are forgotten."""
        if page in self._asked or (self._wanted and self._wanted[-1] == page):
            return
        if page in self._wanted:
            self._wanted.remove(page)
        self._wanted = [*self._wanted[1 - WISHES :], page]
        self._fetch_next()

    def _fetch_next(self) -> None:
        project = self._project
        if project is None or not self._wanted or len(self._asked) >= AT_ONCE:
            return
        page = self._wanted.pop()
        self._asked.add(page)
        generation, dataset = self._generation, self.dataset
        filters = {"split": self.split, "label": self.label, "search": self.search}

        def read() -> "tuple[int, int, list[Item]]":
            return generation, page, project.items(dataset, offset=page * PAGE, limit=PAGE, **filters)

        self._background.submit(read, self._on_page)

    def _on_counted(self, answer: "tuple[int, int, list[Item]]") -> None:
        generation, count, first = answer
        if generation == self._generation:
            self.count, self.loading = count, False
            self._pages[0] = first
            self.reset.emit()

    def _on_page(self, answer: "tuple[int, int, list[Item]]") -> None:
        generation, page, rows = answer
        if generation != self._generation:
            return
        self._asked.discard(page)
        self._pages[page] = rows
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        self._fetch_next()
        self.arrived.emit(page * PAGE, page * PAGE + len(rows) - 1)
