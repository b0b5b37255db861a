"""The pages of the window, as rows. A page's module is imported on its first visit."""

import dataclasses
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlstudio.gui.session import Session
    from tlstudio.gui.widgets.page import Page


@dataclasses.dataclass(frozen=True)
class PageRow:
    """``place`` in the rail: top, bottom, or the id of the page under which it opens."""

    id: str
    title: str
    icon: str
    factory: str
    place: str = "top"
    needs_project: bool = True

    def make(self, session: "Session") -> "Page":
        module, _, name = self.factory.partition(":")
        page: Page = getattr(importlib.import_module(module), name)(session)
        return page


PAGES = (
    PageRow("start", "Start", "start", "tlstudio.gui.pages.start:StartPage", needs_project=False),
    PageRow("data", "Data", "data", "tlstudio.gui.pages.data:DataPage"),
    PageRow("train", "Train", "train", "tlstudio.gui.pages.train:TrainPage"),
    PageRow("runs", "Runs", "runs", "tlstudio.gui.pages.runs:RunsPage"),
    PageRow("run", "Run", "run", "tlstudio.gui.pages.run:RunPage", place="runs"),
    PageRow("compare", "Compare", "columns", "tlstudio.gui.pages.compare:ComparePage", place="runs"),
    PageRow("results", "Results", "results", "tlstudio.gui.pages.results:ResultsPage"),
    PageRow("try", "Try it", "try", "tlstudio.gui.pages.try_it:TryPage"),
    PageRow("export", "Export", "export", "tlstudio.gui.pages.export:ExportPage"),
    PageRow("plugins", "Plugins", "plugins", "tlstudio.gui.pages.plugins:PluginsPage", "bottom", False),
    PageRow("settings", "Settings", "settings", "tlstudio.gui.pages.settings:SettingsPage", "bottom", False),
)


def row(page_id: str) -> PageRow:
    """Raises ``KeyError`` for an id that no page has."""
    for candidate in PAGES:
        if candidate.id == page_id:
            return candidate
    raise KeyError(page_id)
