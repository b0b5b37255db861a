"""The list of methods: a radio button with a sentence each; what cannot be used is grey with its reason."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QRadioButton, QVBoxLayout, QWidget

from tlstudio.api.method import MethodDescriptor
from tlstudio.gui import theme
from tlstudio.gui.widgets.kit import small_label
from tlstudio.project import DatasetInfo


class _Row(QFrame):
    """The whole row answers a click, not only the button."""

    def __init__(self, method: MethodDescriptor, reason: str) -> None:
        super().__init__()
        self.setObjectName("methodRow")
        self.button = QRadioButton(method.title)
        self.button.setFont(theme.scaled_font(14, bold=True))
        self.button.setAccessibleDescription(reason or method.description)
        self.button.setProperty("method", method.id)
        self.button.setEnabled(not reason)
        self.text = small_label(reason or method.description)
        self.text.setContentsMargins(24, 0, 0, 0)
        help_parts = [method.description, method.formula, f"Source: {method.source}" if method.source else ""]
        self.setToolTip("\n\n".join(part for part in help_parts if part))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 10)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(self.text)
        self.button.toggled.connect(self._on_toggled)
        self.setCursor(Qt.CursorShape.ForbiddenCursor if reason else Qt.CursorShape.PointingHandCursor)
        self._on_toggled(False)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.button.isEnabled():
            self.button.setChecked(True)
            self.button.setFocus()
        event.accept()

    @Slot(bool)
    def _on_toggled(self, on: bool) -> None:
        back = theme.tokens().accent_soft if on else "transparent"
        self.setStyleSheet(f"#methodRow {{ background: {back}; border-radius: 8px; }}")

    def refresh_colours(self) -> None:
        self._on_toggled(self.button.isChecked())


class MethodList(QWidget):
    """``chosen`` carries the method's id."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._group.buttonToggled.connect(self._on_toggled)
        self._rows: dict[str, _Row] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addStretch(1)

    @property
    def current(self) -> str:
        button = self._group.checkedButton()
        return str(button.property("method")) if button else ""

    def set_methods(self, methods: list[MethodDescriptor], dataset: DatasetInfo | None) -> None:
        """Shows these for ``dataset``; the choice stays where it is still possible."""
        kept = self.current
        for row in self._rows.values():
            self._group.removeButton(row.button)
            self._layout.removeWidget(row)
            row.deleteLater()
        self._rows = {}
        for method in methods:
            reason = ""
            if dataset is not None:
                reason = method.supports(dataset.task, dataset.modality, dataset.profile) or ""
            row = _Row(method, reason)
            self._rows[method.id] = row
            self._group.addButton(row.button)
            self._layout.insertWidget(self._layout.count() - 1, row)
        if not self.select(kept):
            self.select(next((key for key, row in self._rows.items() if row.button.isEnabled()), ""))

    def select(self, method: str) -> bool:
        row = self._rows.get(method)
        if row is None or not row.button.isEnabled():
            return False
        row.button.setChecked(True)
        return True

    def reason(self, method: str) -> str:
        """Why ``method`` cannot be chosen; empty where it can."""
        row = self._rows[method]
        return "" if row.button.isEnabled() else row.text.text()

    def refresh_colours(self) -> None:
        for row in self._rows.values():
            row.refresh_colours()

    @Slot(object, bool)
    def _on_toggled(self, button: QRadioButton, on: bool) -> None:
        if on:
            self.chosen.emit(str(button.property("method")))
