"""Samples with what a model says of them: a preview, and a bar for each likely class, or the numbers."""

import dataclasses
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from tlstudio.gui import icons, theme
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.pages.try_guess import Guess
from tlstudio.places import printable

GUESS = Qt.ItemDataRole.UserRole
_PICTURE = QSize(128, 96)
_ROW = 116
_LINES = 3
Index = QModelIndex | QPersistentModelIndex


class GuessModel(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.guesses: list[Guess] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.guesses)

    def data(self, index: Index, role: int = 0) -> Any:
        guess = self.guesses[index.row()]
        if role == GUESS:
            return guess
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{guess.name}: {guess.spoken}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{guess.text or printable(guess.path)}\n{guess.spoken}"
        return None

    def add(self, paths: list[str], texts: dict[str, str] | None = None) -> None:
        """Adds samples at the top; those that are there already move up. ``texts``: how some of them begin."""
        self.beginResetModel()
        known, texts = set(paths), texts or {}
        fresh = [Guess(path, text=texts.get(path, "")) for path in paths]
        self.guesses = fresh + [guess for guess in self.guesses if guess.path not in known]
        self.endResetModel()

    @property
    def waiting(self) -> list[str]:
        """What nothing is known of yet."""
        return [guess.path for guess in self.guesses if not guess.answered]

    def set_answers(self, answers: dict[str, Guess]) -> None:
        self.guesses = [
            dataclasses.replace(answers[guess.path], text=guess.text) if guess.path in answers else guess
            for guess in self.guesses
        ]
        if self.guesses:
            self.dataChanged.emit(self.index(0), self.index(len(self.guesses) - 1))

    def forget_answers(self) -> None:
        """Another model: the pictures stay, what was said of them goes."""
        self.set_answers({guess.path: Guess(guess.path) for guess in self.guesses})

    def clear(self) -> None:
        self.beginResetModel()
        self.guesses = []
        self.endResetModel()


