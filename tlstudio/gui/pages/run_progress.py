"""How far a run is, in one line whose parts have fixed widths, so that nothing jumps."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.run_story import RunStory
from tlstudio.gui.widgets.kit import Card, ElidedLabel


class RunProgress(Card):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAccessibleName("Progress of the run")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.epoch = _number("epoch 000 of 000")
        self.epoch.setObjectName("cardtitle")
        self.phase = ElidedLabel()
        self.phase.setObjectName("muted")
        self.phase.setMinimumWidth(110)
        self.eta = _number("took 00 min 00 s")
        self.speed = _number("00000 images/s")
        self.memory = _number("000.0 GiB")
        for label, tip in (
            (self.eta, "Time that is left"),
            (self.speed, "Pictures in a second"),
            (self.memory, "Memory that the worker takes, or the GPU's where there is one"),
        ):
            label.setToolTip(tip)
        row = QHBoxLayout()
        row.setSpacing(18)
        row.addWidget(self.bar, 3)
        row.addWidget(self.epoch)
        row.addWidget(self.phase, 2)
        for label in (self.eta, self.speed, self.memory):
            row.addWidget(label)
        self.body.addLayout(row)

    def show_story(self, story: RunStory) -> None:
        running = story.ended is None
        known = story.progress >= 0
        self.bar.setRange(0, 1000 if known or not running else 0)
        if known:
            self.bar.setValue(round(story.progress * 1000))
        of = f" of {story.epochs}" if story.epochs >= story.epoch and running else ""
        self.epoch.setText(f"epoch {story.epoch}{of}" if story.epoch else "")
        self.phase.setText(story.activity or story.phase)
        if running:
            self.eta.setText(f"{text.duration(story.eta)} left" if story.eta >= 0 else "")
        else:
            self.eta.setText(f"took {text.duration(story.seconds)}")
        speed = story.images_per_second
        self.speed.setText(f"{speed:.0f} images/s" if speed >= 10 else f"{speed:.1f} images/s" if speed else "")
        self.memory.setText(f"{story.memory_bytes / 2**30:.1f} GiB" if story.memory_bytes else "")


def _number(widest: str) -> QLabel:
    """A label as wide as the widest thing that it will ever say."""
    label = QLabel()
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    label.ensurePolished()
    label.setFixedWidth(label.fontMetrics().horizontalAdvance(widest) + 6)
    return label
