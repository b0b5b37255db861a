"""Sound out of the loudspeaker, by PortAudio (sounddevice), in a thread of its own."""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Signal, Slot

from tlstudio.gui.models.sounds import Wave

log = logging.getLogger(__name__)
_CHUNK = 0.04  # seconds: how fast it stops


def _portaudio() -> Any:
    """Raises ``OSError`` where the library is not there, ``ImportError`` where its wrapper is not."""
    import sounddevice

    return sounddevice


class Player(QObject):
    """``position`` in seconds is right at any time; ``ended`` when the sound is over or was stopped.

    ``reason`` says why nothing can be played here; it is known after :meth:`look`, and empty where one can.
    """

    looked = Signal()
    started = Signal()
    ended = Signal()
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None, backend: Callable[[], Any] = _portaudio) -> None:
        super().__init__(parent)
        self._backend = backend
        self._library: Any = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._all_stops = {self._stop}
        self.position = 0.0
        self.reason = ""
        self.destroyed.connect(_Stopper(self._all_stops))

    @property
    def playing(self) -> bool:
        return self._thread is not None and self._thread.is_alive() and not self._stop.is_set()

    def look(self) -> None:
        """Finds out in a thread whether there is anything to play with; ``looked`` follows."""
        threading.Thread(target=self._look, name="sound-device", daemon=True).start()

    def play(self, wave: Wave, rate: int, start: float = 0.0) -> None:
        """From ``start`` seconds on; what plays already is stopped."""
        self.stop()
        self._stop = threading.Event()
        self._all_stops.clear()
        self._all_stops.add(self._stop)
        self.position = start
        self._thread = threading.Thread(
            target=self._run, args=(wave, rate, start, self._stop), name="player", daemon=True
        )
        self._thread.start()

    @Slot()
    def stop(self) -> None:
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(timeout=1.0)

    def _look(self) -> None:
        try:
            self._library = self._backend()
            self._library.query_devices(kind="output")
            reason = ""
        except (ImportError, OSError) as error:
            log.info("No sound: %s", error)
            reason = "No sound can be played here: the library PortAudio is not installed on this machine."
        except Exception as error:  # noqa: BLE001 - PortAudio's own errors, whatever they are
            log.info("No sound: %s", error)
            reason = "No sound can be played here: this machine has no sound device."
        if shiboken6.isValid(self):
            self.reason = reason
            self.looked.emit()

    def _run(self, wave: Wave, rate: int, start: float, stop: threading.Event) -> None:
        try:
            size = max(1, int(_CHUNK * rate))
            with self._library.OutputStream(samplerate=rate, channels=1, dtype="float32") as stream:
                self._say(self.started)
                for begin in range(int(start * rate), len(wave), size):
                    if stop.is_set():
                        break
                    stream.write(wave[begin : begin + size].reshape(-1, 1))
                    self.position = min(len(wave), begin + size) / rate
        except Exception as error:
            log.exception("A sound could not be played")
            if shiboken6.isValid(self):
                self.failed.emit(f"The sound cannot be played: {error}.")
        self._say(self.ended)

    def _say(self, signal: Any) -> None:
        if shiboken6.isValid(self):
            with contextlib.suppress(RuntimeError):  # the window went away in between
                signal.emit()


class _Stopper:
    def __init__(self, stops: set[threading.Event]) -> None:
        self._stops = stops

    def __call__(self, *_gone: object) -> None:
        for stop in self._stops:
            stop.set()
