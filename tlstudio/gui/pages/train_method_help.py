"""The help of a method: what it does, its formula, where that comes from, and its page."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from tlstudio.api.method import MethodDescriptor
from tlstudio.gui.pages.method_page import MethodPage, page_of
from tlstudio.gui.widgets.kit import link_button, muted_label, small_label

_WIDTH = 460
_INPUTS = {
    "source": "a second data set with labels",
    "teacher": "a trained network",
    "unlabelled": "samples without labels",
    "runs": "finished runs",
}


class MethodHelp(QFrame):
    """A popup beside the row; Escape or a click elsewhere closes it."""

    def __init__(self, method: MethodDescriptor, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(f"Help: {method.title}")
        self.setFixedWidth(_WIDTH)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(8)
        title = QLabel(method.title)
        title.setObjectName("cardtitle")
        title.setWordWrap(True)
        column.addWidget(title)
        parts = [QLabel(method.description)]
        parts[0].setTextFormat(Qt.TextFormat.PlainText)
        parts[0].setWordWrap(True)
        if method.formula:
            parts.append(muted_label(method.formula))
        if method.needs:
            parts.append(small_label(f"Needs {_listed(method.needs)}."))
        if method.takes:
            parts.append(small_label(f"Can use {_listed(method.takes)}."))
        if method.source:
            parts.append(small_label(f"Source: {method.source}"))
        parts.append(small_label(f"On the command line: --method {method.id}"))
        for part in parts:
            part.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(part)
        self._page = page_of(method.id)
        self.more = link_button("More about it…")
        self.more.setVisible(self._page is not None)
        self.more.clicked.connect(self._on_more)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    def fit(self) -> None:
        """As high as its words need at this width; the hint of wrapped labels alone is far higher."""
        for label in self.findChildren(QLabel):
            label.ensurePolished()
        self.setFixedHeight(self._column.totalHeightForWidth(_WIDTH))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def _on_more(self) -> None:
        row = self.parentWidget()
        if self._page is not None and row is not None:
            shown = MethodPage(self._page, row.window())
            shown.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            shown.show()
        self.close()


def _listed(needs: tuple[str, ...]) -> str:
    return ", ".join(_INPUTS.get(need, need) for need in needs)