class _Delegate(QStyledItemDelegate):
    def __init__(self, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(300, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        guess: Guess = index.data(GUESS)
        tokens = theme.tokens()
        rect = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.color("hover"))
            painter.drawRoundedRect(rect.adjusted(0, 2, 0, -2), 8, 8)
        frame = QRectF(rect.left() + 8, rect.top() + 10, _PICTURE.width(), _PICTURE.height())
        self._paint_picture(painter, frame, guess)
        area = rect.adjusted(_PICTURE.width() + 26, 10, -14, -10)
        bold = theme.scaled_font(13, bold=True)
        painter.setFont(bold)
        painter.setPen(tokens.color("text"))
        name = QFontMetrics(bold).elidedText(
            guess.name.replace("\n", " "), Qt.TextElideMode.ElideMiddle, int(area.width())
        )
        painter.drawText(QRectF(area.left(), area.top(), area.width(), 20), Qt.AlignmentFlag.AlignVCenter, name)
        if guess.error or not guess.answered:
            painter.setFont(theme.scaled_font(13))
            painter.setPen(tokens.color("error" if guess.error else "muted"))
            rest = QRectF(area.left(), area.top() + 24, area.width(), area.height() - 24)
            painter.drawText(rest, int(Qt.TextFlag.TextWordWrap), guess.error or "looking…")
        else:
            for place, (label, value) in enumerate((guess.numbers or guess.top)[:_LINES]):
                line = QRectF(area.left(), area.top() + 24 + place * 23, area.width(), 21)
                if guess.numbers:
                    _paint_number(painter, line, label, value)
                else:
                    _paint_bar(painter, line, label, value, first=place < guess.given)
        painter.setPen(tokens.color("line"))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        painter.restore()

    def _paint_picture(self, painter: QPainter, frame: QRectF, guess: Guess) -> None:
        tokens = theme.tokens()
        clip = QPainterPath()
        clip.addRoundedRect(frame, 7, 7)
        painter.fillPath(clip, tokens.color("neutral_soft"))
        pixmap = self._thumbnails.get(guess.key)
        if guess.text:
            painter.setFont(theme.scaled_font(10))
            painter.setPen(tokens.color("muted"))
            painter.drawText(frame.adjusted(7, 5, -7, -5), int(Qt.TextFlag.TextWordWrap), guess.text)
        elif pixmap is not None:
            painter.save()
            painter.setClipPath(clip)
            size = pixmap.size().scaled(frame.size().toSize(), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
            target = QRectF(0, 0, size.width(), size.height())
            target.moveCenter(frame.center())
            painter.drawPixmap(target, pixmap, QRectF(pixmap.rect()))
            painter.restore()
        elif self._thumbnails.is_broken(guess.key):
            sign = QRectF(frame.center().x() - 12, frame.center().y() - 12, 24, 24)
            icons.paint(painter, "warning", sign, "muted")
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(tokens.color("line"), 1))
        painter.drawRoundedRect(frame, 7, 7)


def _paint_bar(painter: QPainter, line: QRectF, label: str, probability: float, *, first: bool) -> None:
    tokens = theme.tokens()
    font = theme.scaled_font(13, bold=first)
    painter.setFont(font)
    width = min(220.0, line.width() * 0.36)
    painter.setPen(tokens.color("text" if first else "muted"))
    words = QFontMetrics(font).elidedText(label, Qt.TextElideMode.ElideMiddle, int(width) - 10)
    painter.drawText(QRectF(line.left(), line.top(), width, line.height()), Qt.AlignmentFlag.AlignVCenter, words)
    number = QRectF(line.right() - 64, line.top(), 64, line.height())
    right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    painter.drawText(number, right, f"{probability * 100:.1f} %")
    track = QRectF(line.left() + width, line.center().y() - 4, line.width() - width - 76, 8)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(tokens.color("neutral_soft"))
    painter.drawRoundedRect(track, 4, 4)
    filled = QRectF(track)
    filled.setWidth(max(4.0, track.width() * min(max(probability, 0.0), 1.0)))
    painter.setBrush(tokens.color("accent" if first else "strong_line"))
    painter.drawRoundedRect(filled, 4, 4)


def _paint_number(painter: QPainter, line: QRectF, label: str, value: float) -> None:
    tokens = theme.tokens()
    width = min(220.0, line.width() * 0.36)
    painter.setFont(theme.scaled_font(13))
    painter.setPen(tokens.color("muted"))
    words = painter.fontMetrics().elidedText(label, Qt.TextElideMode.ElideMiddle, int(width) - 10)
    painter.drawText(QRectF(line.left(), line.top(), width, line.height()), Qt.AlignmentFlag.AlignVCenter, words)
    painter.setFont(theme.scaled_font(15, bold=True))
    painter.setPen(tokens.color("text"))
    rest = QRectF(line.left() + width, line.top(), line.width() - width, line.height())
    painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, f"{value:.4g}")


class GuessList(QListView):
    """``guess_chosen`` carries a :class:`Guess`."""

    guess_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.thumbnails = Thumbnails(None, self)
        self.thumbnails.ready.connect(self._on_ready)
        self.guesses = GuessModel()
        self.setModel(self.guesses)
        self.setItemDelegate(_Delegate(self.thumbnails, self))
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Samples and predictions")
        self.selectionModel().currentChanged.connect(self._on_current)
        self.verticalScrollBar().valueChanged.connect(self.want)
        self.guesses.modelReset.connect(self.want)

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.guess_chosen.emit(self.guesses.guesses[now.row()])

    @Slot()
    def want(self, _value: int = 0) -> None:
        """Asks for the previews that are on the screen."""
        first = max(0, self.indexAt(self.viewport().rect().topLeft()).row())
        shown = self.guesses.guesses[first : first + self.viewport().height() // _ROW + 3]
        self.thumbnails.want([(guess.key, guess.path) for guess in shown if not guess.text])

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self.want()

    @Slot(str)
    def _on_ready(self, _key: str) -> None:
        self.viewport().update()
