"""The documentation of a method, to be read in the window; links lead from page to page."""

import functools
import re
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from tlstudio import paths

_SIZE = (780, 640)


def folder() -> Path:
    """Where the pages lie: with the application, or in the source tree."""
    installed = paths.resource("methods")
    return installed if installed.is_dir() else Path(__file__).resolve().parents[3] / "docs" / "methods"


@functools.lru_cache(maxsize=256)
def page_of(method: str) -> Path | None:
    """The page that describes the method; ``None`` where there is none, as for most methods of plugins."""
    own = folder() / f"{method}.md"
    if own.is_file():
        return own
    try:
        index = (folder() / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    for line in index.splitlines():
        link = re.search(r"\(([\w-]+\.md)\)", line)
        if f"`{method}`" in line and link and (folder() / link[1]).is_file():
            return folder() / link[1]
    return None


class MethodPage(QDialog):
    """Not modal: it can stay open beside the form."""

    def __init__(self, page: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help: methods")
        self.resize(*_SIZE)
        self.browser = QTextBrowser()
        self.browser.setAccessibleName("Help")
        self.browser.setOpenExternalLinks(True)
        self.browser.setSearchPaths([str(page.parent)])
        self.browser.document().setDocumentMargin(18)
        column = QVBoxLayout(self)
        column.addWidget(self.browser, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        back = buttons.addButton("Back", QDialogButtonBox.ButtonRole.ActionRole)
        back.setEnabled(False)
        back.clicked.connect(self.browser.backward)
        self.browser.backwardAvailable.connect(back.setEnabled)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.browser.setSource(QUrl.fromLocalFile(str(page)), QTextDocument.ResourceType.MarkdownResource)
