"""How far a run is, in a line whose parts have fixed widths, so that nothing jumps; and what of it is safe."""

import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QWidget

from tlstudio.api.events import Finished
from tlstudio.gui import text
from tlstudio.gui.pages.run_story import RunStory
from tlstudio.gui.widgets.kit import Card, ElidedLabel, small_label


class RunProgress(Card):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAccessibleName("Progress of the run")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMinimumWidth(48)
        self.bar.setAccessibleName("Progress")
        self.epoch = _number("epoch 000 of 000", "cardtitle")
        self.phase = ElidedLabel()
        self.phase.setObjectName("muted")
        self.phase.cut = Qt.TextElideMode.ElideRight
        self.phase.setMinimumWidth(96)
        self.eta = _number("took 00 min 00 s")
        self.speed = _number("00000 samples/s")
        self.memory = _number("000.0 GiB")
        for label, tip in (
            (self.eta, "Time that is left"),
            (self.speed, "Pictures in a second"),
            (self.memory, "Memory that the worker takes, or the GPU's where there is one"),
        ):
            label.setToolTip(tip)
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(self.bar, 2)
        row.addWidget(self.epoch)
        row.addWidget(self.phase, 3)
        for label in (self.eta, self.speed, self.memory):
            row.addWidget(label)
        self.body.addLayout(row)
        self.saved = small_label(wrap=False)
        self.resumes = ElidedLabel()
        self.resumes.setObjectName("small")
        self.resumes.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        below = QHBoxLayout()
        below.setSpacing(18)
        below.addWidget(self.saved)
        below.addWidget(self.resumes, 1)
        self.body.addLayout(below)

    def show_saved(self, story: RunStory) -> None:
        """What is safe on disk, and for how long; how exactly an interrupted run goes on."""
        sentence = ""
        if story.saved_step >= 0 and story.ended is None:
            ago = text.duration(max(0.0, time.time() - story.saved_time))
            step = f"up to step {_thousands(story.saved_step)}" if story.saved_step else "before the first step"
            sentence = f"Saved {step}, {ago} ago"
        elif story.saved_step > 0 and not (isinstance(story.ended, Finished) and story.ended.status == "finished"):
            sentence = f"Saved up to step {_thousands(story.saved_step)}: Resume goes on from there"
        if sentence != self.saved.text():
            self.saved.setText(sentence)
        if story.resumes != self.resumes.text():
            self.resumes.setText(story.resumes)

    def show_story(self, story: RunStory) -> None:
        running = story.ended is None
        known = story.progress >= 0
        self.bar.setRange(0, 1000 if known or not running else 0)
        if known:
            self.bar.setValue(round(story.progress * 1000))
        self.show_saved(story)
        of = f" of {story.epochs}" if story.epochs >= story.epoch and running else ""
        self.epoch.setText(f"epoch {story.epoch}{of}" if story.epoch else "")
        self.phase.setText(story.activity or story.phase)
        if running:
            self.eta.setText(f"{text.duration(story.eta)} left" if story.eta >= 0 else "")
        else:
            self.eta.setText(f"took {text.duration(story.seconds)}")
        speed = story.images_per_second
        self.speed.setText(f"{speed:.0f} samples/s" if speed >= 10 else f"{speed:.1f} samples/s" if speed else "")
        self.memory.setText(f"{story.memory_bytes / 2**30:.1f} GiB" if story.memory_bytes else "")


def _number(widest: str, style: str = "") -> QLabel:
    """A label as wide as the widest thing that it will ever say. ``style`` is its name in the style sheet."""
    label = QLabel()
    label.setObjectName(style)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    label.ensurePolished()
    label.setFixedWidth(label.fontMetrics().horizontalAdvance(widest) + 6)
    return label


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", " ")
