"""A line on the Train page: what to begin with, and why; one press fills the form."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from tlstudio.advising import Advice, advise
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Card, ElidedLabel, icon_button, link_button, small_label
from tlstudio.gui.widgets.pill_menu import PillMenu

_GOALS = {"accuracy": "best score", "small": "a small model", "shift": "other data later"}  # of advising.GOALS


class AdviceLine(Card):
    """``wanted`` carries the advice whose button was pressed. Hidden until there is any."""

    wanted = Signal(object)  # Advice

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._session = session
        self._ticket = 0
        self.advice: Advice | None = None
        self.setAccessibleName("Suggestion")
        self.line = ElidedLabel()
        self.line.cut = Qt.TextElideMode.ElideRight
        self.goal = PillMenu("Goal")
        self.goal.set_choices([*_GOALS.items()], "accuracy")
        self.goal.picked.connect(self._on_goal)
        self._show_goal()
        self.why = link_button("Why?")
        self.why.setCheckable(True)
        self.why.toggled.connect(self._on_why)
        self.use = link_button("Use it")
        self.use.setToolTip("Fills the form; nothing is trained yet")
        self.use.clicked.connect(self._on_use)
        self.dismiss = icon_button("close", "Hide the suggestion", size=14)
        self.dismiss.clicked.connect(self._on_dismissed)
        self._dismissed = ""
        self.reasons = small_label()
        self.reasons.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)  # some name a command
        self.reasons.hide()
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.line, 1)
        for widget in (self.goal, self.why, self.use, self.dismiss):
            row.addWidget(widget)
        self.body.addLayout(row)
        self.body.addWidget(self.reasons)
        layout = self.layout()
        assert layout is not None
        layout.setContentsMargins(16, 6, 10, 6)
        layout.setSpacing(0)
        self.body.setSpacing(4)
        self.hide()

    def ask(self) -> None:
        """In the background, for the data set that is selected."""
        session, dataset = self._session, self._session.dataset()
        self._ticket += 1
        if session.project is None or dataset is None or self._dismissed == dataset.name:
            self.hide()
            return
        project, registry, name, ticket = session.project, session.registry, dataset.name, self._ticket
        goal = self.goal.value
        session.background.submit(
            lambda: (ticket, advise(project, registry, name, goal=goal)), self._on_advice, lambda _sentence: self.hide()
        )

    def _on_advice(self, answer: tuple[int, Advice]) -> None:
        ticket, advice = answer
        if ticket != self._ticket:
            return
        self.advice = advice
        self.line.setText(f"To begin with: {advice.sentence}. {advice.reasons[0] if advice.reasons else ''}".rstrip())
        others = [f"Or {other.title}. {other.reason}" for other in advice.alternatives]
        self.reasons.setText("\n".join([*advice.reasons, *others]))
        self.show()

    @Slot(str)
    def _on_goal(self, _goal: str) -> None:
        self._show_goal()
        self.ask()

    def _show_goal(self) -> None:
        self.goal.set(_GOALS[self.goal.value], "Goal:")
        self.goal.setToolTip("What the suggestion aims at")

    @Slot(bool)
    def _on_why(self, on: bool) -> None:
        self.reasons.setVisible(on)

    @Slot()
    def _on_use(self) -> None:
        if self.advice is not None:
            self.wanted.emit(self.advice)

    @Slot()
    def _on_dismissed(self) -> None:
        self._dismissed = self.advice.dataset if self.advice else ""
        self.hide()
