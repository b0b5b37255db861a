"""One run at a time on a device, whichever project, window or terminal it came from."""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from tlstudio import locks, paths
from tlstudio.api.events import Event, Waiting
from tlstudio.control import Control
from tlstudio.training import devices
from tlstudio.training.holding import hold
from tlstudio.training.spec import RunSpec

_POLL_S = 0.25


class DeviceLock:
    def __init__(self, lock: locks.FileLock | None, title: str, who: dict[str, object]) -> None:
        self._lock, self._title, self._who = lock, title, who

    def wait(self, control: Control) -> Generator[Event, None, None]:
        """Returns once the device is ours. Raises what the control asks for meanwhile."""
        if self._lock is None:
            return
        told = ""
        while not self._acquire():
            who = locks.holder(self._lock.path) or {}
            text = f"Waits for the {self._title}: {_name(who)} is training on it."
            if text != told:
                yield Waiting(text=text)
            told = text
            yield from hold(control)
            control.raise_if_leaving()
            control.next_question(_POLL_S)  # nothing to be asked about yet; wakes up when something is wanted

    def release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _acquire(self) -> bool:
        assert self._lock is not None
        try:
            return self._lock.acquire(**self._who)
        except OSError:  # a file system without locks: better two runs on a device than none
            self._lock = None
            return True


@contextmanager
def device_lock(spec: RunSpec) -> Iterator[DeviceLock]:
    """To be waited for inside; not taken where the run is to train beside others."""
    device, _ = devices.find(spec.runtime.device)
    name = re.sub(r"[^a-z0-9]+", "-", str(device).lower())
    path = paths.cache_dir() / "devices" / f"{name}.lock"
    lock = DeviceLock(
        None if spec.runtime.beside else locks.FileLock(path),
        devices.title(device),
        {"run": spec.run, "project": spec.project},
    )
    try:
        yield lock
    finally:
        lock.release()


def _name(who: dict[str, object]) -> str:
    project = str(who.get("project", "")).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    return f"run {who['run']} of {project}" if who.get("run") else "another run"
