"""What a comparison comes to, and what it is to come to: the goal."""

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from tlstudio.comparing import sentences
from tlstudio.comparing.sentences import Pick
from tlstudio.gui.widgets.kit import Card, muted_label


class VerdictCard(Card):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What to take", parent)
        self.by = QComboBox()
        self.by.setAccessibleName("Goal")
        self.by.setToolTip(
            "Among the methods that are not significantly worse than the best: the one that is quickest to train, "
            "trains the fewest parameters, leaves the smallest model, or predicts fastest. Or the best, at any price."
        )
        for key, title in sentences.GOALS.items():
            self.by.addItem(title, key)
        label = QLabel("Goal")
        label.setObjectName("muted")
        label.setBuddy(self.by)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(label)
        row.addWidget(self.by)
        self.header.addLayout(row)
        self.sentence, self.why = QLabel(), muted_label()
        self.sentence.setWordWrap(True)
        for words in (self.sentence, self.why):
            self.body.addWidget(words)

    @property
    def cost(self) -> str:
        """One of ``sentences.COSTS``."""
        return str(self.by.currentData())

    def say(self, pick: Pick) -> None:
        self.sentence.setText(pick.sentences[0])
        self.why.setText(" ".join(pick.sentences[1:]))
        self.why.setVisible(len(pick.sentences) > 1)
