"""The list of methods in groups: a radio button with a sentence each; what cannot be used is grey with its reason."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QRadioButton, QVBoxLayout, QWidget

from tlstudio.api.method import MethodDescriptor
from tlstudio.comparing.families import first_sentence, grouped
from tlstudio.gui import theme
from tlstudio.gui.pages.train_method_help import MethodHelp
from tlstudio.gui.widgets.kit import icon_button, small_label
from tlstudio.project import DatasetInfo


class _Row(QFrame):
    """The whole row answers a click, not only the button. The chosen one says all, the others a sentence."""

    def __init__(self, method: MethodDescriptor, reason: str) -> None:
        super().__init__()
        self._method, self._short = method, reason or first_sentence(method.description)
        self._long = reason or method.description
        self.setObjectName("methodRow")
        self.button = QRadioButton()
        self.button.setAccessibleName(method.title)
        self.button.setAccessibleDescription(reason or method.description)
        self.button.setProperty("method", method.id)
        self.button.setEnabled(not reason)
        self.title = QLabel(method.title)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        self.title.setMinimumWidth(40)  # a long word is cut rather than that the list scrolls sideways
        self.title.setFont(theme.scaled_font(14, bold=True))
        self.title.setEnabled(not reason)
        self.help = icon_button("help", f"About {method.title}")
        self.help.setFixedSize(24, 24)
        self.help.setStyleSheet("padding: 0;")
        self.help.clicked.connect(self._on_help)
        self.text = small_label(self._short)
        self.text.setContentsMargins(24, 0, 0, 0)
        self.setToolTip(f"{method.title}\n{reason}" if reason else method.title)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.button)
        top.addWidget(self.title, 1)
        top.addWidget(self.help)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 5, 2, 7)
        layout.setSpacing(0)
        layout.addLayout(top)
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
        self.text.setText(self._long if on else self._short)

    @Slot()
    def _on_help(self) -> None:
        popup = MethodHelp(self._method, self)
        popup.fit()
        corner = self.mapToGlobal(self.rect().topRight())
        screen = self.screen().availableGeometry()
        left = min(corner.x() + 8, screen.right() - popup.width() - 8)
        top = max(screen.top() + 8, min(corner.y(), screen.bottom() - popup.height() - 8))
        popup.move(left, top)
        popup.show()

    def refresh_colours(self) -> None:
        self._on_toggled(self.button.isChecked())


class MethodList(QWidget):
    """``chosen`` carries the method's id."""

    chosen = Signal(str)
    wants_view = Signal(QWidget)  # the row that was chosen from elsewhere

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._group.buttonToggled.connect(self._on_toggled)
        self._rows: dict[str, _Row] = {}
        self._heads: list[QLabel] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addStretch(1)

    @property
    def current(self) -> str:
        button = self._group.checkedButton()
        return str(button.property("method")) if button else ""

    @property
    def usable(self) -> list[str]:
        """Ids of those that can be chosen, as they stand in the list."""
        return [method for method, row in self._rows.items() if row.button.isEnabled()]

    def set_methods(
        self,
        methods: list[MethodDescriptor],
        dataset: DatasetInfo | None,
        impossible: Callable[[MethodDescriptor], str] | None = None,
    ) -> None:
        """Shows these for ``dataset``; the choice stays where it is still possible. ``impossible``: a further reason
        why a method cannot be used, empty where it can.
        """
        kept = self.current
        for row in self._rows.values():
            self._group.removeButton(row.button)
        for widget in (*self._rows.values(), *self._heads):
            self._layout.removeWidget(widget)
            widget.deleteLater()
        self._rows, self._heads = {}, []
        groups = grouped(methods)
        for name, some in groups:
            if len(groups) > 1:
                self._add_head(name)
            for method in some:
                reason = ""
                if dataset is not None:
                    reason = method.supports(dataset.task, dataset.modality, dataset.profile) or ""
                    reason = reason or (impossible(method) if impossible else "")
                row = _Row(method, reason)
                self._rows[method.id] = row
                self._group.addButton(row.button)
                self._layout.insertWidget(self._layout.count() - 1, row)
        if not self.select(kept):
            self.select(next(iter(self.usable), ""))

    def _add_head(self, name: str) -> None:
        head = QLabel(name)
        head.setObjectName("small")
        head.setWordWrap(True)
        head.setContentsMargins(10, 10 if self._heads else 0, 0, 2)
        self._heads.append(head)
        self._layout.insertWidget(self._layout.count() - 1, head)

    def select(self, method: str) -> bool:
        row = self._rows.get(method)
        if row is None or not row.button.isEnabled():
            return False
        if not row.button.isChecked():
            row.button.setChecked(True)
            self.wants_view.emit(row)
        return True

    def reason(self, method: str) -> str:
        """Why ``method`` cannot be chosen; empty where it can."""
        row = self._rows[method]
        return "" if row.button.isEnabled() else row.text.text()

    def help_button(self, method: str) -> QWidget:
        return self._rows[method].help

    def refresh_colours(self) -> None:
        for row in self._rows.values():
            row.refresh_colours()

    @Slot(object, bool)
    def _on_toggled(self, button: QRadioButton, on: bool) -> None:
        if on:
            self.chosen.emit(str(button.property("method")))
