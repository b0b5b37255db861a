"""The child process that does the work: a run's folder or a named job in, events out.

``python -m tlstudio.worker RUN_DIR`` trains; ``python -m tlstudio.worker --job NAME`` reads the job's arguments as
one JSON line from standard input. Events go to standard output, one JSON object a line (and into the run's
``events.jsonl``); commands (``stop``) come in on standard input, a line each.
"""

import faulthandler
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

from tlstudio.api.errors import StoppedByUser, StudioError
from tlstudio.api.events import Event, Failed, Finished, JobStarted, StopAcknowledged, to_json
from tlstudio.control import Control

JOBS = {
    "train": "tlstudio.training.run:train",
    "import-data": "tlstudio.data.importing:import_job",
    "import-weights": "tlstudio.weights.importing:import_job",
    "download-weights": "tlstudio.weights.download:download_job",
    "evaluate": "tlstudio.evaluation.evaluate:evaluate_job",
    "export": "tlstudio.export.export:export_job",
    "predict": "tlstudio.prediction.predict:predict_job",
    "install-plugin": "tlstudio.installer:install_job",
    "uninstall-plugin": "tlstudio.installer:uninstall_job",
    "demo": "tlstudio.demo:demo_job",
}


def events_of(name: str, arguments: dict[str, Any], control: Control, log: TextIO | None = None) -> Iterator[Event]:
    """Runs a job in this process. The last event is terminal, whatever happens. ``log`` receives every event."""
    for event in _guarded(name, arguments, control):
        if log is not None:
            log.write(to_json(event) + "\n")
            log.flush()
        yield event


def _guarded(name: str, arguments: dict[str, Any], control: Control) -> Iterator[Event]:
    try:
        module_name, _, attribute = JOBS[name].partition(":")
        job: Callable[..., Generator[Event, None, dict[str, Any]]]
        job = getattr(importlib.import_module(module_name), attribute)
        yield JobStarted(title=name, pid=os.getpid())
        result = yield from job(control, **arguments)
        yield Finished(status=result.get("status", "finished"), result=result)
    except StoppedByUser as stop:
        yield Finished(status="stopped", result={"status": "stopped", "message": str(stop)})
    except StudioError as error:
        yield Failed(
            sentence=str(error),
            kind=type(error).__name__,
            traceback=traceback.format_exc(),
            exit_status=error.exit_status,
        )
    except Exception as error:  # noqa: BLE001 - a job may raise anything; the user gets a sentence and the traceback
        yield Failed(sentence=_sentence(error), kind=type(error).__name__, traceback=traceback.format_exc())


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())[:400].rstrip(".")
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return "The machine ran out of memory. Use a smaller batch or a smaller backbone, or close other programs."
    if isinstance(error, OSError) and error.errno == 28:
        return f"The disk is full: {error.filename or 'a file'} could not be written. Free some space and try again."
    return f"The work ended with an unexpected {name}{f': {text}' if text else ''}."


class _Wire:
    """Standard output as it was before anything could print into it; a reader that has gone away is no error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogateescape")
        os.dup2(2, 1)

    def send(self, event: Event) -> None:
        with self._lock:
            try:
                self._out.write(to_json(event) + "\n")
                self._out.flush()
            except OSError:
                self._out = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - stays open to the end


def _lines_in() -> Iterator[str]:
    """Lines of standard input, read below ``sys.stdin``: a thread that waits inside that object holds its lock, and
    a loader process forked meanwhile would wait for it for ever when it closes its copy.
    """
    rest = b""
    while chunk := os.read(0, 65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", errors="replace").strip() for line in lines)


def _listen(lines: Iterator[str], control: Control, wire: _Wire, stop_at_end: bool) -> None:
    for line in lines:
        if line == "stop":
            control.request_stop()
            wire.send(StopAcknowledged())
    if stop_at_end:  # whoever asked for this job is gone, and so is the use of its result
        control.request_stop()


def main(argv: list[str]) -> int:
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the parent, which sends "stop"
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first
    wire, control, lines = _Wire(), Control(), _lines_in()
    from tlstudio import installer

    installer.activate()
    if argv[:1] == ["--job"]:
        name, arguments, run_dir = argv[1], json.loads(next(lines)), None
    else:
        run_dir = Path(argv[0])
        name, arguments = "train", {"run_dir": str(run_dir)}
        _log_to(run_dir / "log.txt")
    threading.Thread(target=_listen, args=(lines, control, wire, run_dir is None), daemon=True).start()
    status = 0
    with (run_dir / "events.jsonl").open("a", encoding="utf-8") if run_dir else nullcontext() as log:
        for event in events_of(name, arguments, control, log):
            wire.send(event)
            if isinstance(event, Failed):
                sys.stderr.write(event.traceback)
                status = event.exit_status
    return status


def _log_to(path: Path) -> None:
    """Everything that libraries write, and a crash's stack, lands in the run's log."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 2)
    os.dup2(descriptor, 1)
    os.close(descriptor)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # loader processes and CUDA need no farewell, and cannot keep a finished run waiting
