"""What the window can be told to do, as rows: shortcuts, buttons and the command palette read one table."""

import dataclasses

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from tlstudio.gui.page_table import PAGES


@dataclasses.dataclass(frozen=True)
class ActionRow:
    """``slot`` is the name of a method of the window; ``argument`` is passed to it where it is not empty."""

    id: str
    text: str
    shortcut: str
    slot: str
    tooltip: str
    argument: str = ""


ACTIONS = (
    ActionRow("project-new", "New project…", "Ctrl+N", "new_project", "Make a folder for a new project"),
    ActionRow("project-open", "Open project…", "Ctrl+O", "open_project", "Open a project folder"),
    ActionRow("project-close", "Close project", "Ctrl+W", "close_project", "Close the project; work is stopped"),
    ActionRow("palette", "Go to or do…", "Ctrl+K", "show_palette", "Find a page or a command by typing"),
    ActionRow("help", "Help of this page", "F1", "show_help", "What this page is for"),
    ActionRow("refresh", "Read again", "F5", "refresh", "Read the project from disk again"),
    ActionRow("copy-command", "Copy the command", "Ctrl+Shift+C", "copy_command", "Copy the command line"),
    ActionRow("settings", "Settings", "Ctrl+,", "show_page", "Theme, device, folders", "settings"),
    ActionRow("quit", "Quit", "Ctrl+Q", "close", "Close the application"),
    *(
        ActionRow(f"page-{page.id}", page.title, f"Ctrl+{number}", "show_page", f"Show {page.title}", page.id)
        for number, page in enumerate((p for p in PAGES if p.place in ("top", "bottom")), start=1)
    ),
)


def install(window: QWidget) -> dict[str, QAction]:
    """Makes the actions, adds them to the window (which makes their shortcuts work), returns them by id."""
    made: dict[str, QAction] = {}
    for row in ACTIONS:
        action = QAction(row.text, window)
        action.setObjectName(row.id)
        action.setShortcut(QKeySequence(row.shortcut))
        action.setToolTip(f"{row.tooltip} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})")
        action.setStatusTip(row.tooltip)
        action.triggered.connect(_Call(window, row))
        window.addAction(action)
        made[row.id] = action
    return made


class _Call:
    def __init__(self, window: QWidget, row: ActionRow) -> None:
        self._window, self._row = window, row

    def __call__(self, *_checked: bool) -> None:
        method = getattr(self._window, self._row.slot)
        if self._row.argument:
            method(self._row.argument)
        else:
            method()
