"""The foot of the Train page: what will happen, and the button."""

import shlex

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tlstudio.gui.pages.train_backbones import BackboneChoice
from tlstudio.gui.widgets.kit import Card, ElidedLabel, button, primary_button, small_label
from tlstudio.project import Project


class TrainFooter(Card):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.train = primary_button("Train", "train")
        self.train.setToolTip("Ctrl+Enter")
        self.enqueue = button("Add to queue", "plus")
        self.enqueue.setToolTip("Lines it up without leaving this page. Ctrl+Shift+Enter")
        self.compare = button("Compare…", "columns")
        self.compare.setAccessibleName("Compare methods")
        self.compare.setToolTip("Compare methods: trains several side by side, and fills one table")
        self.headline = ElidedLabel()
        self.headline.setObjectName("cardtitle")
        self.summary = small_label()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.headline)
        words.addWidget(self.summary)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self.compare)
        row.addWidget(self.enqueue)
        row.addWidget(self.train)
        self.body.addLayout(row)

    def foresee(self, headline: str, sentence: str, *, wrong: bool) -> None:
        """Two lines; ``wrong``: the second says why nothing can be trained."""
        self.headline.setText(headline)
        self.summary.setText(sentence)
        name = "error" if wrong else "small"
        if self.summary.objectName() != name:
            self.summary.setObjectName(name)
            self.summary.style().unpolish(self.summary)
            self.summary.style().polish(self.summary)


def command(
    project: Project | None,
    dataset: str,
    choice: BackboneChoice,
    method: str,
    settings: list[str],
    seeds: list[int],
    sweep: list[str],
) -> str:
    """What does the same in a terminal; several runs are lined up and worked off."""
    where = str(project.path) if project else "PROJECT"
    words = ["--dataset", dataset, "--backbone", choice.backbone, "--weights", choice.weights, "--method", method]
    words += settings
    if not sweep and len(seeds) <= 1:
        return shlex.join(["tlstudio", "train", where, *words, "--seed", str(seeds[0] if seeds else 0)])
    line_up = ["tlstudio", "queue", where, "add", *words, *sweep, "--seeds", ",".join(map(str, seeds))]
    return f"{shlex.join(line_up)} && {shlex.join(['tlstudio', 'queue', where, 'run'])}"
