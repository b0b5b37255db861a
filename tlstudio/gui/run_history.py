"""What runs have said to this window, lately."""

from collections import deque

from tlstudio.api.events import Event

_RECENT = 4000  # events that are kept of each run; its file has them all


class RunHistories:
    """By run. ``count`` goes on where old events are dropped."""

    def __init__(self) -> None:
        self._events: dict[int, deque[Event]] = {}
        self._counts: dict[int, int] = {}

    def add(self, run_id: int, event: Event) -> None:
        self._events.setdefault(run_id, deque(maxlen=_RECENT)).append(event)
        self._counts[run_id] = self.count(run_id) + 1

    def events(self, run_id: int) -> list[Event]:
        return list(self._events.get(run_id, ()))

    def count(self, run_id: int) -> int:
        """How many events of the run have come so far."""
        return self._counts.get(run_id, 0)

    def since(self, run_id: int, count: int) -> list[Event]:
        """The events after the first ``count``."""
        fresh = self.count(run_id) - count
        return self.events(run_id)[-fresh:] if fresh > 0 else []

    def clear(self) -> None:
        self._events.clear()
        self._counts.clear()
