"""Checks many samples in helper processes with a bounded number under way, so that memory stays flat."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice

from tlstudio.api.errors import UsageError
from tlstudio.data.inspecting import Sample, Seen, inspect

Done = tuple[int, Seen]
Say = Callable[[str], None]
INLINE_BELOW = 500  # samples; starting helpers takes longer than checking so few
_CHUNK_SECONDS = 0.05  # how long one helper is busy with one chunk: what a stop waits for
_MOST_FILES = 256  # a chunk
_PATIENCE_S = 5.0  # with a helper that is to end, and still reads a file
_STARTS = 2  # that failed: more are not tried
GUARD = "A script must begin its work under \"if __name__ == '__main__':\", since helpers read it, too."
NO_HELPERS = (
    f"The processes that help with checking do not start, so that this one does it alone, which is slower. {GUARD}"
)
_CRASHED = "Reading the file crashed the program that decodes it, so it is left out."


def helpers() -> int:
    """How many processes check files: one for each core that this process may use, at most eight."""
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, min(8, len(affinity(0)) if affinity else (os.cpu_count() or 1)))


def check_inline(
    factory: str,
    files: Iterable[Sample],
    raise_if_stopped: Callable[[], None],
    _say: Say | None = None,
) -> Iterator[list[Done]]:
    """As :func:`check_in_processes`, in this one."""
    for sample in files:
        raise_if_stopped()
        yield [(sample.number, inspect(factory, [sample])[0])]


def check_in_processes(
    factory: str, files: Iterable[Sample], raise_if_stopped: Callable[[], None], say: Say | None = None
) -> Iterator[list[Done]]:  # fmt: skip
    """Yields what was checked, chunk by chunk, in no particular order. A file that kills its helper is skipped.

    ``factory`` of the modality. Where helpers die before they do anything, ``say`` is given a sentence, and the rest is
    checked in this process. Raises ``UsageError`` in such a helper that reads a script without a guard.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself finds out
        raise UsageError(f"This process was to help with an import, and began one of its own. {GUARD}")
    waiting, failed = iter(files), 0
    while failed < _STARTS:
        lost: list[list[Sample]] = []
        done = yield from _until_broken(factory, waiting, raise_if_stopped, lost)
        if not lost:
            return
        again = deque(file for chunk in lost for file in chunk)
        failed = yield from _one_by_one(factory, again, raise_if_stopped, 0 if done else 1)
        waiting = chain(again, waiting)
    if say is not None:
        say(NO_HELPERS)
    yield from check_inline(factory, waiting, raise_if_stopped)


def _until_broken(
    factory: str, waiting: Iterator[Sample], raise_if_stopped: Callable[[], None], lost: list[list[Sample]]
) -> Generator[list[Done], None, int]:
    """Works until all is done or a helper has died; then ``lost`` holds the chunks that were under way. Returns how
    many were finished.
    """
    size, finished = 8, 0
    with _executor(helpers()) as executor:
        running: dict[concurrent.futures.Future[tuple[float, list[Seen]]], list[Sample]] = {}
        while True:
            raise_if_stopped()
            while len(running) < 3 * helpers() and (chunk := list(islice(waiting, size))):
                try:
                    running[executor.submit(_timed, factory, chunk)] = chunk
                except BrokenProcessPool:
                    lost.append(chunk)
                    break
            if not running:
                return finished
            done, _ = concurrent.futures.wait(running, timeout=0.1, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                chunk = running.pop(future)
                try:
                    seconds, results = future.result()
                except BrokenProcessPool:
                    lost.append(chunk)
                    continue
                finished += 1
                yield [(sample.number, result) for sample, result in zip(chunk, results, strict=True)]
                size = max(1, min(_MOST_FILES, 2 * size, int(len(chunk) * _CHUNK_SECONDS / max(seconds, 1e-4))))
            if lost:
                lost.extend(running.values())
                return finished


def _one_by_one(
    factory: str, files: deque[Sample], raise_if_stopped: Callable[[], None], failed: int
) -> Generator[list[Done], None, int]:
    """One helper, one file at a time, so that the file that kills it is known; then a new helper goes on.

    ``failed``: how many starts of helpers have come to nothing. Returns how many that are in the end; ``files`` then
    holds what is left.
    """
    while files and failed < _STARTS:
        with _executor(1) as executor:
            if not _starts(executor):
                failed += 1
                continue
            failed = 0
            while files:
                sample = files.popleft()
                try:
                    future = executor.submit(_timed, factory, [sample])
                    while not future.done():
                        raise_if_stopped()
                        concurrent.futures.wait([future], timeout=0.1)
                    result = future.result()[1][0]
                except BrokenProcessPool:
                    yield [(sample.number, Seen(reason=_CRASHED))]
                    break
                yield [(sample.number, result)]
    return failed


def _starts(executor: concurrent.futures.ProcessPoolExecutor) -> bool:
    """Whether its helper lives long enough to answer."""
    try:
        return executor.submit(os.getpid).result() > 0
    except BrokenProcessPool:
        return False


def _timed(factory: str, samples: list[Sample]) -> tuple[float, list[Seen]]:
    started = time.perf_counter()
    results = inspect(factory, samples)
    return time.perf_counter() - started, results


@contextlib.contextmanager
def _executor(count: int) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """What is under way when it ends may go on for ``_PATIENCE_S`` seconds; a helper that hangs is killed then."""
    others = {child.pid for child in multiprocessing.active_children()}

    def give_up() -> None:
        for child in multiprocessing.active_children():
            if child.pid not in others:
                child.kill()

    executor = concurrent.futures.ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )
    try:
        yield executor
    finally:
        watch = threading.Timer(_PATIENCE_S, give_up)
        watch.daemon = True
        watch.start()
        executor.shutdown(wait=True, cancel_futures=True)
        watch.cancel()
        watch.join()


def _end_with_parent() -> None:
    """A killed parent would leave its helpers waiting for ever; they watch it and leave with it."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
