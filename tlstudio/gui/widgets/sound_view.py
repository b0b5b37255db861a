"""A sound: its waveform above its spectrogram, a button to play it, and a cursor that moves along."""

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import icons, theme
from tlstudio.gui.models.player import Player
from tlstudio.gui.models.sounds import WHOLE_PREVIEW, Sound
from tlstudio.gui.widgets.controls import button, small_label

_AXIS = 22
_GAP = 10


class SoundPlot(QWidget):
    """A click, Home or End puts the cursor there; ``moved`` carries seconds."""

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sound: Sound | None = None
        self.cursor_at = 0.0
        self._text = ""
        self.setMinimumSize(220, 200)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Waveform and spectrogram")

    def show_sound(self, sound: Sound | None, text: str = "") -> None:
        self.sound, self._text, self.cursor_at = sound, text, 0.0
        self.update()

    def set_cursor_at(self, seconds: float) -> None:
        self.cursor_at = seconds
        self.update()

    def _areas(self) -> tuple[QRectF, QRectF]:
        whole = QRectF(self.rect()).adjusted(0, 0, -1, -_AXIS)
        if self.sound is None or self.sound.spectrogram.isNull():
            return whole, QRectF()
        wave = QRectF(whole.left(), whole.top(), whole.width(), whole.height() * 0.36)
        return wave, QRectF(whole.left(), wave.bottom() + _GAP, whole.width(), whole.bottom() - wave.bottom() - _GAP)

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self.sound is None:
            painter.setPen(tokens.color("muted"))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(24, 0, -24, 0), flags, self._text)
            return
        wave, picture = self._areas()
        self._paint_wave(painter, wave)
        if not picture.isEmpty():
            clip = QPainterPath()
            clip.addRoundedRect(picture, 6, 6)
            painter.save()
            painter.setClipPath(clip)
            painter.drawImage(picture, self.sound.spectrogram)
            painter.restore()
        self._paint_axis(painter)
        x = self.cursor_at / max(self.sound.seconds, 1e-9) * (self.width() - 1)
        bottom = (wave if picture.isEmpty() else picture).bottom()
        painter.setPen(QPen(tokens.color("panel"), 4))
        painter.drawLine(int(x), 0, int(x), int(bottom))
        painter.setPen(QPen(tokens.color("error"), 2))
        painter.drawLine(int(x), 0, int(x), int(bottom))

    def _paint_wave(self, painter: QPainter, area: QRectF) -> None:
        tokens = theme.tokens()
        sound = self.sound
        if sound is None:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.color("neutral_soft"))
        painter.drawRoundedRect(area, 6, 6)
        loudest = max(float(abs(sound.outline).max()), 1e-4)
        middle, half = area.center().y(), area.height() / 2 - 6
        step = area.width() / max(1, len(sound.outline) - 1)
        upper = [(area.left() + i * step, middle - float(v[1]) / loudest * half) for i, v in enumerate(sound.outline)]
        lower = [(area.left() + i * step, middle - float(v[0]) / loudest * half) for i, v in enumerate(sound.outline)]
        shape = QPolygonF()
        for x, y in (*upper, *lower[::-1]):
            shape.append(QPointF(x, y))
        colour = QColor(tokens.series[0])
        painter.setBrush(colour)
        painter.setPen(QPen(colour, 1))
        painter.drawPolygon(shape)

    def _paint_axis(self, painter: QPainter) -> None:
        sound = self.sound
        if sound is None:
            return
        painter.setFont(theme.scaled_font(12))
        painter.setPen(theme.tokens().color("muted"))
        line = QRectF(0, self.height() - _AXIS + 4, self.width(), _AXIS - 4)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "0 s")
        half = f"{sound.seconds / 2:.2f}"
        painter.drawText(line, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, half)
        words = f"{sound.seconds:.2f} s"
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.sound is not None:
            share = min(1.0, max(0.0, event.position().x() / max(1, self.width() - 1)))
            self.moved.emit(share * self.sound.seconds)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)


class SoundView(QWidget):
    """Space plays and pauses."""

    def __init__(self, parent: QWidget | None = None, player: Player | None = None) -> None:
        super().__init__(parent)
        self.player = player or Player(self)
        self.plot = SoundPlot()
        self.plot.moved.connect(self._on_moved)
        self.play_button = button("Play", "play", tip="Space")
        self.play_button.clicked.connect(self.toggle)
        self.play_button.setEnabled(False)
        self.time = QLabel()
        self.time.setObjectName("muted")
        self.note = small_label("")
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.play_button)
        row.addWidget(self.time)
        row.addWidget(self.note, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.plot, 1)
        column.addLayout(row)
        self._asked = self._looked = False
        self._timer = QTimer(self)
        self._timer.setInterval(33)
        self._timer.timeout.connect(self._on_tick)
        self.player.looked.connect(self._on_looked)
        self.player.started.connect(self._on_started)
        self.player.ended.connect(self._on_ended)
        self.player.failed.connect(self.note.setText)

    def show_sound(self, sound: Sound | None, text: str = "") -> None:
        self.player.stop()
        self._timer.stop()
        self.plot.show_sound(sound, text)
        self.note.setText(self.player.reason)
        if sound is not None and not self._asked:
            self._asked = True
            self.player.look()
        if sound is not None and sound.cut:
            self.note.setText("The first ten minutes are shown.")
        elif sound is not None and sound.spectrogram.isNull() and sound.seconds > WHOLE_PREVIEW:
            self.note.setText("Longer than a minute: the waveform alone is shown.")
        self._settle()

    @Slot()
    def toggle(self) -> None:
        sound = self.plot.sound
        if self.player.playing:
            self.player.stop()
        elif sound is not None and self.play_button.isEnabled():
            start = self.plot.cursor_at if self.plot.cursor_at < sound.seconds - 0.02 else 0.0
            self.player.play(sound.wave, sound.rate, start)
            self._timer.start()
        self._settle()

    @Slot()
    def stop(self) -> None:
        self.player.stop()
        self._timer.stop()
        self._settle()

    def _settle(self) -> None:
        """The button says what it does, or why it does nothing."""
        playing = self.player.playing
        words = "Pause" if playing else "Play"
        if self.play_button.text() != words:
            self.play_button.setText(words)
            self.play_button.setAccessibleName(words)
            self.play_button.setIcon(icons.icon("pause" if playing else "play", "text"))
        possible = self.plot.sound is not None and not self.player.reason and self._looked
        self.play_button.setEnabled(possible)
        self.play_button.setToolTip(self.player.reason or "Space")
        seconds = self.plot.sound.seconds if self.plot.sound is not None else 0.0
        self.time.setText(f"{self.plot.cursor_at:.2f} / {seconds:.2f} s" if seconds else "")

    @Slot()
    def _on_looked(self) -> None:
        self._looked = True
        if self.player.reason:
            self.note.setText(self.player.reason)
        self._settle()

    @Slot()
    def _on_started(self) -> None:
        self._settle()

    @Slot()
    def _on_ended(self) -> None:
        if not self.player.playing:
            self._on_tick()
            self._timer.stop()
            self._settle()

    @Slot()
    def _on_tick(self) -> None:
        self.plot.set_cursor_at(self.player.position)
        self._settle()

    @Slot(float)
    def _on_moved(self, seconds: float) -> None:
        self.plot.set_cursor_at(seconds)
        if self.player.playing and self.plot.sound is not None:
            self.player.play(self.plot.sound.wave, self.plot.sound.rate, seconds)
        self._settle()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.toggle()
        else:
            super().keyPressEvent(event)
