"""Reads an HTTP response in a thread of its own, so that whoever waits for it can stop waiting at once."""

import http.client
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from tlstudio.control import Control

T = TypeVar("T", bytes, http.client.HTTPResponse)

_BLOCK = 1 << 16
_POLL = 0.05  # seconds until a stop is noticed


class Stream:
    """A response that is being opened, then read. The thread ends with the response, or soon after ``close``."""

    def __init__(self, open_response: Callable[[], http.client.HTTPResponse]) -> None:
        self._answers: queue.Queue[http.client.HTTPResponse | Exception] = queue.Queue(1)
        self._blocks: queue.Queue[bytes | Exception] = queue.Queue(64)
        self._left = threading.Event()
        threading.Thread(target=self._run, args=(open_response,), daemon=True, name="download").start()

    def response(self, control: Control) -> http.client.HTTPResponse:
        """Waits for the headers. Raises what opening raised, or ``StoppedByUser``."""
        return _get(self._answers, control)

    def block(self, control: Control) -> bytes:
        """The next bytes, empty at the end. Raises what reading raised, or ``StoppedByUser``."""
        return _get(self._blocks, control)

    def close(self) -> None:
        self._left.set()

    def _run(self, open_response: Callable[[], http.client.HTTPResponse]) -> None:
        try:
            response = open_response()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            self._answers.put(error)
            return
        self._answers.put(response)
        with response:
            try:
                while self._put(block := response.read1(_BLOCK)) and block:
                    pass
            except Exception as error:  # noqa: BLE001 - likewise
                self._put(error)

    def _put(self, item: bytes | Exception) -> bool:
        while not self._left.is_set():
            try:
                self._blocks.put(item, timeout=_POLL)
                return True
            except queue.Full:
                continue
        return False


def _get(answers: "queue.Queue[T | Exception]", control: Control) -> T:
    while True:
        control.raise_if_stopped()
        try:
            item = answers.get(timeout=_POLL)
        except queue.Empty:
            continue
        if isinstance(item, Exception):
            raise item
        return item
