"""Surfaces: cards, page headers, empty states, banners."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from tlstudio.gui import icons, theme
from tlstudio.gui.widgets.controls import ElidedLabel, link_button, muted_label, primary_button


class Card(QFrame):
    """A panel with a title. Put widgets into ``body``; controls beside the title into ``header``."""

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 14, 16, 16)
        outer.setSpacing(10)
        self.header = QHBoxLayout()
        self.header.setSpacing(8)
        self.title = ElidedLabel(title)
        self.title.setObjectName("cardtitle")
        self.title.setVisible(bool(title))
        self.header.addWidget(self.title)
        self.header.addStretch(1)
        outer.addLayout(self.header)
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        outer.addLayout(self.body, 1)
        if title:
            self.setAccessibleName(title)

    def set_title(self, title: str) -> None:
        self.title.setText(title)
        self.title.setVisible(bool(title))
        self.setAccessibleName(title)


class PageHeader(QWidget):
    """The page's title, a quieter word beside it, and its actions at the right; the next step comes last."""

    def __init__(self, title: str, subtitle: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        self.title = ElidedLabel(title)
        self.title.setObjectName("title")
        self.subtitle = ElidedLabel(subtitle)
        self.subtitle.setObjectName("subtitle")
        self.subtitle.cut = Qt.TextElideMode.ElideRight  # what it begins with says most
        self._row.addWidget(self.title)
        self._row.addWidget(self.subtitle, 1)
        self._row.addStretch(0)
        self.setMinimumHeight(40)

    def set_title(self, title: str, subtitle: str = "", tip: str = "") -> None:
        for label, text in ((self.title, title), (self.subtitle, subtitle)):
            label.setToolTip(tip)
            label.setText(text)

    def add_action(self, widget: QWidget) -> QWidget:
        """Adds a button (or any widget) at the right end and returns it."""
        self._row.addWidget(widget)
        return widget


class _Drawing(QWidget):
    """A line icon in a soft circle."""

    def __init__(self, icon: str) -> None:
        super().__init__()
        self._icon = icon
        self.setFixedSize(72, 72)

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.color("accent_soft"))
        painter.drawEllipse(self.rect())
        icons.paint(painter, self._icon, QRectF(22, 22, 28, 28), "accent")


class EmptyState(QWidget):
    """What belongs here and how to get it. ``triggered`` when the button is pressed."""

    triggered = Signal()

    def __init__(self, icon: str, title: str, text: str, button_text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(_Drawing(icon), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        self.title = QLabel(title)
        self.title.setObjectName("title")
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.title.setWordWrap(True)
        column.addWidget(self.title)
        self.text = muted_label(text)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.text.setFixedWidth(440)
        column.addWidget(self.text, 0, Qt.AlignmentFlag.AlignHCenter)
        self.button: QPushButton | None = None
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch(1)
        if button_text:
            self.button = primary_button(button_text)
            self.button.clicked.connect(self.triggered)
            self._buttons.addWidget(self.button)
        self._buttons.addStretch(1)
        column.addSpacing(12)
        column.addLayout(self._buttons)
        column.addStretch(3)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)

    def showEvent(self, event: QShowEvent) -> None:
        # A centred label is given the height of one line, however many it needs.
        self.text.setMinimumHeight(self.text.heightForWidth(self.text.width()))
        super().showEvent(event)

    def add_action(self, widget: QWidget) -> QWidget:
        """Adds a further button beside the first."""
        self._buttons.insertWidget(self._buttons.count() - 1, widget)
        return widget


class Banner(QWidget):
    """A sentence that stands where something arose: neutral, accent, ok, warning or error.

    ``action`` is the text of a link at its right; ``triggered`` when it is pressed.
    """

    triggered = Signal()

    def __init__(self, tone: str = "neutral", text: str = "", action: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone = tone
        row = QHBoxLayout(self)
        row.setContentsMargins(42, 9, 12, 9)
        row.setSpacing(8)
        self.label = QLabel(text)
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(self.label, 1)
        self.action = link_button(action)
        self.action.setVisible(bool(action))
        self.action.clicked.connect(self.triggered)
        row.addWidget(self.action)
        self.set(text, tone, action)

    def set(self, text: str, tone: str | None = None, action: str = "") -> None:
        """Shows a sentence; an empty one hides the banner."""
        if tone is not None:
            self._tone = tone
        self.label.setText(text)
        self.action.setText(action)
        self.action.setAccessibleName(action)
        self.action.setVisible(bool(action))
        self.setAccessibleName(text)
        self.setVisible(bool(text))
        self.update()

    def set_tone(self, tone: str) -> None:
        if tone != self._tone:
            self._tone = tone
            self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 40)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        _foreground, background = tokens.tone(self._tone)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(background.darker(108) if not tokens.is_dark else background.lighter(130), 1))
        painter.setBrush(background)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        icon = {"ok": "check", "warning": "warning", "error": "error"}.get(self._tone, "info")
        token = "muted" if self._tone == "neutral" else self._tone
        icons.paint(painter, icon, QRectF(14, self.height() / 2 - 9, 18, 18), token)


def rule() -> QFrame:
    """A 1 px line."""
    line = QFrame()
    line.setObjectName("rule")
    line.setFixedHeight(1)
    return line


def scrolled(build: Callable[[QVBoxLayout], None] | None = None) -> tuple[QScrollArea, QVBoxLayout]:
    """A frameless vertical scroll area and the layout inside it."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.viewport().setAutoFillBackground(False)
    body = QWidget()
    body.setObjectName("scrollbody")
    layout = QVBoxLayout(body)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(14)
    area.setWidget(body)
    if build:
        build(layout)
    return area, layout
