"""The child process that does the work: a run's folder or a named job in, events out.

``python -m tlstudio.worker RUN_DIR`` trains, going on where an interrupted run stood; ``python -m tlstudio.worker --job
NAME`` reads the job's arguments as one JSON line from standard input. Events go to standard output, one JSON object a
line (and into the run's ``events.jsonl``); commands come in on standard input, and into the run's mailbox.
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
from pathlib import Path
from typing import Any

from tlstudio import mailbox
from tlstudio.api.errors import StoppedByUser, StudioError
from tlstudio.api.events import Acknowledged, Event, Failed, Finished, JobStarted, to_json
from tlstudio.control import Control
from tlstudio.data.light_import import import_torchvision, lighten_optimizers
from tlstudio.event_log import EventLog
from tlstudio.locks import LOCK, FileLock, holder
from tlstudio.training import checkpoint_files

_MAILBOX_S = 0.05
_ENDING = "The system asked the worker to end (a shutdown, perhaps). Resume the run to go on."

JOBS = {
    "train": "tlstudio.training.run:train",
    "import-data": "tlstudio.data.importing:import_job",
    "export-data": "tlstudio.data.exporting:export_job",
    "import-weights": "tlstudio.weights.importing:import_job",
    "download-weights": "tlstudio.weights.download:download_job",
    "evaluate": "tlstudio.evaluation.evaluate:evaluate_job",
    "export": "tlstudio.export.export:export_job",
    "predict": "tlstudio.prediction.predict:predict_job",
    "install-plugin": "tlstudio.installer:install_job",
    "uninstall-plugin": "tlstudio.installer:uninstall_job",
    "check-plugin": "tlstudio.plugin_check:check_job",
    "demo": "tlstudio.demo:demo_job",
    "robustness": "tlstudio.robustness.measuring:robustness_job",
    "regions": "tlstudio.explain.regions:regions_job",
    "doctor": "tlstudio.doctor.job:doctor_job",
    "map": "tlstudio.doctor.maps:map_job",
    "augment": "tlstudio.data.augmenting:augment_job",
    "resplit": "tlstudio.data.resplitting:resplit_job",
    "find-rate": "tlstudio.finding.rate:find_rate_job",
    "find-batch": "tlstudio.finding.batch:find_batch_job",
    "measure": "tlstudio.comparing.measuring:measure_job",
    "rank": "tlstudio.ranking.job:rank_job",
}

_WITHOUT_TORCH = {
    "import-data", "export-data", "resplit", "download-weights", "predict", "install-plugin", "uninstall-plugin",
    "check-plugin",
}  # fmt: skip


def events_of(name: str, arguments: dict[str, Any], control: Control) -> Iterator[Event]:
    """Runs a job in this process. The last event is terminal, whatever happens."""
    yield from _guarded(name, arguments, control)


def run_events(
    run_dir: Path,
    control: Control,
    lines: Iterator[str] | None = None,
    tell: Callable[[Event], None] | None = None,
) -> Iterator[Event]:
    """Trains a run in this process; every event is in its history before it is handed out.

    Only one process at a time may work on a run; for others the only event is ``Failed``. ``lines``: commands, beside
    those that come by the mailbox. ``tell`` is given what has to be said while the run works: acknowledgements.
    """
    lock = FileLock(run_dir / LOCK)
    if not lock.acquire():
        who = holder(lock.path) or {}
        yield Failed(sentence=f"Run {run_dir.name} is being trained already, by process {who.get('pid', '?')}.")
        return
    try:
        checkpoint_files.begin(run_dir)
        with EventLog(run_dir, control) as log:
            listener = _Listener(run_dir, control, log, tell, lines)
            for event in _guarded("train", {"run_dir": str(run_dir)}, control):
                if event.terminal:
                    listener.end()  # a terminal event is the last of its history
                log.write(event)
                yield event
        if isinstance(event, Finished) and event.status == "finished":
            checkpoint_files.discard(run_dir)
    finally:
        lock.release()


def _guarded(name: str, arguments: dict[str, Any], control: Control) -> Iterator[Event]:
    try:
        if name not in _WITHOUT_TORCH:
            import_torchvision()
            lighten_optimizers()
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
    if isinstance(error, MemoryError) or any(sign in text for sign in ("failed to map segment", "allocate memory")):
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


def _listen(lines: Iterator[str], control: Control, tell: Callable[[Event], None]) -> None:
    for line in lines:
        if said := obey(line, control):
            tell(said)
    control.request("stop")  # whoever asked for this job is gone, and so is the use of its result


def obey(line: str, control: Control) -> Event | None:
    """Hands a command on; what there is to say about it at once."""
    command = mailbox.decode(line)
    if command is None or not control.request(**command):
        return None
    return Acknowledged(command=command["command"])


class _Listener:
    """Commands from the parent, and from processes that did not start this one."""

    def __init__(
        self,
        run_dir: Path,
        control: Control,
        log: EventLog,
        tell: Callable[[Event], None] | None,
        lines: Iterator[str] | None,
    ) -> None:
        self._control, self._log, self._tell = control, log, tell
        self._lock, self._ended = threading.Lock(), threading.Event()
        threading.Thread(target=self._read_mail, args=(mailbox.Reader(run_dir),), daemon=True).start()
        if lines is not None:
            threading.Thread(target=self._read_lines, args=(lines,), daemon=True).start()

    def end(self) -> None:
        with self._lock:
            self._ended.set()

    def _read_mail(self, reader: mailbox.Reader) -> None:
        while not self._ended.wait(_MAILBOX_S):
            for line in reader.lines():
                self._obey(line)

    def _read_lines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._obey(line)

    def _obey(self, line: str) -> None:
        with self._lock:
            said = None if self._ended.is_set() else obey(line, self._control)
            if said:
                self._log.write(said)
                if self._tell:
                    self._tell(said)


def main(argv: list[str]) -> int:
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the parent, which sends "stop"
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first
    wire, control, lines = _Wire(), Control(), _lines_in()
    from tlstudio import installer

    installer.activate()
    if argv[:1] == ["--job"]:
        name, arguments = argv[1], json.loads(next(lines))
        threading.Thread(target=_listen, args=(lines, control, wire.send), daemon=True).start()
        return _send_all(events_of(name, arguments, control), wire)
    run_dir = Path(argv[0])
    _log_to(run_dir / "log.txt")
    signal.signal(signal.SIGTERM, lambda *_: _park_soon(control))
    return _send_all(run_events(run_dir, control, lines, wire.send), wire)


def _park_soon(control: Control) -> None:
    """In a thread of its own, since a signal may come while this one holds the lock that a request takes."""
    threading.Thread(target=control.request, args=("park",), kwargs={"reason": _ENDING, "kind": "signal"}).start()


def _send_all(events: Iterator[Event], wire: _Wire) -> int:
    status = 0
    for event in events:
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
