"""The items of a data set as gallery and table see them: fetched page by page, off the window's thread."""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject, Signal

from tlstudio.gui.background import Background
from tlstudio.project import ItemFilter

if TYPE_CHECKING:
    from tlstudio.project import Item, Project
    from tlstudio.project.views import ItemView

PAGE = 200  # items fetched at once
KEPT = 60  # pages kept in memory
AT_ONCE = 2  # pages being fetched
WISHES = 6  # pages that may wait to be fetched
SEARCHED = 10  # pages looked through for an item that has moved


class _Loaded(NamedTuple):
    generation: int
    view: "ItemView"
    items: int
    pages: "dict[int, list[Item]]"
    anchor: int  # the index of the item that was looked for; -1: it is not in the view any more


class ItemsModel(QObject):
    """``item(i)`` answers at once, with ``None`` while the page is on its way; ``arrived`` follows then."""

    reset = Signal()  # other items: ``count`` is fresh
    refreshed = Signal()  # the same data set after a change: ``count`` is fresh, what was shown stays till then
    arrived = Signal(int, int)  # first and last index of a page
    anchored = Signal(int)  # where the item that :meth:`refresh` was asked to find stands now; -1: nowhere
    failed = Signal(str)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._project: Project | None = None
        self.dataset = ""
        self.filter = ItemFilter()
        self.count = 0
        self.loading = False
        self._view: ItemView | None = None
        self._pages: OrderedDict[int, list[Item]] = OrderedDict()
        self._patched: dict[int, Item] = {}
        self._asked: set[int] = set()
        self._wanted: list[int] = []
        self._generation = 0

    @property
    def project(self) -> "Project | None":
        return self._project

    @property
    def view(self) -> "ItemView | None":
        """What the project answered last; to be asked in a thread only."""
        return self._view

    def show(self, project: "Project | None", dataset: str, wanted: ItemFilter | None = None) -> None:
        """Another data set, or another filter: forgets what it had and counts anew."""
        self._project, self.dataset, self.filter = project, dataset, wanted or ItemFilter()
        self._generation += 1
        self._forget()
        self._view = None
        if project is None or not dataset:
            self.count, self.loading = 0, False
            self.reset.emit()
            return
        self.loading = True
        self._load(project, [0], None, self._on_counted)

    def refresh(
        self, around: Sequence[int] = (), anchor: "Item | None" = None, index: int = 0, spread: int = 1
    ) -> None:
        """Reads again after a change, keeping the place: the pages with the indices ``around`` come with the new
        count, and ``anchored`` says where ``anchor`` is now, which stood at ``index`` and moved by at most ``spread``.
        """
        project = self._project
        if project is None or self.loading:
            return
        self._generation += 1
        self._asked.clear()
        self._wanted = []
        pages = sorted({position // PAGE for position in around})[:8] or [0]
        find = None if anchor is None else (anchor.id, index, spread)
        self._load(project, pages, find, self._on_refreshed)

    def _load(
        self,
        project: "Project",
        pages: list[int],
        find: tuple[int, int, int] | None,
        done: "Callable[[_Loaded | None], None]",
    ) -> None:
        generation, dataset, wanted = self._generation, self.dataset, self.filter

        def read() -> _Loaded | None:
            if generation != self._generation:  # while it waited for its turn, something else was asked for
                return None
            view = project.view(dataset, wanted)
            count = view.count
            found = {page: view.page(page * PAGE, PAGE) for page in pages if page * PAGE < count or page == 0}
            return _Loaded(generation, view, count, found, _find(view, found, find))

        def failed(sentence: str) -> None:
            if generation == self._generation:
                self.loading = False
                self.failed.emit(sentence)

        self._background.submit(read, done, failed)

    def item(self, index: int) -> "Item | None":
        if not 0 <= index < self.count:
            return None
        page, offset = divmod(index, PAGE)
        rows = self._pages.get(page)
        if rows is None:
            self._fetch(page)
            return None
        self._pages.move_to_end(page)
        return self._shown(rows[offset]) if offset < len(rows) else None

    def peek(self, index: int) -> "Item | None":
        """As :meth:`item`, but asks for nothing."""
        rows = self._pages.get(index // PAGE)
        return self._shown(rows[index % PAGE]) if rows is not None and 0 <= index % PAGE < len(rows) else None

    def patch(self, changed: Mapping[int, Mapping[str, str]]) -> None:
        """Shows items (by id) with other fields at once, until :meth:`refresh` reads what has become of them."""
        for rows in self._pages.values():
            for row in rows:
                if row.id in changed:
                    self._patched[row.id] = dataclasses.replace(self._shown(row), **dict[str, Any](changed[row.id]))
        self.arrived.emit(0, self.count)

    def unpatch(self) -> None:
        self._patched.clear()
        self.arrived.emit(0, self.count)

    def _shown(self, row: "Item") -> "Item":
        return self._patched.get(row.id, row) if self._patched else row

    def _forget(self) -> None:
        self._pages.clear()
        self._patched.clear()
        self._asked.clear()
        self._wanted = []

    def _fetch(self, page: int) -> None:
        """The page that was asked for last comes first; after fast scrolling the older wishes are forgotten."""
        if page in self._asked or (self._wanted and self._wanted[-1] == page):
            return
        if page in self._wanted:
            self._wanted.remove(page)
        self._wanted = [*self._wanted[1 - WISHES :], page]
        self._fetch_next()

    def _fetch_next(self) -> None:
        view = self._view
        if view is None or not self._wanted or len(self._asked) >= AT_ONCE:
            return
        page = self._wanted.pop()
        self._asked.add(page)
        generation = self._generation

        def failed(sentence: str) -> None:
            if generation == self._generation:
                self._asked.discard(page)
                self.failed.emit(sentence)

        self._background.submit(lambda: (generation, page, view.page(page * PAGE, PAGE)), self._on_page, failed)

    def _on_counted(self, answer: _Loaded | None) -> None:
        if answer is not None and answer.generation == self._generation:
            self._view, self.count, self.loading = answer.view, answer.items, False
            self._pages.update(answer.pages)
            self.reset.emit()

    def _on_refreshed(self, answer: _Loaded | None) -> None:
        if answer is None or answer.generation != self._generation:
            return
        self._forget()
        self._view, self.count = answer.view, answer.items
        self._pages.update(answer.pages)
        self.anchored.emit(answer.anchor)
        self.refreshed.emit()

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


def _find(view: "ItemView", pages: "dict[int, list[Item]]", find: tuple[int, int, int] | None) -> int:
    """The index of an item that stood at another one before the change, looked for from there backwards."""
    if find is None:
        return -1
    wanted, index, spread = find
    last = (index + 1) // PAGE
    first = max(0, index - spread) // PAGE
    for page in range(last, max(first, last - SEARCHED) - 1, -1):
        if page not in pages:
            pages[page] = view.page(page * PAGE, PAGE)
        for offset, row in enumerate(pages[page]):
            if row.id == wanted:
                return page * PAGE + offset
    return -1
