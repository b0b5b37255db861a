"""A run's history on disk: every event, a line each, whatever the disk is like."""

import contextlib
import os
import threading
from pathlib import Path

from tlstudio.api.events import Event, to_json
from tlstudio.control import Control
from tlstudio.training import checkpoint_files as files


class EventLog:
    """Appends to ``events.jsonl``; safe from any thread. Where the disk is full it gives up the space that was set
    aside, and asks the run to park; what could not be written then is kept and tried again with the next event.
    """

    def __init__(self, run_dir: Path, control: Control) -> None:
        self._run_dir, self._control = run_dir, control
        self._lock = threading.Lock()
        self._descriptor = os.open(run_dir / files.EVENTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._waiting = b""

    def write(self, event: Event) -> None:
        with self._lock:
            self._waiting += to_json(event).encode("utf-8", errors="surrogateescape") + b"\n"
            try:
                self._flush()
            except OSError as error:
                if not files.is_disk_full(error):
                    raise
                files.give_up_reserve(self._run_dir)
                self._control.request("park", reason=_reason(self._run_dir), kind="disk-full")
                with contextlib.suppress(OSError):  # still full: it is tried again with the next event
                    self._flush()
            if event.terminal:
                with contextlib.suppress(OSError):  # not every file system can
                    os.fsync(self._descriptor)

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            os.close(self._descriptor)

    def _flush(self) -> None:
        while self._waiting:
            self._waiting = self._waiting[os.write(self._descriptor, self._waiting) :]


def _reason(run_dir: Path) -> str:
    return (
        f"The disk that holds {run_dir} is full: what the run says can no longer be written down. The run is parked "
        "at its last checkpoint. Make room, and resume it."
    )
