"""The queue on the Runs page: its order, what stands still and why, and what was just taken out."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui.pages import run_words
from tlstudio.gui.session import Session
from tlstudio.gui.text import listed, plural
from tlstudio.gui.widgets.kit import Banner, Card, button, icon_button, small_label
from tlstudio.gui.widgets.queue_list import ROW, QueueList

_MOST_ROWS = 5


class QueueCard(Card):
    """Hidden while nothing waits. ``opened`` carries the id of a run; ``folded``: it takes up less room, or more."""

    opened = Signal(int)
    folded = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Queue", parent)
        self._session = session
        self._undo: tuple[int, int] | None = None
        self._decided = False  # whether the user has folded or unfolded it
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.note = small_label(wrap=False)
        self.up = icon_button("up", "Move up (Alt+Up)")
        self.down = icon_button("down", "Move down (Alt+Down)")
        self.remove = icon_button("trash", "Take from the queue (Delete)")
        self.toggle = button("Pause the queue", kind="pill")
        self.fold = button("Hide", kind="pill")
        self._folded = False
        self.header.insertWidget(1, self.note)
        for widget in (self.up, self.down, self.remove, self.toggle, self.fold):
            self.header.addWidget(widget)
        self.list = QueueList()
        self.body.addWidget(self.list)
        self.undo = Banner("neutral")
        self.body.addWidget(self.undo)
        self.up.clicked.connect(self._on_up)
        self.down.clicked.connect(self._on_down)
        self.remove.clicked.connect(self.list.remove_current)
        self.toggle.clicked.connect(self._on_toggle)
        self.fold.clicked.connect(self._on_fold)
        self.list.moved.connect(session.active.move)
        self.list.removed.connect(self._on_removed)
        self.list.opened.connect(self.opened)
        self.list.itemSelectionChanged.connect(self._on_selected)
        self.undo.triggered.connect(self._on_undo)
        session.queue_changed.connect(self._refresh)
        session.runs_changed.connect(self._refresh)
        session.project_changed.connect(self._on_project_changed)
        self._refresh()

    @property
    def unfolded(self) -> bool:
        return not (self.isHidden() or self._folded)

    def suit(self, low: bool) -> None:
        """Folds where the page is low, unless the user wants it otherwise."""
        if not self._decided and low != self._folded:
            self._folded = low
            self._refresh()

    @Slot()
    def _on_fold(self) -> None:
        self._decided, self._folded = True, not self._folded
        self._refresh()

    @Slot()
    def _refresh(self, _value: object = None) -> None:
        active = self._session.active
        waiting = active.waiting
        if self._undo is not None and self._undo[0] in waiting:
            self._undo = None
            self.undo.set("")
        self.setVisible(bool(waiting) or self._undo is not None)
        self.note.setText(self._note(len(waiting)))
        self.toggle.setText("Start the queue" if active.paused else "Pause the queue")
        self.toggle.setVisible(bool(waiting) and not active.elsewhere)
        self.list.show_rows([self._row(run_id) for run_id in waiting])
        folded = self._folded
        self.fold.setText("Show" if folded else "Hide")
        self.list.setVisible(bool(waiting) and not folded)
        self.list.setFixedHeight(ROW * min(max(len(waiting), 1), _MOST_ROWS) + 4)
        for widget in (self.up, self.down, self.remove):
            widget.setVisible(bool(waiting) and not folded)
        self._on_selected()
        self.folded.emit()

    def _note(self, waiting: int) -> str:
        active = self._session.active
        if active.held_back:
            return active.held_back
        if not waiting:
            return ""
        if active.running:
            names = listed([str(run_id) for run_id in active.running_ids])
            rest = "paused: what waits does not begin" if active.paused else f"{waiting} wait in this order"
            return f"run {names} trains · {rest if waiting != 1 or active.paused else '1 waits'}"
        if active.elsewhere:
            return f"{plural(waiting, 'run')} · another process works it off"
        return f"{plural(waiting, 'run')} · paused" if active.paused else plural(waiting, "run")

    def _row(self, run_id: int) -> tuple[int, str, str]:
        run = self._session.run(run_id)
        if run is None:
            return run_id, f"run {run_id}", ""
        again = " · goes on where it was interrupted" if run.started else ""
        name = run_words.title(self._session.registry, run)
        return run_id, f"run {run_id} · {name}", f"{run.dataset} · seed {run.seed}{again}"

    @Slot()
    def _on_selected(self) -> None:
        row = self.list.currentRow() if self.list.current_id else -1
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < self.list.count() - 1)
        self.remove.setEnabled(row >= 0)

    @Slot()
    def _on_up(self) -> None:
        self.list.move_current(-1)

    @Slot()
    def _on_down(self) -> None:
        self.list.move_current(1)

    @Slot()
    def _on_toggle(self) -> None:
        self._session.active.set_paused(not self._session.active.paused)

    @Slot(int)
    def _on_removed(self, run_id: int) -> None:
        waiting = self._session.active.waiting
        self._undo = (run_id, waiting.index(run_id) + 1) if run_id in waiting else None
        self._session.active.remove(run_id)
        self.undo.set(f"Run {run_id} was taken from the queue; it stays in the list.", "neutral", "Undo")
        self._refresh()

    @Slot()
    def _on_undo(self) -> None:
        if self._undo is not None:
            (run_id, place), self._undo = self._undo, None
            self._session.active.put_back(run_id, place)
        self.undo.set("")
        self._refresh()

    @Slot()
    def _on_project_changed(self) -> None:
        self._undo = None
        self.undo.set("")
        self._refresh()
