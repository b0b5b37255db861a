"""Helpers that read files: what becomes of one that never comes back."""

import multiprocessing
import signal

import pytest

from tlstudio.data import pool
from tlstudio.data.inspecting import Sample


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="what waits for ever is POSIX here")
def test_that_a_helper_that_hangs_is_not_waited_for_when_its_work_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    asked = 0

    def stop() -> None:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise Stopped

    monkeypatch.setattr(pool, "_PATIENCE_S", 0.2)
    before = multiprocessing.active_children()
    with pytest.raises(Stopped):
        list(pool.check_in_processes("signal:pause", [Sample(0, "a.jpg", "a.jpg")], stop))
    assert multiprocessing.active_children() == before
