"""What happens: the sentences of a run with their times."""

import time
from pathlib import Path

from PySide6.QtCore import QEvent, Slot
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QWidget

from tlstudio.gui import theme
from tlstudio.gui.pages.run_story import Entry

_MOST = 2000
_WORDS = {"warning": "warning: ", "error": "error: "}
_TONES = {"info": "muted", "ok": "text", "warning": "warning", "error": "error"}


class RunLog(QTextEdit):
    """Shows a growing list of entries; stays at the end unless the user scrolled up."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName("What happens")
        self.setObjectName("runLog")
        self.setFrameShape(QTextEdit.Shape.NoFrame)
        self.setStyleSheet("#runLog { border: none; padding: 0; background: transparent; }")
        self.document().setMaximumBlockCount(_MOST)
        self.document().setDocumentMargin(0)
        self._entries: list[Entry] = []
        self._shown = 0
        self._at_end = True
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.verticalScrollBar().rangeChanged.connect(self._on_range_changed)

    def follow(self, entries: list[Entry]) -> None:
        """Shows this list from its beginning. The list itself is kept and read again by :meth:`refresh`."""
        self._entries, self._shown, self._at_end = entries, 0, True
        self.clear()
        self.refresh()

    def refresh(self) -> None:
        """Appends what has been added since."""
        fresh = self._entries[self._shown :]
        if not fresh:
            return
        first = self._shown == 0
        self._shown = len(self._entries)
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        tokens = theme.tokens()
        for number, entry in enumerate(fresh[-_MOST:]):
            if not (first and number == 0):
                cursor.insertBlock()
            form = QTextCharFormat()
            form.setForeground(tokens.color("muted"))
            cursor.insertText(time.strftime("%H:%M:%S", time.localtime(entry.time)) + "   ", form)
            form.setForeground(tokens.color(_TONES[entry.level]))
            cursor.insertText(_WORDS.get(entry.level, "") + entry.text, form)
        cursor.endEditBlock()

    @Slot(int)
    def _on_scrolled(self, value: int) -> None:
        self._at_end = value >= self.verticalScrollBar().maximum() - 4

    @Slot(int, int)
    def _on_range_changed(self, _low: int, high: int) -> None:
        """More lines, or less room for them."""
        if self._at_end:
            self.verticalScrollBar().setValue(high)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and getattr(self, "_entries", None):
            self.follow(self._entries)


def tail(path: Path, most: int = 200_000) -> str:
    """The end of a log file."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - most))
            return file.read().decode("utf-8", errors="replace") or "The log is empty."
    except FileNotFoundError:
        return f"There is no log: {path} does not exist."
