"""How a running job hears of the user's wishes."""

import queue
import threading
from typing import Any

from tlstudio.api.errors import StoppedByUser


class Control:
    """Shared between the thread that listens and the generator that works; safe from any thread.

    Commands: ``stop`` (finish the step, keep the best model, end), ``park`` (finish the step, write a checkpoint, end),
    ``hold`` (finish the step, wait with the model in memory), ``continue`` (after ``hold``), ``checkpoint``; and, while
    a run holds, ``evaluate`` and ``predict`` (with ``files``).
    """

    def __init__(self) -> None:
        self._stop, self._park, self._hold = threading.Event(), threading.Event(), threading.Event()
        self._checkpoint = threading.Event()
        self.park_reason = ("Parked as asked. Resume it to go on.", "asked")  # a sentence, and its kind
        self._questions: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._news = threading.Event()

    def request(self, command: str, **arguments: Any) -> bool:
        """Notes a command; false for one that is not known."""
        match command:
            case "stop":
                self._stop.set()
            case "park":
                if "reason" in arguments:
                    self.park_reason = (str(arguments["reason"]), str(arguments.get("kind", "asked")))
                self._park.set()
            case "hold":
                self._hold.set()
            case "continue":
                self._hold.clear()
            case "checkpoint":
                self._checkpoint.set()
            case "evaluate" | "predict":
                self._questions.put({"command": command, **arguments})
            case _:
                return False
        self._news.set()
        return True

    @property
    def stop_requested(self) -> bool:
        return self._stop.is_set()

    @property
    def park_requested(self) -> bool:
        return self._park.is_set()

    @property
    def hold_requested(self) -> bool:
        """May change at any moment, in either direction."""
        return self._hold.is_set()

    @property
    def leaving(self) -> bool:
        """Whether the work is to end soon, one way or the other."""
        return self._stop.is_set() or self._park.is_set()

    @property
    def interrupted(self) -> bool:
        """Whether anything asks for attention at the end of the step."""
        return self._stop.is_set() or self._park.is_set() or self._hold.is_set() or self._checkpoint.is_set()

    def take_checkpoint_request(self) -> bool:
        asked = self._checkpoint.is_set()
        self._checkpoint.clear()
        return asked

    def next_question(self, timeout: float) -> dict[str, Any] | None:
        """While holding: waits for a question, or for anything else to happen."""
        try:
            return self._questions.get_nowait()
        except queue.Empty:
            self._news.wait(timeout)
            self._news.clear()
        try:
            return self._questions.get_nowait()
        except queue.Empty:
            return None

    def request_stop(self) -> None:
        self.request("stop")

    def raise_if_stopped(self) -> None:
        """Raises :class:`StoppedByUser` once a stop was asked for."""
        if self.stop_requested:
            raise StoppedByUser("Stopped as asked.")

    def raise_if_leaving(self) -> None:
        """Likewise, or :class:`Parked` once the run is to be parked."""
        self.raise_if_stopped()
        if self.park_requested:
            raise Parked(*self.park_reason)


class Parked(Exception):
    """The run ends here for now; what its checkpoint holds is not lost. ``reason`` is a sentence.

    ``needed_bytes``: of disk, where that is why.
    """

    def __init__(self, reason: str, kind: str = "asked", needed_bytes: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.kind, self.needed_bytes = reason, kind, needed_bytes
