"""Below the items: how many there are, what can be done with those selected, what was done last and the way back."""

from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from tlstudio.gui.pages.data_editing import DataEditing
from tlstudio.gui.pages.data_words import Kind
from tlstudio.gui.widgets.kit import ElidedLabel, link_button
from tlstudio.gui.widgets.split_bar import NAMES


class DataFooter(QWidget):
    relabel_asked = Signal()
    move_asked = Signal(str)
    exclude_asked = Signal()
    undo_asked = Signal()
    redo_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = Kind()
        self.count = ElidedLabel()
        self.count.setObjectName("muted")
        self.relabel = link_button("Relabel…")
        self.relabel.setToolTip("Choose from all classes, or make a new one (Ctrl+L)")
        self.move_button = link_button("Move to…")
        self.move_button.setToolTip("Into another split")
        self.exclude = link_button("Exclude")
        self.exclude.setToolTip("No run reads them; nothing is deleted (Delete)")
        self.note = ElidedLabel()
        self.note.setObjectName("small")
        self.undo = link_button("Undo")
        self.redo = link_button("Redo")
        for made in (self.undo, self.redo):  # so that nothing jumps when there is something to take back
            policy = made.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            made.setSizePolicy(policy)
        self.relabel.clicked.connect(self.relabel_asked)
        self.exclude.clicked.connect(self.exclude_asked)
        self.move_button.clicked.connect(self._on_move)
        self.undo.clicked.connect(self.undo_asked)
        self.redo.clicked.connect(self.redo_asked)
        self._menu = QMenu(self)
        first, second = QHBoxLayout(), QHBoxLayout()
        for line, widgets in (
            (first, (self.count, self.relabel, self.move_button, self.exclude)),
            (second, (self.note, self.undo, self.redo)),
        ):
            line.setSpacing(10)
            line.addWidget(widgets[0], 1)
            for widget in widgets[1:]:
                line.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(first)
        column.addLayout(second)
        self._error = ""
        self._hint = ""

    def set_kind(self, kind: Kind, classes: int) -> None:
        self._kind = kind
        self.relabel.setEnabled(kind.keyed)
        if not kind.keyed:
            reason = (
                "Masks are drawn in another program" if kind.task == "segmentation" else "Open one to type its number"
            )
            self.relabel.setToolTip(reason)
        keys = f"1–{min(9, classes)} relabel · " if kind.keyed and classes else ""
        self._hint = f"{keys}Del excludes · Enter opens · Shift and Ctrl select several · nothing is deleted from disk"
        self.show_note("")

    def show_count(self, count: int, selected: int, loading: bool) -> None:
        shown = "Looking…" if loading else self._kind.count(count)
        self.count.setText(f"{selected:,} of {shown} selected" if selected > 1 else shown)
        self.relabel.setEnabled(bool(count) and self._kind.keyed)
        self.move_button.setEnabled(bool(count))
        self.exclude.setEnabled(bool(count))

    def show_editing(self, editing: DataEditing) -> None:
        undo, redo = editing.undoable, editing.redoable
        self.undo.setEnabled(undo is not None)
        self.redo.setEnabled(redo is not None)
        self.undo.setToolTip(f"Take back: {undo.note} (Ctrl+Z)" if undo else "Nothing was changed here yet")
        self.redo.setToolTip(f"Do again: {redo.note} (Ctrl+Shift+Z)" if redo else "Nothing was taken back")
        self.undo.setVisible(undo is not None or redo is not None)
        self.redo.setVisible(undo is not None or redo is not None)
        self.show_note(editing.note)

    def show_note(self, sentence: str, *, error: bool = False) -> None:
        self.note.setText(sentence or self._hint)
        name = "error" if error else "small"
        if self.note.objectName() != name:
            self.note.setObjectName(name)
            self.note.style().unpolish(self.note)
            self.note.style().polish(self.note)

    def show_excluded(self, all_excluded: bool) -> None:
        words = "Bring back" if all_excluded else "Exclude"
        if self.exclude.text() != words:
            self.exclude.setText(words)
            self.exclude.setAccessibleName(words)

    @Slot()
    def _on_move(self) -> None:
        self.fill_moves(self._menu).popup(self.move_button.mapToGlobal(QPoint(0, self.move_button.height())))

    def fill_moves(self, menu: QMenu) -> QMenu:
        menu.clear()
        for split, words in NAMES.items():
            action = QAction(words, menu)
            action.setData(split)
            action.triggered.connect(self._on_split)
            menu.addAction(action)
        return menu

    @Slot()
    def _on_split(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.move_asked.emit(str(action.data()))
