"""One picture of the gallery: cropped to its cell, its class as a chip, rings for selection and focus."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPen, QPixmap

from tlstudio.gui import icons, theme

if TYPE_CHECKING:
    from tlstudio.project import Item

_RADIUS = 7


def paint(
    painter: QPainter,
    area: QRect,
    item: "Item | None",
    pixmap: QPixmap | None,
    *,
    broken: bool = False,
    selected: bool = False,
    current: bool = False,
    hovered: bool = False,
) -> None:
    tokens = theme.tokens()
    frame = QRectF(area).adjusted(1, 1, -1, -1)
    clip = QPainterPath()
    clip.addRoundedRect(frame, _RADIUS, _RADIUS)
    painter.fillPath(clip, tokens.color("neutral_soft"))
    if pixmap is not None:
        painter.save()
        painter.setClipPath(clip)
        painter.drawPixmap(frame, pixmap, _cropped(pixmap, frame))
        painter.restore()
    elif broken:
        icons.paint(painter, "warning", _centred(frame, 28), "muted")
    if item is not None:
        _chip(painter, frame, item.label)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if selected or current:
        painter.setPen(QPen(tokens.color("accent"), 3))
        painter.drawRoundedRect(frame.adjusted(0.5, 0.5, -0.5, -0.5), _RADIUS, _RADIUS)
        if current:
            painter.setPen(QPen(tokens.color("panel"), 1))
            painter.drawRoundedRect(frame.adjusted(3, 3, -3, -3), _RADIUS - 3, _RADIUS - 3)
    else:
        painter.setPen(QPen(tokens.color("muted" if hovered else "line"), 1))
        painter.drawRoundedRect(frame, _RADIUS, _RADIUS)


def _chip(painter: QPainter, frame: QRectF, label: str) -> None:
    font = theme.scaled_font(11)
    font.setWeight(font.Weight.Medium)
    metrics = QFontMetrics(font)
    text = metrics.elidedText(label, Qt.TextElideMode.ElideMiddle, int(frame.width()) - 28)
    chip = QRectF(frame.left() + 6, frame.bottom() - 26, metrics.horizontalAdvance(text) + 12, 20)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(20, 22, 26, 215))
    painter.drawRoundedRect(chip, 5, 5)
    painter.setPen(QColor("#ffffff"))
    painter.setFont(font)
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)


def _cropped(pixmap: QPixmap, frame: QRectF) -> QRectF:
    """The middle part of the picture with the cell's proportions."""
    width, height = pixmap.width(), pixmap.height()
    wanted = frame.width() / frame.height()
    if width / height > wanted:
        part = height * wanted
        return QRectF((width - part) / 2, 0, part, height)
    part = width / wanted
    return QRectF(0, (height - part) / 2, width, part)


def _centred(frame: QRectF, side: float) -> QRectF:
    return QRectF(frame.center().x() - side / 2, frame.center().y() - side / 2, side, side)
