"""Follows a run's history on disk, also through its being cut back when an interrupted run goes on."""

from pathlib import Path

from tlstudio.api.events import Event, JobStarted, Resumed, from_json

_MARK = 256  # bytes before the position that tell whether the file is still the one that was read
_SESSION = b'{"type": "JobStarted"'
_AGAIN = "The run begins again, since there was no checkpoint yet."


class EventTail:
    """Hands out the events after ``position`` (default: where the file ends now), each once.

    Where the file was cut back, what follows is what the next worker says, beginning with its ``JobStarted``; its
    ``Resumed`` says which steps no longer count. Where it began from nothing, a ``Resumed`` to step 0 is put in.
    """

    def __init__(self, run_dir: Path, position: int | None = None) -> None:
        self._path = run_dir / "events.jsonl"
        before = self._bytes(0, self._size() if position is None else position)
        self.position = before.rfind(b"\n") + 1
        before = before[: self.position]
        self._mark, self._session = before[-_MARK:], _last_session(before)[1]
        self._size_seen, self._was_cut = -1, False

    def read(self) -> list[Event]:
        """What has been added since the last call."""
        size = self._size()
        if size == self._size_seen:
            return []
        data = self._bytes(self.position - len(self._mark), size)
        if data.startswith(self._mark):
            self._size_seen = size
            return self._take(data[len(self._mark) :])
        self._was_cut = True
        data = self._bytes(0, size)
        start, session = _last_session(data)
        if start < 0 or session == self._session:  # cut, and nothing said since
            start = data.rfind(b"\n") + 1
        self.position, self._mark = start, data[max(0, start - _MARK) : start]
        return self._take(data[start:])

    def _take(self, data: bytes) -> list[Event]:
        """``data`` lies at the position; takes its complete lines."""
        whole = data[: data.rfind(b"\n") + 1]
        from_start = self.position == 0
        self.position += len(whole)
        self._mark = (self._mark + whole)[-_MARK:]
        self._session = _last_session(whole)[1] or self._session
        lines = whole.decode("utf-8", errors="replace").split("\n")
        events = [event for line in lines if (event := from_json(line)) is not None]
        if self._was_cut and from_start and events and isinstance(events[0], JobStarted):
            events.insert(1, Resumed(step=0, epoch=0, text=_AGAIN))
        return events

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def _bytes(self, start: int, end: int) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                return file.read(max(0, end - start))
        except OSError:
            return b""


def _last_session(data: bytes) -> tuple[int, bytes]:
    """Where the last worker's first word stands, and that line; -1 where there is none."""
    start = len(data)
    while (start := data.rfind(_SESSION, 0, start)) >= 0:
        if start == 0 or data[start - 1 : start] == b"\n":
            return start, data[start:].partition(b"\n")[0]
    return -1, b""
