"""Which methods are to be trained side by side: a list with what each takes, and one button."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tlstudio.api.errors import StudioError
from tlstudio.comparing import plan
from tlstudio.estimating import duration
from tlstudio.gui.pages.train_inputs import NEEDED_WORDS
from tlstudio.gui.session import Session
from tlstudio.gui.text import numbers
from tlstudio.gui.widgets.kit import Banner, button, link_button, muted_label, primary_button, small_label
from tlstudio.project import Run

_ROLE = Qt.ItemDataRole.UserRole
_SEEDS = [0, 1, 2]
_MOST_SEEDS = 20
_CHOOSABLE = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable


class CompareDialog(QDialog):
    """``request``: arguments of ``runs.create_run`` that all methods share; ``options`` of some by their names in
    ``plan.plan``. Below a method stand its recipes.
    """

    def __init__(
        self,
        session: Session,
        request: Mapping[str, Any],
        options: Mapping[str, Mapping[str, Any]],
        seeds: list[int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._request, self._options = session, dict(request), dict(options)
        self._plans: dict[str, plan.Entry] = {}
        self._ticket, self._busy, self._queued = 0, False, False
        self.setWindowTitle("Compare methods")
        self.resize(680, 620)
        title = QLabel("Compare methods")
        title.setObjectName("title")
        about = muted_label(
            f"Each is trained on {request['dataset']} from {request['backbone']}, with the same split and the same "
            f"seeds, and scored on the same test items.{_given(request)}"
        )
        self.methods = QListWidget()
        self.methods.setAccessibleName("Methods to compare")
        self.methods.setWordWrap(True)
        self.methods.setResizeMode(QListView.ResizeMode.Adjust)
        self.methods.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.methods.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.methods.itemChanged.connect(self._on_edited)
        self.all, self.none = link_button("All"), link_button("None")
        self.all.clicked.connect(self._on_all)
        self.none.clicked.connect(self._on_none)
        self.seed_text = QLineEdit(", ".join(map(str, seeds if len(seeds) > 1 else _SEEDS)))
        self.seed_text.setAccessibleName("Seeds of the comparison")
        self.seed_text.setToolTip("Each method is trained once with each: 0, 1, 2 or 0-4.")
        self.seed_text.setFixedWidth(140)
        self.seed_text.textEdited.connect(self._on_seeds)
        self.summary = small_label("Looking at what can be trained…")
        self.problem = Banner("error")
        self.cancel, self.enqueue = button("Cancel"), button("Add to queue", "plus")
        self.train = primary_button("Train", "train")
        self.cancel.clicked.connect(self.reject)
        self.enqueue.clicked.connect(self._on_enqueue)
        self.train.clicked.connect(self._on_train)
        label = QLabel("Seeds")
        label.setBuddy(self.seed_text)
        row = QHBoxLayout()
        for widget in (label, self.seed_text):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.all)
        row.addWidget(self.none)
        foot = QHBoxLayout()
        foot.addWidget(self.summary, 1)
        for made in (self.cancel, self.enqueue, self.train):
            foot.addWidget(made)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 18)
        column.setSpacing(10)
        for widget in (title, about):
            column.addWidget(widget)
        column.addLayout(row)
        column.addWidget(self.methods, 1)
        column.addWidget(self.problem)
        column.addLayout(foot)
        self._say()
        self._ask()

    # --- what can be compared ------------------------------------------------------------------------------

    def seeds(self) -> list[int]:
        """Empty where the text means none."""
        found = numbers(self.seed_text.text(), _MOST_SEEDS)
        return found if len(found) <= _MOST_SEEDS else []

    def chosen(self) -> list[str]:
        """What has a tick, by its name in ``plan.plan``."""
        items = [self.methods.item(row) for row in range(self.methods.count())]
        return [str(item.data(_ROLE)) for item in items if item.checkState() == Qt.CheckState.Checked]

    def _ask(self) -> None:
        """Checks every method in the background: what it would take, or why it cannot be compared."""
        project, registry = self._session.project, self._session.registry
        assert project is not None
        self._ticket += 1
        ticket, request, options = self._ticket, dict(self._request), dict(self._options)
        names = [name for method in registry.methods() for name in plan.names(method)]

        def look() -> "tuple[int, plan.Plan | StudioError]":
            try:
                return ticket, plan.plan(project, registry, seeds=[0], methods=names, options=options, **request)
            except StudioError as error:
                return ticket, error

        self._session.background.submit(look, self._on_looked, self._on_failed)

    def _on_looked(self, answer: "tuple[int, plan.Plan | StudioError]") -> None:
        ticket, found = answer
        if ticket != self._ticket:
            return
        if isinstance(found, StudioError):
            self._on_failed(str(found))
            return
        self._plans = {entry.key: entry for entry in found.entries}
        ticked = {*plan.suggested(found), *self._options} - {
            name.partition(":")[0] for name in self._options if ":" in name
        }
        self.methods.blockSignals(True)
        for entry in sorted(found.entries, key=self._place):
            self._add(entry.key, _listed(entry), f"{entry.title}\n{_about(entry)}", ticked=entry.key in ticked)
        for one in found.left_out:
            if ":" not in one.method:  # why a recipe makes no sense here is said where it is chosen
                self._add(one.method, f"{one.title}  ·  {_reason(one)}", f"{one.title}\n{_reason(one)}")
        self.methods.blockSignals(False)
        self._say()

    def _place(self, entry: plan.Entry) -> tuple[float, str, bool]:
        """The cheapest method first, and its recipes below it."""
        return self._plans.get(entry.method.id, entry).seconds, entry.method.id, entry.recipe is not None

    def _add(self, name: str, text: str, tip: str, *, ticked: bool | None = None) -> None:
        """``ticked``: ``None`` for what cannot be chosen."""
        item = QListWidgetItem(text)
        item.setToolTip(tip)
        item.setFlags(Qt.ItemFlag.NoItemFlags if ticked is None else _CHOOSABLE)
        item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
        item.setData(_ROLE, name)
        self.methods.addItem(item)

    def _on_failed(self, sentence: str) -> None:
        self._busy = False
        self.problem.set(sentence, "error")
        self._say()

    # --- what stands in the dialog -------------------------------------------------------------------------

    def _say(self) -> None:
        chosen, seeds = self.chosen(), self.seeds()
        runs = len(chosen) * len(seeds)
        seconds = sum(self._plans[name].estimate.seconds for name in chosen if name in self._plans) * len(seeds)
        ready = runs > 0 and len(chosen) > 1 and not self._busy
        for made in (self.train, self.enqueue):
            made.setEnabled(ready)
        self.train.setText("Preparing…" if self._busy else f"Train {runs} runs" if runs else "Train")
        if not self.methods.count():
            text = "" if self.problem.isVisible() else "Looking at what can be trained…"
        elif not seeds:
            text = f"Write whole numbers such as 0, 1, 2 or 0-4, at most {_MOST_SEEDS} of them."
        elif len(chosen) < 2:
            text = "Choose two methods or more."
        else:
            text = f"{len(chosen)} methods × {len(seeds)} seeds = {runs} runs, roughly {duration(seconds)}"
        self.summary.setText(text)

    @Slot()
    def _on_edited(self, *_args: object) -> None:
        self._say()

    @Slot(str)
    def _on_seeds(self, _text: str) -> None:
        self.seed_text.setProperty("invalid", "false" if self.seeds() else "true")
        self.seed_text.style().unpolish(self.seed_text)
        self.seed_text.style().polish(self.seed_text)
        self._say()

    @Slot()
    def _on_all(self) -> None:
        self._tick(Qt.CheckState.Checked)

    @Slot()
    def _on_none(self) -> None:
        self._tick(Qt.CheckState.Unchecked)

    def _tick(self, state: Qt.CheckState) -> None:
        for row in range(self.methods.count()):
            item = self.methods.item(row)
            recipe = ":" in str(item.data(_ROLE))  # a variant, which nobody means by all methods
            if item.flags() & Qt.ItemFlag.ItemIsEnabled and not (recipe and state == Qt.CheckState.Checked):
                item.setCheckState(state)

    # --- doing it --------------------------------------------------------------------------------------------

    @Slot()
    def _on_train(self) -> None:
        self._make(queued=False)

    @Slot()
    def _on_enqueue(self) -> None:
        self._make(queued=True)

    def _make(self, *, queued: bool) -> None:
        project, registry, request = self._session.project, self._session.registry, dict(self._request)
        chosen, seeds, options = self.chosen(), self.seeds(), dict(self._options)
        assert project is not None
        self._busy, self._queued = True, queued
        self.problem.set("")
        self._say()

        def create() -> "list[Run] | StudioError":
            try:
                planned = plan.plan(project, registry, seeds=seeds, methods=chosen, options=options, **request)
                return plan.line_up(project, planned)
            except StudioError as error:
                return error

        self._session.watch.edit(create, self._on_made, self._on_failed)

    def _on_made(self, made: "list[Run] | StudioError") -> None:
        self._busy = False
        if isinstance(made, StudioError):
            self._on_failed(str(made))
            return
        session, run_ids = self._session, [run.id for run in made]
        if self._queued:
            session.active.enqueue(run_ids)
        else:
            session.active.start(run_ids)
        session.pending_comparison = tuple(run_ids)
        self.accept()
        session.show_page("compare")


def _given(request: Mapping[str, Any]) -> str:
    """A sentence on what else stands on the Train page; empty where there is nothing."""
    words = [
        f"{text} {', '.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, text in (
            ("source", "source data"), ("teacher", "teacher"), ("unlabelled", "unlabelled data"), ("runs", "runs"),
            ("labels_per_class", "labels per class"),
        )
        if (value := request.get(name))
    ]  # fmt: skip
    return f" What can use it is given: {'; '.join(words)}." if words else ""


def _listed(entry: plan.Entry) -> str:
    title = f"        recipe {entry.recipe.title}" if entry.recipe else entry.method.title
    return f"{title}  ·  {duration(entry.estimate.seconds)} a run"


def _about(entry: plan.Entry) -> str:
    return entry.recipe.description if entry.recipe else entry.method.description


def _reason(one: plan.LeftOut) -> str:
    """In the words of the window, where something is to be chosen in it."""
    if not one.lacking:
        return one.reason
    return f"Needs {' and '.join(NEEDED_WORDS[need] for need in one.lacking)}: choose that on the Train page."
