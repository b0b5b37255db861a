"""While a run is paused with its model in memory: what that model can be asked, and what it answered."""

import itertools
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QWidget

from tlstudio.api.events import Answered
from tlstudio.gui.pages.try_guess import Guess, answers
from tlstudio.gui.pages.try_list import GuessList
from tlstudio.gui.plots.curves import is_share
from tlstudio.gui.widgets.kit import Card, button, muted_label

MOST = 20
_ROOM = 118


class HoldingCard(Card):
    """``asked`` carries a command, evaluate or predict, with its arguments."""

    asked = Signal(str, dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setAcceptDrops(True)
        self.setAccessibleName("The paused model")
        self._ids = itertools.count(1)
        self._open: dict[int, str] = {}
        self.sentence = muted_label()
        self.evaluate = button("Evaluate now", "results", tip="Scores the model as it is now on the validation split.")
        self.try_picture = button("Try a file…", "try", tip="Shows files to the model as it is now. Or drop them.")
        self.evaluate.clicked.connect(self.ask_evaluate)
        self.try_picture.clicked.connect(self._on_try)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.evaluate)
        row.addWidget(self.try_picture)
        self.body.addLayout(row)
        self.score = QLabel()
        self.score.setTextFormat(Qt.TextFormat.PlainText)
        self.score.setWordWrap(True)
        self.score.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.score.setVisible(False)
        self.body.addWidget(self.score)
        self.pictures = GuessList()
        self.pictures.setFixedHeight(_ROOM)
        self.pictures.setVisible(False)
        self.body.addWidget(self.pictures)
        self.setVisible(False)

    @property
    def answered(self) -> bool:
        """Whether an answer takes up room, or is about to."""
        return not (self.isHidden() or (self.score.isHidden() and self.pictures.isHidden()))

    def reset(self) -> None:
        """Another run, or the same one after it went on: what was answered is of another model."""
        self._open.clear()
        self.score.setVisible(False)
        self.pictures.guesses.clear()
        self.pictures.setVisible(False)
        self.evaluate.setEnabled(True)

    def show_step(self, step: int) -> None:
        where = f"after step {step:,}".replace(",", " ") if step else "before the first step"
        self.sentence.setText(f"Paused {where}, with the model in memory. It can be asked meanwhile.")

    @Slot()
    def ask_evaluate(self) -> None:
        self.evaluate.setEnabled(False)
        self._say("Scoring the model on the validation split…")
        self._ask("evaluate", split="val")

    def ask_pictures(self, paths: list[str]) -> None:
        """The first twenty; what the model says of each stands beside it."""
        if paths:
            self.pictures.guesses.add(paths[:MOST])
            self.pictures.setVisible(True)
            self._ask("predict", files=paths[:MOST], top=3)

    def _ask(self, command: str, **arguments: Any) -> None:
        number = next(self._ids)
        self._open[number] = command
        self.asked.emit(command, {"id": number, **arguments})

    def take(self, answer: Answered, titles: dict[str, str]) -> None:
        """Shows an answer to a question that was put here; ``titles`` of metrics, by their ids."""
        if self._open.pop(answer.result.get("id", 0), "") != answer.command:
            return
        error = str(answer.result.get("error", ""))
        if answer.command == "evaluate":
            self.evaluate.setEnabled(True)
            self._say(error or scores(answer.result, titles))
        elif error:
            waiting = self.pictures.guesses.waiting
            self.pictures.guesses.set_answers({path: Guess(path, error=error) for path in waiting})
        else:
            self.pictures.guesses.set_answers(answers(answer.result))

    def _say(self, text: str) -> None:
        self.score.setText(text)
        self.score.setVisible(True)

    @Slot()
    def _on_try(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Files to try")
        self.ask_pictures(names)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.ask_pictures([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, super().minimumSizeHint().height())


def scores(result: dict[str, Any], titles: dict[str, str]) -> str:
    """``Validation now: accuracy 83.3 % (95 %: 68.1 to 92.1), ...``"""
    metrics: dict[str, float] = result.get("metrics", {})
    parts = []
    for name in [name for name in metrics if not name.endswith(("_low", "_high"))][:4]:
        title = titles.get(name, name)
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        share = is_share(name)
        ends = [f"{end * 100:.1f}" if share else f"{end:.4g}" for end in (low, high) if end is not None]
        interval = f" (95 %: {' to '.join(ends)})" if len(ends) == 2 else ""
        value = f"{metrics[name] * 100:.1f} %" if share else f"{metrics[name]:.4g}"
        parts.append(f"{title if title.isupper() else title[:1].lower() + title[1:]} {value}{interval}")
    return f"On the validation split, as it is now: {', '.join(parts)}." if parts else "There was nothing to score."
