"""The form for importing a data set, in the page; it keeps what was typed when something is wrong."""

import shlex
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from tlstudio.data import notes
from tlstudio.gui.pages.data_fields import mark
from tlstudio.gui.pages.data_looks import AUTO, LooksCard
from tlstudio.gui.pages.data_sniff import SCHEME, Look, Survey, look, survey
from tlstudio.gui.pages.data_source import SourceCard, name_from
from tlstudio.gui.pages.data_splits import SplitForm
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Banner, Card, button, muted_label, primary_button, scrolled

__all__ = ["ImportForm", "name_from"]
_TWO_COLUMNS = 900  # pixels of width from which on the split stands beside the source


class ImportForm(QWidget):
    """``accepted`` carries the arguments of the job ``import-data``.

    The buttons ``cancel`` and ``import_button`` are placed by the page, in its header.
    """

    accepted = Signal(dict)
    cancelled = Signal()
    command_changed = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._split_was_wrong = False
        self._asked_again = 0
        self._chosen_for = ("", "")  # source and format for which the way to split was chosen
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(250)
        self._timer.timeout.connect(self._sniff)
        area, column = scrolled()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
        self.error = Banner("error")
        column.addWidget(self.error)
        self.asked = SourceCard(session)
        self.asked.source_changed.connect(self._on_source)
        self.asked.changed.connect(self._update)
        self.source, self.name, self.target = self.asked.source, self.asked.name, self.asked.target
        self.known, self.name_error = self.asked.known, self.asked.name_error
        column.addWidget(self.asked)
        self.looked = LooksCard(session)
        self.looked.changed.connect(self._on_looked)
        self.looked.asked.connect(self._look_again)
        self.looks = self.looked.looks
        self.split_card = split_card = Card("How to split")
        self.splits = SplitForm()
        self.splits.changed.connect(self._update)
        split_card.body.addWidget(self.splits)
        self.shares, self.by_folder = self.splits.shares, self.splits.by_folder
        self.group_by = self.splits.pattern
        what_card = Card("What will happen")
        self.sentence = muted_label()
        what_card.body.addWidget(self.sentence)
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._columns.setSpacing(14)
        for widgets, stretch in (((self.looked,), 6), ((split_card, what_card), 5)):
            side = QVBoxLayout()
            side.setSpacing(14)
            for widget in widgets:
                side.addWidget(widget)
            side.addStretch(1)
            self._columns.addLayout(side, stretch)
        column.addLayout(self._columns)
        self.cancel = button("Cancel")
        self.cancel.clicked.connect(self.cancelled)
        self.import_button = primary_button("Import")
        self.import_button.clicked.connect(self._on_import)
        column.addStretch(1)
        self._update()

    # ---- from outside

    def begin(self, source: str = "") -> None:
        """Shows the form, fresh, or for a source that was dropped."""
        self.error.set("")
        self.asked.begin(source)

    def show_error(self, sentence: str) -> None:
        """Why the import failed: beside the field where one is meant, else above the form. What was typed stays."""
        if "already" in sentence and self.name.text().strip() in sentence:
            self.asked.show_problem(sentence)
        else:
            self.error.set(sentence, "error")

    def arguments(self) -> dict[str, Any]:
        """What the job ``import-data`` gets; what is as usual is left out."""
        project = self._session.project
        chosen: dict[str, Any] = {
            "project": str(project.path) if project else "",
            "source": self.source.text().strip(),
            "name": self.name.text().strip(),
            **self.looked.arguments(),
        }
        split = self.splits.arguments()
        if not split["time_by"]:
            del split["time_by"]
        if split["near"]:
            del split["near"]
        split = split if self.labelled else {}
        return chosen | split | ({"add": True} if self.asked.adds else {})

    def command(self) -> str:
        """The command line that imports the same."""
        chosen = self.arguments()
        if not chosen["source"]:
            return ""
        parts = ["tlstudio", "data", "import", chosen["project"], chosen["source"], "--name", chosen["name"]]
        for name in ("format", "task", "modality"):
            if chosen.get(name, AUTO) != AUTO:
                parts += [f"--{name}", chosen[name]]
        for key, value in chosen.get("options", {}).items():
            several = isinstance(value, list | tuple)
            parts += ["--set", f"{key}={','.join(map(str, value)) if several else value}"]
        parts += self.splits.flags() if self.labelled else []
        return shlex.join([*parts, *(["--add"] if self.asked.adds else [])])

    @property
    def labelled(self) -> bool:
        """Whether the chosen format gives labels; without them there is nothing to split."""
        chosen = self.looked.chosen
        return chosen is None or self._session.registry.format(chosen.format).labelled

    # ---- inside

    @Slot(str)
    def _on_source(self, source: str) -> None:
        self.error.set("")
        self._asked_again += 1
        self.looked.show_nothing("Looking at it…" if source.strip() else "")
        self._timer.start()
        self._update()

    @Slot()
    def _sniff(self) -> None:
        source = self.source.text().strip()
        if source:
            formats = list(self._session.registry.formats())
            self._session.background.submit(lambda: survey(formats, source), self._on_sniffed)

    def _on_sniffed(self, found: Survey) -> None:
        if found.source == self.source.text().strip():
            self.splits.show_names(list(found.names))
            self.looked.show_survey(found)
            self._update()

    @Slot(str, dict)
    def _look_again(self, task: str, options: dict[str, Any]) -> None:
        chosen = self.looked.chosen
        if chosen is not None:
            source = Path(self.source.text().strip()).expanduser()
            descriptor = self._session.registry.format(chosen.format)
            self._asked_again += 1
            asked = self._asked_again
            self._session.background.submit(
                lambda: (asked, look(descriptor, source, task, options)), self._on_looked_again
            )

    def _on_looked_again(self, answer: tuple[int, Look | None]) -> None:
        asked, found = answer
        if asked == self._asked_again:  # an answer to an earlier choice must not undo a later one
            self.looked.look_again(found)

    @Slot()
    def _on_looked(self) -> None:
        found = self.looked.chosen
        if found is not None and not found.problem:
            columns = self.looked.columns
            shown = found.seen.columns
            self.splits.show_columns(list(shown), columns.column_of("group"), columns.column_of("time"))
            brings = found.seen.has_splits or bool(shown and columns.column_of("split"))
            self.splits.allow_source("" if brings else "The source brings no split of its own.")
            if brings and self._chosen_for != (self.source.text(), found.format):
                self.splits.choose_way("source")
            self._chosen_for = (self.source.text(), found.format)
        self._update()

    @Slot()
    def _update(self) -> None:
        if not hasattr(self, "import_button"):
            return
        reason, split_problem = "", self.splits.problem() if self.labelled else ""
        if not self.source.text().strip():
            reason = "Choose what to import."
        elif not self.name.text().strip():
            reason = "Give the data set a name."
        elif taken := self.asked.taken():
            reason = taken
        elif self.looked.problem:
            reason = self.looked.problem
        self.asked.show_problem(self.asked.taken())
        if split_problem:
            self.error.set(split_problem, "warning")
        elif self._split_was_wrong:
            self.error.set("")
        self._split_was_wrong = bool(split_problem)
        for share in self.shares:
            mark(share, "add up" in split_problem or "each of the three" in split_problem.lower())
        reason = reason or split_problem
        self.import_button.setEnabled(not reason)
        self.import_button.setToolTip(reason)
        self.split_card.setVisible(self.labelled)
        self.sentence.setText(self._what_happens(reason))
        self.command_changed.emit(self.command())

    def _what_happens(self, reason: str) -> str:
        if reason:
            return reason
        noun = self.looked.noun() if self.looked.chosen is not None else "items"
        into = "read once"
        if self.asked.adds:
            into = f"added to {self.name.text().strip()}, where what is there keeps its part"
        kept = "the project keeps a copy" if self.source.text().strip().startswith(SCHEME) else "your files stay there"
        return (
            f"All {noun} of the source are {into}, and {kept}. What cannot be used is left out and listed, with the "
            f"reason. {self.splits.sentence() if self.labelled else notes.UNLABELLED}"
        )

    @Slot()
    def _on_import(self) -> None:
        self.error.set("")
        self.accepted.emit(self.arguments())

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = self.width() >= _TWO_COLUMNS
        way = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if self._columns.direction() != way:
            self._columns.setDirection(way)
        super().resizeEvent(event)
