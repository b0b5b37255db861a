"""One stage of a long piece of work: its name, its progress with an estimate, and where it can be interrupted."""

import time
from collections.abc import Generator

from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.doctor.cache import DoctorCache
from tlstudio.training.holding import hold


class Stage:
    """``text`` is what is shown meanwhile; ``unit`` what is counted."""

    def __init__(self, text: str, control: Control, cache: DoctorCache, unit: str = "items") -> None:
        self.text, self.unit, self.cache = text, unit, cache
        self._control = control

    @classmethod
    def silent(cls) -> "Stage":
        """For matrices alone: nobody listens and nothing is kept."""
        return cls("", Control(), DoctorCache(None))

    def pause(self) -> Generator[Event, None, None]:
        """Waits where that was asked for. Raises ``StoppedByUser``."""
        yield from hold(self._control)
        self._control.raise_if_stopped()

    def meter(self, total: int) -> "Meter":
        return Meter(total, self.unit, self.text)


class Meter:
    """Progress events, at most ten a second and one at the end."""

    def __init__(self, total: int, unit: str, text: str) -> None:
        self._total, self._unit, self._text = total, unit, text
        self._done, self._begun, self._told = 0, time.monotonic(), 0.0

    def advance(self, count: int = 1) -> Generator[Event, None, None]:
        self._done += count
        now = time.monotonic()
        if now - self._told < 0.1 and self._done < self._total:
            return
        self._told = now
        eta = (now - self._begun) / max(self._done, 1) * (self._total - self._done)
        yield Progress(done=self._done, total=self._total, unit=self._unit, text=self._text, eta=round(eta, 1))
