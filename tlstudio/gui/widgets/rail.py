"""The left rail: one button for each page, with a count where there is something to count."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.gui import icons, theme
from tlstudio.gui.page_table import PAGES, PageRow


class RailButton(QAbstractButton):
    """Icon, title, and a badge at the right end."""

    def __init__(self, row: PageRow) -> None:
        super().__init__()
        self.page_id = row.id
        self._icon = row.icon
        self._badge = ""
        self.setText(row.title)
        self.setCheckable(True)
        self.setAccessibleName(row.title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def set_badge(self, text: str, meaning: str = "") -> None:
        self._badge = text
        self.setAccessibleDescription(meaning)
        self.setToolTip(meaning)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(180, 38)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked():
            painter.setBrush(tokens.color("accent_soft"))
            painter.drawRoundedRect(area, 8, 8)
        elif self.underMouse():
            painter.setBrush(tokens.color("hover"))
            painter.drawRoundedRect(area, 8, 8)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.color("accent"), 1.5))
            painter.drawRoundedRect(area, 8, 8)
        token = "accent" if self.isChecked() else "text"
        icons.paint(painter, self._icon, QRectF(12, self.height() / 2 - 9, 18, 18), token)
        painter.setFont(theme.scaled_font(14, bold=self.isChecked()))
        painter.setPen(tokens.color(token))
        text_area = self.rect().adjusted(40, 0, -12, 0)
        painter.drawText(text_area, Qt.AlignmentFlag.AlignVCenter, self.text())
        if self._badge:
            painter.setFont(theme.scaled_font(12))
            painter.setPen(tokens.color("accent" if self.isChecked() else "muted"))
            painter.drawText(text_area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._badge)


class Rail(QFrame):
    """``chosen`` says which page was asked for."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setFixedWidth(200)
        self.setAccessibleName("Pages")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 12, 9, 12)
        column.setSpacing(2)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, RailButton] = {}
        for place in ("top", "bottom"):
            for row in PAGES:
                if row.place == place:
                    self._add(row, column)
            if place == "top":
                column.addStretch(1)

    def _add(self, row: PageRow, column: QVBoxLayout) -> None:
        made = RailButton(row)
        made.clicked.connect(self._on_clicked)
        self._group.addButton(made)
        self._buttons[row.id] = made
        column.addWidget(made)

    def button(self, page_id: str) -> RailButton:
        return self._buttons[page_id]

    def show_current(self, page_id: str) -> None:
        """Marks a page; one that opens under another marks that one."""
        place = next(row.place for row in PAGES if row.id == page_id)
        self._buttons[page_id if place in ("top", "bottom") else place].setChecked(True)

    @Slot()
    def _on_clicked(self) -> None:
        checked = self._group.checkedButton()
        if isinstance(checked, RailButton):
            self.chosen.emit(checked.page_id)
