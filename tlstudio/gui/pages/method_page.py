"""The documentation of a method, to be read in the window; links lead from page to page."""

import functools
import re
from pathlib import Path

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QIcon, QTextBlock, QTextCursor, QTextDocument, QTextFormat, QTextLength, QTextTable
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from tlstudio import paths
from tlstudio.gui import theme

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
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
        back = buttons.addButton("Back", QDialogButtonBox.ButtonRole.ActionRole)
        back.setEnabled(False)
        back.clicked.connect(self.browser.backward)
        self.browser.backwardAvailable.connect(back.setEnabled)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.browser.sourceChanged.connect(self._on_source)
        self.browser.setSource(QUrl.fromLocalFile(str(page)), QTextDocument.ResourceType.MarkdownResource)

    @Slot(QUrl)
    def _on_source(self, _page: QUrl) -> None:
        space(self.browser.document())


def space(document: QTextDocument) -> None:
    """Room between paragraphs and around tables, which Markdown leaves to whoever shows it."""
    block = document.begin()
    while block.isValid():
        cursor, form = QTextCursor(block), block.blockFormat()
        if cursor.currentTable() is None:
            level, listed = form.headingLevel(), block.textList() is not None
            ends_list = not listed and block.previous().isValid() and block.previous().textList() is not None
            close = listed or (_code(block) and _code(block.next()))
            form.setTopMargin(16 if level > 1 else 7 if ends_list else 0)
            form.setBottomMargin(6 if level else 2 if close else 9)
            cursor.setBlockFormat(form)
        block = block.next()
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            table = frame.format().toTableFormat()
            table.setWidth(QTextLength(QTextLength.Type.PercentageLength, 99))
            table.setBorderCollapse(True)
            table.setBorderBrush(theme.tokens().color("line"))
            table.setCellPadding(5)
            table.setTopMargin(4)
            table.setBottomMargin(12)
            frame.setFormat(table)


def _code(block: QTextBlock) -> bool:
    return block.blockFormat().hasProperty(QTextFormat.Property.BlockCodeLanguage)
