"""How a backbone's card is painted in the list."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from tlstudio.gui import theme

if TYPE_CHECKING:
    from tlstudio.gui.pages.train_backbones import BackboneChoice

ROLE = Qt.ItemDataRole.UserRole  # of the model: the choice


class CardPainter(QStyledItemDelegate):
    """Paints a card: name, what it was trained on, its size and licence, where the weights are, what was measured."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(160, 84)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        choice: BackboneChoice = index.data(ROLE)
        tokens = theme.tokens()
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        under = bool(state & QStyle.StateFlag.State_MouseOver) and not choice.reason
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(1, 1, -3, -7)
        painter.setBrush(tokens.color("accent_soft" if chosen else "hover" if under else "panel"))
        painter.setPen(QPen(tokens.color("accent" if chosen else "line"), 2 if chosen and focused else 1))
        painter.drawRoundedRect(box, 8, 8)
        text = box.adjusted(12, 8, -12, -8)
        line = text.height() / 3
        muted = tokens.color("muted")
        strong = muted if choice.reason else tokens.color("text")
        place = "" if choice.reason else choice.place.replace("download", "↓")
        small = theme.scaled_font(12)
        beside = QFontMetrics(small).horizontalAdvance(place) + 10 if place else 0
        lines = (
            (choice.title, theme.scaled_font(14, bold=True), strong, 0),
            (choice.trained_on, small, strong, 0),
            (choice.reason or choice.facts, small, muted, 0),
        )
        if measured := "" if choice.reason else choice.measured:
            wide = QFontMetrics(theme.scaled_font(12, bold=True)).horizontalAdvance(measured) + 10
            lines = (lines[0], (choice.trained_on, small, strong, wide), lines[2])
            area = QRectF(text.right() - wide, text.top() + line, wide, line)
            _write(painter, area, measured, theme.scaled_font(12, bold=True), strong, right=True)
        if beside:
            lines = ((choice.title, theme.scaled_font(14, bold=True), strong, beside), *lines[1:])
            area = QRectF(text.right() - beside, text.top(), beside, line)
            _write(painter, area, place, small, tokens.color("ok") if choice.ready else muted, right=True)
        for number, (words, font, colour, less) in enumerate(lines):
            area = QRectF(text.left(), text.top() + number * line, text.width() - less, line)
            _write(painter, area, words, font, colour)
        painter.restore()


def _write(painter: QPainter, area: QRectF, words: str, font: QFont, colour: QColor, *, right: bool = False) -> None:
    """One line of text, cut where it is too long."""
    painter.setFont(font)
    painter.setPen(colour)
    cut = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, int(area.width()) + 1)
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | side, cut)
