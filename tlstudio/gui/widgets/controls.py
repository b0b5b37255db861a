"""Small controls: buttons, labels, pills. Each has a name for screen readers."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractSpinBox, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from tlstudio.gui import icons, theme


def button(text: str, icon: str = "", *, kind: str = "", tip: str = "") -> QPushButton:
    """An ordinary button. ``kind`` is a style: primary, link, pill or empty."""
    made = QPushButton(text)
    made.setProperty("kind", kind)
    made.setAccessibleName(text.replace("&", "").rstrip("…"))
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    if icon:
        made.setIcon(icons.icon(icon, "on_accent" if kind == "primary" else "text"))
        made.setIconSize(QSize(16, 16))
    if tip:
        made.setToolTip(tip)
    return made


def primary_button(text: str, icon: str = "") -> QPushButton:
    """The one thing to do next on a page."""
    return button(text, icon, kind="primary")


def set_kind(made: QPushButton, kind: str, icon: str) -> None:
    """Makes a button the primary one, or an ordinary one (an empty ``kind``)."""
    if made.property("kind") != kind:
        made.setProperty("kind", kind)
        made.setIcon(icons.icon(icon, "on_accent" if kind == "primary" else "text"))
        made.style().unpolish(made)
        made.style().polish(made)


def link_button(text: str) -> QPushButton:
    return button(text, kind="link")


def pill_button(text: str, *, checkable: bool = False) -> QPushButton:
    """A small rounded button: a filter, a switch of a view."""
    made = button(text, kind="pill")
    made.setCheckable(checkable)
    return made


def icon_button(icon: str, name: str, *, size: int = 16) -> QToolButton:
    """A button that shows an icon only; ``name`` is its tooltip and its name for screen readers."""
    made = QToolButton()
    made.setIcon(icons.icon(icon, "muted"))
    made.setIconSize(QSize(size, size))
    made.setToolTip(name)
    made.setAccessibleName(name)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return made


def padded(box: QAbstractSpinBox) -> QAbstractSpinBox:
    """Gives a spin box the inner margin that style sheets cannot give it, and returns it."""
    field = box.lineEdit()
    if field is not None:
        field.setTextMargins(7, 0, 0, 0)
    return box


def muted_label(text: str = "", *, wrap: bool = True) -> QLabel:
    return _label(text, "muted", wrap)


def small_label(text: str = "", *, wrap: bool = True) -> QLabel:
    return _label(text, "small", wrap)


def _label(text: str, name: str, wrap: bool) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(wrap)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


class ElidedLabel(QLabel):
    """One line that is cut where it does not fit, in the middle or at ``cut``; the tooltip then holds the whole."""

    cut = Qt.TextElideMode.ElideMiddle

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._tip = ""
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setAccessibleName(text)
        self._explain()

    def setToolTip(self, tip: str) -> None:
        """A tooltip of the caller's own stands, whether the text is cut or not."""
        self._tip = tip
        super().setToolTip(tip)

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), self.fontMetrics().averageCharWidth() * 6), hint.height())

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2, hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._explain()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        shown = self.fontMetrics().elidedText(self.text(), self.cut, self.contentsRect().width())
        painter.drawText(self.contentsRect(), self.alignment(), shown)

    def _explain(self) -> None:
        if not self._tip:
            cut = self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()
            super().setToolTip(self.text() if cut else "")


class Pill(QLabel):
    """A state in a word: neutral, accent, ok, warning or error. The word says it; the colour only helps."""

    def __init__(self, text: str = "", tone: str = "neutral", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone = tone
        self._prefix = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.set(text, tone)

    def set(self, text: str, tone: str | None = None, prefix: str = "") -> None:
        """``prefix`` is a word in front of the text in a quieter colour ("Device")."""
        self._prefix = prefix
        if tone is not None:
            self._tone = tone
        self.setText(text)
        self.setAccessibleName(f"{prefix} {text}".strip())
        self.updateGeometry()
        self.update()

    @property
    def tone(self) -> str:
        return self._tone

    def sizeHint(self) -> QSize:
        metrics = self._metrics()
        prefix = metrics.horizontalAdvance(self._prefix + " ") if self._prefix else 0
        return QSize(prefix + metrics.horizontalAdvance(self.text()) + 22, metrics.height() + 8)

    def minimumSizeHint(self) -> QSize:
        return QSize(min(48, self.sizeHint().width()), self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self.update()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        foreground, background = tokens.tone(self._tone)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(background)
        area = QRectF(self.rect())
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        font = theme.scaled_font(12)
        font.setWeight(font.Weight.Medium)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        text_area = self.rect().adjusted(11, 0, -11, 0)
        if self._prefix:
            painter.setPen(tokens.color("muted"))
            painter.drawText(text_area, Qt.AlignmentFlag.AlignVCenter, self._prefix)
            text_area.setLeft(text_area.left() + metrics.horizontalAdvance(self._prefix + " "))
        painter.setPen(foreground)
        shown = metrics.elidedText(self.text(), Qt.TextElideMode.ElideMiddle, text_area.width() + 1)
        painter.drawText(text_area, Qt.AlignmentFlag.AlignVCenter, shown)

    def _metrics(self) -> QFontMetrics:
        font = theme.scaled_font(12)
        font.setWeight(font.Weight.Medium)
        return QFontMetrics(font)


class PillButton(Pill):
    """A pill that leads somewhere: by a click, Enter or Space."""

    clicked = Signal()

    def __init__(self, text: str = "", tone: str = "neutral", parent: QWidget | None = None) -> None:
        super().__init__(text, tone, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.tokens().color("accent"), 1.5))
            area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
