"""How a running job hears of the user's wishes."""

import threading

from tlstudio.api.errors import StoppedByUser


class Control:
    """Shared between the thread that listens and the generator that works; safe from any thread."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    @property
    def stop_requested(self) -> bool:
        return self._stop.is_set()

    def request_stop(self) -> None:
        self._stop.set()

    def raise_if_stopped(self) -> None:
        """Raises :class:`StoppedByUser` once a stop was asked for."""
        if self.stop_requested:
            raise StoppedByUser("Stopped as asked.")
