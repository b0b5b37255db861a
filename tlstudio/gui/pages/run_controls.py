"""The buttons of a run: which of them there are depends on its state."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from tlstudio.gui.pages import run_words
from tlstudio.gui.widgets.kit import Pill, button, primary_button, set_kind

_PAUSE = "Finishes the step and waits with the model in memory: it can be asked meanwhile. (Ctrl+Shift+H)"
_PARK = "Finishes the step, writes everything down and ends the worker: its memory, or the GPU, is free."
_STOP = "Ends the training; the best model so far is kept and can be exported."
_REVIEWING = "The same as “Go on”: the run learns from what is not struck out."
_BUSY = ("pausing", "parking", "stopping", "starting")

SHOWN: dict[str, tuple[str, ...]] = {
    "queued": ("dequeue",),
    "lined-up": ("start",),
    "starting": ("stop",),
    "waiting": ("park", "stop"),
    "running": ("pause", "park", "stop"),
    "pausing": ("pause", "park", "stop"),
    "holding": ("park", "stop", "resume"),
    "parking": ("park", "stop"),
    "parked": ("resume",),
    "stopping": ("stop",),
    "stopped": ("resume", "results"),
    "failed": ("resume",),
    "finished": ("results",),
}
"""The buttons for each state; "lined-up" is a queued run that is not in the queue."""


class RunControls(QWidget):
    """``chosen`` carries pause, park, stop, resume, start, dequeue or results."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pill = Pill("", "neutral")
        self.buttons: dict[str, QPushButton] = {
            "pause": button("Pause", "pause", tip=_PAUSE),
            "park": button("Park", "park", tip=_PARK),
            "stop": button("Stop and keep best", "stop", tip=_STOP),
            "dequeue": button("Take from the queue"),
            "start": primary_button("Train", "train"),
            "resume": primary_button("Resume", "train"),
            "results": primary_button("See results", "results"),
        }
        self.buttons["pause"].setShortcut("Ctrl+Shift+H")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.pill)
        for name, made in self.buttons.items():
            made.setProperty("command", name)
            made.clicked.connect(self._on_clicked)
            row.addWidget(made)

    def set_compact(self, compact: bool) -> None:
        """Shorter words, where the window is narrow."""
        self.buttons["stop"].setText("Stop" if compact else "Stop and keep best")

    def show_state(
        self,
        state: str,
        *,
        reachable: bool = True,
        in_queue: bool = True,
        results: bool = False,
        reviewing: bool = False,
    ) -> None:
        """``reachable``: this window can tell the run something. ``results``: there is something to see.
        ``reviewing``: the page has a button of its own for going on.
        """
        self.pill.set(run_words.WORDS.get(state, state), run_words.TONES.get(state, "neutral"))
        self.pill.setMinimumWidth(self.pill.sizeHint().width())
        names = SHOWN.get("lined-up" if state == "queued" and not in_queue else state, ())
        ended = state in ("parked", "stopped", "failed", "finished", "queued")
        for name, made in self.buttons.items():
            made.setVisible(name in names and (name != "results" or results))
            made.setEnabled(ended or (reachable and state not in _BUSY))
        self.buttons["stop"].setEnabled(reachable and state not in ("stopping", "starting"))
        plain = reviewing or (state == "stopped" and results)
        set_kind(self.buttons["resume"], "" if plain else "primary", "train")
        self.buttons["resume"].setToolTip(_REVIEWING if reviewing else "")

    @Slot()
    def _on_clicked(self) -> None:
        source = self.sender()
        if isinstance(source, QPushButton):
            self.chosen.emit(str(source.property("command")))
