"""One sample of the gallery: a picture cropped to its cell, or a card with its text or name; its label as a chip, what
was found as another, rings for selection and focus.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPen, QPixmap, QTextOption

from tlstudio.gui import icons, theme

if TYPE_CHECKING:
    from tlstudio.project import Item

RADIUS = 7


@dataclasses.dataclass(frozen=True)
class Look:
    """What the cells of one data set have in common. ``marks``: tone and words of what was found, by item id.

    ``icon``: stands for a sample that has no preview. ``labels``: whether the label says something in a chip.
    """

    icon: str = "file"
    labels: bool = True
    marks: Mapping[int, tuple[str, str]] = dataclasses.field(default_factory=dict)


def inner(cell: QSize) -> QSize:
    """The size of the picture in a cell."""
    return QSize(cell.width() - 2, cell.height() - 2)


def paint(
    painter: QPainter,
    area: QRect,
    item: "Item | None",
    pixmap: QPixmap | None,
    *,
    look: Look,
    broken: bool = False,
    selected: bool = False,
    current: bool = False,
    hovered: bool = False,
) -> None:
    """``pixmap`` has the size of the cell without its border: :func:`inner`."""
    tokens = theme.tokens()
    frame = QRectF(area).adjusted(1, 1, -1, -1)
    text = item is not None and bool(item.caption) and pixmap is None
    if pixmap is not None:
        painter.drawPixmap(frame.topLeft(), pixmap)
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.color("panel" if text else "neutral_soft"))
        painter.drawRoundedRect(frame, RADIUS, RADIUS)
    if item is not None and text:
        _paragraph(painter, frame, item.caption)
    elif item is not None and broken:
        _named(painter, frame, look.icon, item.path)
    if item is not None:
        if item.split == "excluded":
            _veil(painter, frame)
        _chips(painter, frame, item, look)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if selected or current:
        painter.setPen(QPen(tokens.color("accent"), 3))
        painter.drawRoundedRect(frame.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        if current:
            painter.setPen(QPen(tokens.color("panel"), 1))
            painter.drawRoundedRect(frame.adjusted(3, 3, -3, -3), RADIUS - 3, RADIUS - 3)
    else:
        painter.setPen(QPen(tokens.color("muted" if hovered else "line"), 1))
        painter.drawRoundedRect(frame, RADIUS, RADIUS)


def _paragraph(painter: QPainter, frame: QRectF, caption: str) -> None:
    tokens = theme.tokens()
    painter.setFont(theme.scaled_font(12))
    painter.setPen(tokens.color("text"))
    body = frame.adjusted(9, 8, -9, -32)
    lines = max(1, int(body.height() // painter.fontMetrics().lineSpacing()))
    body.setHeight(lines * painter.fontMetrics().lineSpacing())  # no line is cut through its middle
    option = QTextOption(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    painter.save()
    painter.setClipRect(body)
    painter.drawText(body, caption, option)
    painter.restore()


def _named(painter: QPainter, frame: QRectF, icon: str, path: str) -> None:
    side = 26
    place = QRectF(frame.center().x() - side / 2, frame.center().y() - side - 2, side, side)
    icons.paint(painter, icon, place, "muted")
    font = theme.scaled_font(11)
    painter.setFont(font)
    painter.setPen(theme.tokens().color("muted"))
    name = path.rpartition("/")[2]
    shown = QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideMiddle, int(frame.width()) - 20)
    line = QRectF(frame.left() + 10, place.bottom() + 4, frame.width() - 20, 18)
    painter.drawText(line, Qt.AlignmentFlag.AlignCenter, shown)


def _chips(painter: QPainter, frame: QRectF, item: "Item", look: Look) -> None:
    font = theme.scaled_font(11)
    font.setWeight(font.Weight.Medium)
    painter.setFont(font)
    if look.labels and item.label:
        _chip(painter, frame, item.label, QColor(20, 22, 26, 215), QColor("#ffffff"), top=False)
    if item.split == "excluded":
        tokens = theme.tokens()
        _chip(painter, frame, "excluded", tokens.color("panel"), tokens.color("text"), top=True)
    elif item.id in look.marks:
        tone, words = look.marks[item.id]
        foreground, background = theme.tokens().tone(tone)
        _chip(painter, frame, words, background, foreground, top=True)


def _chip(painter: QPainter, frame: QRectF, words: str, back: QColor, front: QColor, *, top: bool) -> None:
    metrics = painter.fontMetrics()
    text = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, int(frame.width()) - 28)
    width = metrics.horizontalAdvance(text) + 12
    left = frame.right() - width - 6 if top else frame.left() + 6
    chip = QRectF(left, frame.top() + 6 if top else frame.bottom() - 26, width, 20)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(back)
    painter.drawRoundedRect(chip, 10 if top else 5, 10 if top else 5)
    painter.setPen(front)
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)


def _veil(painter: QPainter, frame: QRectF) -> None:
    """What is excluded is pale and hatched: seen at a glance, without colour."""
    tokens = theme.tokens()
    pale = tokens.color("background")
    pale.setAlpha(165)
    clip = QPainterPath()
    clip.addRoundedRect(frame, RADIUS, RADIUS)
    painter.save()
    painter.setClipPath(clip)
    painter.fillRect(frame, pale)
    lines = tokens.color("muted")
    lines.setAlpha(90)
    painter.setPen(QPen(lines, 1))
    step = 12.0
    x = frame.left() - frame.height()
    while x < frame.right():
        painter.drawLine(int(x), int(frame.bottom()), int(x + frame.height()), int(frame.top()))
        x += step
    painter.restore()
