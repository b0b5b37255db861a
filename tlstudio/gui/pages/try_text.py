"""A field for a text that a model is to answer."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QWidget

from tlstudio.gui.widgets.kit import button


class _Editor(QPlainTextEdit):
    sent = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter sends; with Shift it begins a new line."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.sent.emit()
        else:
            super().keyPressEvent(event)


class TextField(QWidget):
    """``entered`` carries the text; what was typed stays until it is replaced."""

    entered = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editor = _Editor()
        self.editor.setPlaceholderText("Type or paste a text; Enter asks the model.")
        self.editor.setAccessibleName("Text for the model")
        self.editor.setTabChangesFocus(True)
        self.editor.setFixedHeight(76)
        self.ask = button("Predict", "try")
        self.ask.setEnabled(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self.editor, 1)
        row.addWidget(self.ask, 0, Qt.AlignmentFlag.AlignTop)
        self.ask.clicked.connect(self.send)
        self.editor.sent.connect(self.send)
        self.editor.textChanged.connect(self._on_text_changed)

    @Slot()
    def send(self) -> None:
        text = self.editor.toPlainText().strip()
        if text:
            self.entered.emit(text)

    @Slot()
    def _on_text_changed(self) -> None:
        self.ask.setEnabled(bool(self.editor.toPlainText().strip()))
